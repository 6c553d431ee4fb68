"""The refining profiles: for each, what a model is shown of a text, and within which limits.

A profile is a frozen value; `prompts` is the only thing that reads it. The published profiles reproduce what the
released models were trained on and asked (prox-refining language models, arXiv 2409.17115 and its scripts): the
Llama 2 chat prompt around a whole document, or around a chunk of numbered lines in `[doc]`.

With `parity` the prompts are the published ones token for token, quirks included. Without it (the default) three
things are made safe: a long document is cut before ` [/INST]` and not through it, a carriage return is not shown, and
text that looks like part of the prompt (`[INST]`, `[/doc]`, `</s>`, a line number) is shown with round brackets.
Only the prompt changes; the text that the programs are executed on does not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Literal

from prox_spark.chunks import Chunk, Tokenizer, chunk
from prox_spark.engines.seam import DummyPrefix, Prompt, PromptTokenizer
from prox_spark.errors import ConfigError
from prox_spark.program import grammar
from prox_spark.program.operations import Level

PromptFormat = Literal["llama2", "plain", "raw"]

PROMPTS_VERSION = 1
"""Part of every profile's fingerprint: raise it with every change of how prompts are made."""

_SYSTEM = "You are a helpful, respectful and honest assistant."

_PROMPT_MARKS = re.compile(
    r"</?(?:s|unk|pad|bos|eos)>|<\|[^|<>\s]{1,32}\|>|<(?:start|end)_of_turn>|<</?(?i:SYS)>>|\[/?(?i:INST|doc)\]"
)
_BREAKS = r"\v\f\x1c-\x1e\x85\u2028\u2029"
_LINE_NUMBER = re.compile(rf"((?:^|[{_BREAKS}])[^\S\n{_BREAKS}]*)\[([0-9]+)\]", re.MULTILINE)
_ROUND = str.maketrans("<>[]", "()()")


@dataclass(frozen=True, slots=True)
class Profile:
    """Say how a text becomes prompts.

    Attributes:
        name: What users call it; not part of its fingerprint.
        level: `document` (one prompt with the text as it is) or `chunk` (one per chunk of numbered lines).
        prompt_format: `llama2` (system text and user turn), `plain` (the user turn alone) or `raw` (the text or the
            numbered lines alone, for engines that are no models).
        system: The system text of the format llama2.
        max_prompt_tokens: Longest prompt, wrapper included: a longer document is cut, a longer chunk is skipped; None
            for no limit.
        max_chunk_tokens: Size of a chunk as the chunker counts it.
        max_new_tokens: Longest completion.
        context_tokens: What prompt and completion share; None for no limit.
        parity: Whether the prompts are the published ones, quirks included.
        constrain: Whether the model may write nothing but programs about the lines that it is shown.
        line_chars: Of a longer line only so many characters are shown, its beginning and its end, and about how many it
            has; None shows all. A document for a model is then shown without blank lines and, where it has too many
            tokens, without its shortest lines; engines that are no models read it as it is.
        max_lines: A chunk with a line behind so many is skipped: the model has no words for such numbers; None for no
            limit.
    """

    name: str
    level: Level
    prompt_format: PromptFormat
    system: str = _SYSTEM
    max_prompt_tokens: int | None = None
    max_chunk_tokens: int = 1500
    max_new_tokens: int = 256
    context_tokens: int | None = None
    parity: bool = False
    constrain: bool = False
    line_chars: int | None = None
    max_lines: int | None = None


def _document(name: str) -> Profile:
    return Profile(name, "document", "llama2", max_prompt_tokens=2000, max_new_tokens=2000, context_tokens=2048)


def _chunk(name: str) -> Profile:
    return Profile(name, "chunk", "llama2", max_prompt_tokens=2048 - 256, max_new_tokens=256, context_tokens=2048)


_WHOLE_PAGE = 100_000
"""Words: the tagger reads a page as a whole, as what a line is shows in the lines around it."""


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        _document("prox-web-doc"),
        _chunk("prox-web-chunk"),
        _document("prox-math-doc"),
        _chunk("prox-math-chunk"),
        Profile(
            "tiny-doc",
            "document",
            "raw",
            system="",
            max_prompt_tokens=900,
            max_new_tokens=16,
            context_tokens=1280,
            line_chars=12,
        ),
        Profile("tiny-chunk", "chunk", "raw", system="", max_chunk_tokens=_WHOLE_PAGE),
        Profile(
            "tiny-lm-chunk",
            "chunk",
            "plain",
            system="",
            max_prompt_tokens=1280 - 160,
            max_chunk_tokens=1000,
            max_new_tokens=160,
            context_tokens=1280,
            line_chars=21,
            max_lines=1000,
        ),
        Profile("rules-doc", "document", "raw", system=""),
        Profile("rules-chunk", "chunk", "raw", system=""),
    )
}
"""Every profile by its name; another prompt format is `dataclasses.replace(profile, prompt_format=...)`."""


