"""The prompts of a text: one for the whole document, one for each chunk of ProX, or one for each window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from prox_spark.chunks import Chunk, Tokenizer, chunk
from prox_spark.engines.seam import DummyPrefix, Prompt, PromptTokenizer
from prox_spark.profiles import windows
from prox_spark.profiles.profile import Profile
from prox_spark.profiles.rendered import rendered as _rendered
from prox_spark.profiles.rendered import sized as _prompt
from prox_spark.profiles.shown import shortened as _shortened
from prox_spark.profiles.shown import shown_text
from prox_spark.program import grammar, grammars


def prompts(profile: Profile, text: str, tokenizer: Tokenizer) -> list[tuple[Chunk, Prompt | None]]:
    r"""Make the prompts for a text: one for the whole document, or one for each chunk of its lines.

    The chunks cover all lines of `text.split("\n")`; a chunk's `prompt` is what the model is shown of it, without the
    wrapper. None stands for a chunk that cannot fit the model.

    Args:
        tokenizer: The engine's. With a `PromptTokenizer` the prompts carry token ids and respect the limits exactly;
            otherwise they are text, and only the chunker's limit holds.
    """
    shown = shown_text(profile, text)
    if profile.level == "document":
        made = [_document_prompt(profile, shown, tokenizer)]
    elif profile.numbering is not None:
        made = windows.prompts(profile, shown, tokenizer)
    else:
        if profile.line_chars is not None:
            shown = "\n".join(_shortened(line, profile.line_chars) for line in shown.split("\n"))
        made = _chunk_prompts(profile, shown, tokenizer)
    return _constrained(profile, text, made) if profile.constrain else made


def _constrained(
    profile: Profile, text: str, made: list[tuple[Chunk, Prompt | None]]
) -> list[tuple[Chunk, Prompt | None]]:
    """Add to each prompt what may be answered: strings are quoted from the text as it is, not as it is shown.

    With parity lines are those that are shown, which end at a lone carriage return too.
    """
    lines = (shown_text(profile, text) if profile.parity else text).split("\n")

    def allowed(part: Chunk) -> str:
        if profile.level == "document":
            return grammar.VERDICTS
        if profile.grammar in grammars.GRAMMARS:
            return grammars.answers(profile.grammar, lines, part)
        return grammar.chunk_grammar(lines[part.line_start : part.line_end + 1], part.line_start)

    return [(part, prompt and replace(prompt, grammar=allowed(part))) for part, prompt in made]


def _document_prompt(profile: Profile, text: str, tokenizer: Tokenizer) -> tuple[Chunk, Prompt | None]:
    if isinstance(tokenizer, PromptTokenizer):
        rendered, token_ids = _cut(profile, _outline(profile, text, tokenizer), tokenizer)
        prompt, tokens = _prompt(profile, rendered, token_ids), len(token_ids)
    else:
        prompt = Prompt(_rendered(profile, text), None, profile.max_new_tokens, profile.level)
        tokens = tokenizer.count([text])[0]
    return Chunk(index=0, line_start=0, line_end=text.count("\n"), prompt=text, tokens=tokens), prompt


def _outline(profile: Profile, text: str, tokenizer: PromptTokenizer) -> str:
    """Show the lines of a document shortly, so that more of it fits."""
    if profile.line_chars is None:
        return text
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    shown = [_shortened(line, profile.line_chars) for line in lines]
    if profile.max_prompt_tokens is None:
        return "\n".join(shown)
    counts = tokenizer.count(shown)  # one more than its own tokens for each line: its break
    return "\n".join(shown[number] for number in longest(list(map(len, lines)), counts, profile.max_prompt_tokens - 1))


def longest(lengths: Sequence[int], costs: Sequence[int], room: int) -> list[int]:
    """Choose the longest lines that fit together, in their order; of lines of one length the first.

    >>> longest([4, 38, 4, 25], [2, 6, 2, 6], 14)
    [0, 1, 3]
    """
    chosen = []
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        room -= costs[number]
        if room < 0:
            break
        chosen.append(number)
    return sorted(chosen)


def _cut(profile: Profile, text: str, tokenizer: PromptTokenizer) -> tuple[str, list[int]]:
    """Cut a document that is too long: with parity through the rendered prompt, else before the end of the turn."""
    limit = profile.max_prompt_tokens
    if limit is None or profile.parity:
        rendered = _rendered(profile, text)
        return rendered, _encoded(profile, rendered, tokenizer)[:limit]
    text = text.strip()
    budget = limit
    while True:
        rendered = _rendered(profile, tokenizer.truncate(text, budget))
        token_ids = _encoded(profile, rendered, tokenizer)
        excess = len(token_ids) - limit
        if excess <= 0 or budget == 0:
            return rendered, token_ids
        budget = max(0, budget - excess)


def _chunk_prompts(profile: Profile, text: str, tokenizer: Tokenizer) -> list[tuple[Chunk, Prompt | None]]:
    if not isinstance(tokenizer, PromptTokenizer):
        parts = chunk(text, tokenizer, max_tokens=profile.max_chunk_tokens)
        return [(part, _text_prompt(profile, part)) for part in parts]
    lines = _Lines(profile, tokenizer)
    parts = chunk(text, lines, max_tokens=profile.max_chunk_tokens)
    fitting = [part for part in parts if _may_fit(profile, part)]
    encoded = iter(lines.prompts(fitting))
    made: list[tuple[Chunk, Prompt | None]] = [(part, None) for part in parts]
    for part in fitting:
        token_ids = next(encoded)
        if profile.max_prompt_tokens is None or len(token_ids) <= profile.max_prompt_tokens:
            made[part.index] = part, _prompt(profile, _rendered(profile, part.prompt), token_ids)
    return made


def _text_prompt(profile: Profile, part: Chunk) -> Prompt | None:
    too_long = profile.max_prompt_tokens is not None and part.tokens > profile.max_chunk_tokens
    if too_long or not _may_fit(profile, replace(part, tokens=0)):
        return None
    return Prompt(_rendered(profile, part.prompt), None, profile.max_new_tokens, profile.level)


def _may_fit(profile: Profile, part: Chunk) -> bool:
    if profile.max_lines is not None and part.line_end >= profile.max_lines:
        return False
    return profile.max_prompt_tokens is None or part.tokens <= profile.max_prompt_tokens  # else one overlong line


_HERE = "\0"


class _Lines:
    """The numbered lines of one text: each is encoded once, to be counted and then to be joined to prompts.

    Where the tokenizer does not allow that, lines are counted and prompts are encoded each on their own.
    """

    def __init__(self, profile: Profile, tokenizer: PromptTokenizer) -> None:
        self._profile, self._tokenizer = profile, tokenizer
        self._ids: list[tuple[int, ...]] | None = None
        # What stands around the lines: as the lines do, it ends at a line break.
        before, _, behind = _rendered(profile, _HERE).partition(f"\n{_HERE}\n")
        ends = tokenizer.encode_lines([behind, "["]) if behind else None
        if ends is not None:
            self._ids = []
            self._before, self._behind = _encoded(profile, before, tokenizer), ends[0]
            # A line alone gets a BOS and a space in front of its "[", and no break; its number keeps the rest apart.
            self._more = tokenizer.count(["["])[0] - len(ends[1])

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of lines, each with a BOS, as the chunker is used to."""
        encoded = self._tokenizer.encode_lines(texts) if self._ids is not None else None
        if self._ids is None or encoded is None:
            self._ids = None
            return self._tokenizer.count(texts)
        self._ids += encoded
        return [len(ids) + self._more for ids in encoded]

    def prompts(self, parts: Sequence[Chunk]) -> list[Sequence[int]]:
        """Encode the prompts of chunks."""
        if self._ids is None:
            rendered = [_rendered(self._profile, part.prompt) for part in parts]
            return list(self._tokenizer.encode_batch(rendered, dummy_prefix="always"))
        lines = self._ids
        return [
            (*self._before, *chain.from_iterable(lines[part.line_start : part.line_end + 1]), *self._behind)
            for part in parts
        ]


def _encoded(profile: Profile, rendered: str, tokenizer: PromptTokenizer) -> list[int]:
    """Encode as the published scripts do.

    For documents they render and encode with the slow tokenizer: the `<s>` of the template is the only BOS. For chunks
    they hand the rendered string to the engine, which encodes it with the fast tokenizer and puts a second BOS first.
    """
    if profile.prompt_format == "llama2" and profile.level == "document":
        return tokenizer.encode(rendered, add_bos=False, dummy_prefix="first")
    prefix: DummyPrefix = "always" if profile.level == "chunk" else "first"
    return tokenizer.encode(rendered, add_bos=True, dummy_prefix=prefix)