def find(
    name: str, *, prompt_format: PromptFormat | None = None, parity: bool = False, constrain: bool | None = None
) -> Profile:
    """Give the profile of that name, with another prompt format and constraint if they are given.

    Raises:
        ConfigError: There is no such profile; names those there are.
    """
    profile = PROFILES.get(name)
    if profile is None:
        raise ConfigError(f"there is no profile {name!r}; profiles are: {', '.join(PROFILES)}")
    constrain = profile.constrain if constrain is None else constrain
    return replace(profile, prompt_format=prompt_format or profile.prompt_format, parity=parity, constrain=constrain)


def profile_fingerprint(profile: Profile) -> str:
    """Give a SHA-256 in hex over everything in the profile that decides its prompts; its name does not."""
    parts = {**asdict(profile), "name": None, "version": PROMPTS_VERSION}
    if parts.pop("constrain"):
        parts["grammar"] = grammar.VERSION
    if parts["max_lines"] is None:
        del parts["max_lines"]  # as it was before there was such a limit
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def prompts(profile: Profile, text: str, tokenizer: Tokenizer) -> list[tuple[Chunk, Prompt | None]]:
    r"""Make the prompts for a text: one for the whole document, or one for each chunk of its lines.

    The chunks cover all lines of `text.split("\n")`; a chunk's `prompt` is what the model is shown of it, without the
    wrapper. None stands for a chunk that cannot fit the model.

    Args:
        tokenizer: The engine's. With a `PromptTokenizer` the prompts carry token ids and respect the limits exactly;
            otherwise they are text, and only the chunker's limit holds.
    """
    shown = text if profile.parity else _shown(text, profile.level)
    if profile.level == "document":
        made = [_document_prompt(profile, shown, tokenizer)]
    else:
        if profile.line_chars is not None:
            shown = "\n".join(_shortened(line, profile.line_chars) for line in shown.split("\n"))
        made = _chunk_prompts(profile, shown, tokenizer)
    return _constrained(profile, text, made) if profile.constrain else made


def _constrained(
    profile: Profile, text: str, made: list[tuple[Chunk, Prompt | None]]
) -> list[tuple[Chunk, Prompt | None]]:
    """Add to each prompt what may be answered: strings are quoted from the text as it is, not as it is shown."""
    lines = text.split("\n")

    def allowed(part: Chunk) -> str:
        if profile.level == "document":
            return grammar.VERDICTS
        return grammar.chunk_grammar(lines[part.line_start : part.line_end + 1], part.line_start)

    return [(part, prompt and replace(prompt, grammar=allowed(part))) for part, prompt in made]


def shown_line(line: str, profile: Profile) -> str:
    """Give a line as the profile shows it to a model, without its number."""
    shown = line if profile.parity else _shown(line, profile.level)
    return shown if profile.line_chars is None else _shortened(shown, profile.line_chars)


def _shown(text: str, level: Level) -> str:
    r"""Make text safe to stand in a prompt; the number of lines stays.

    >>> _shown("Home\r\n[003] </s> [/doc]", "chunk")
    'Home\n(003) (/s) (/doc)'
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", " ")
    text = _PROMPT_MARKS.sub(lambda mark: mark[0].translate(_ROUND), text)
    return _LINE_NUMBER.sub(r"\1(\2)", text) if level == "chunk" else text


LENGTHS = (30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960)
"""The lengths that are told of long lines: the largest that is not more, at least the first."""


def _shortened(line: str, most: int) -> str:
    """Show the beginning and the end of a long line, and about how long it is.

    >>> _shortened("It rained all day, and the river rose.", 12)
    'It raine…ose.…30'
    """
    if len(line) <= most:
        return line
    tail = most // 3
    length = max((length for length in LENGTHS if length <= len(line)), default=LENGTHS[0])
    return f"{line[: most - tail]}\u2026{line[-tail:]}\u2026{length}"


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


def _prompt(profile: Profile, rendered: str, token_ids: Sequence[int]) -> Prompt:
    room = profile.max_new_tokens
    if profile.context_tokens is not None:
        room = max(1, min(room, profile.context_tokens - len(token_ids)))
    return Prompt(rendered, tuple(token_ids), room, profile.level)


def _rendered(profile: Profile, text: str) -> str:
    if profile.prompt_format == "raw":
        return text
    turn = f"[doc]\n{text}\n[/doc]" if profile.level == "chunk" else text
    if profile.prompt_format == "plain":
        return turn
    return f"<s>[INST] <<SYS>>\n{profile.system}\n<</SYS>>\n\n{turn.strip()} [/INST]"


def _encoded(profile: Profile, rendered: str, tokenizer: PromptTokenizer) -> list[int]:
    """Encode as the published scripts do.

    For documents they render and encode with the slow tokenizer: the `<s>` of the template is the only BOS. For chunks
    they hand the rendered string to the engine, which encodes it with the fast tokenizer and puts a second BOS first.
    """
    if profile.prompt_format == "llama2" and profile.level == "document":
        return tokenizer.encode(rendered, add_bos=False, dummy_prefix="first")
    prefix: DummyPrefix = "always" if profile.level == "chunk" else "first"
    return tokenizer.encode(rendered, add_bos=True, dummy_prefix=prefix)
