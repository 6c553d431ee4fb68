"""The chunker: numbers a document's lines and cuts it into the windows that a model is prompted with.

`chunk` is ProX's: windows of tokens that share no line. `cut` is the other refiners': windows that may overlap, each
line owned by the first window that shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

MAX_TOKENS = 1500
"""The reference's window."""

_BATCH_LINES = 4096
"""Lines tokenised in one call: enough to keep the tokenizer's threads busy, few enough to bound memory."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One window of a document.

    Attributes:
        index: 0-based place among the document's chunks.
        line_start: First line, 0-based over the whole document.
        line_end: Last line, inclusive.
        prompt: The numbered lines, without any wrapper.
        tokens: Their tokens as the chunker counts: one beginning-of-sequence token a line.
        own_start: First line that its program may touch; None where windows do not overlap, and all are its own.
        own_end: Last line that its program may touch, inclusive; before `own_start` where no line is left for it.
        number_base: The number that line 0 of the document has, or that the first of `lines` has.
        lines: The document's lines that are shown, where not all are.
    """

    index: int
    line_start: int
    line_end: int
    prompt: str
    tokens: int
    own_start: int | None = None
    own_end: int | None = None
    number_base: int = 0
    lines: tuple[int, ...] | None = None

    def line_of(self, number: int) -> int | None:
        """Give the document's line that a model means by a number; None where the chunk shows no such number.

        >>> part = Chunk(0, 4, 6, "<lid:5>...", 9, number_base=1)
        >>> part.line_of(5), part.line_of(8)
        (4, None)
        """
        place = number - self.number_base
        if self.lines is not None:
            return self.lines[place] if 0 <= place < len(self.lines) else None
        return place if self.line_start <= place <= self.line_end else None


@dataclass(frozen=True, slots=True)
class Numbering:
    """How lines are shown to a model.

    Attributes:
        marker: What stands before a line, a format of its number `n`; None where nobody has said.
        base: The number of the first line.
        over: Whether the numbers run over the document, or begin anew in every window.
        shown: `all` lines, or those that are not blank, without the whitespace around them (`nonblank_stripped`).
    """

    marker: str | None = "[{n:03d}]"
    base: int = 0
    over: Literal["document", "window"] = "document"
    shown: Literal["all", "nonblank_stripped"] = "all"


@dataclass(frozen=True, slots=True)
class Window:
    """How much of a document is shown at a time.

    Attributes:
        size: Most characters of the numbered lines, their breaks included, or most of their tokens; one line always
            makes a window.
        unit: What `size` counts.
        overlap: Share of a window that the next one shows again, in whole lines.
    """

    size: int
    unit: Literal["chars", "tokens"] = "chars"
    overlap: float = 0.0


@runtime_checkable
class Tokenizer(Protocol):
    """Count tokens; what the chunker needs to know of a model."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, the beginning-of-sequence token included."""
        ...


@dataclass(frozen=True, slots=True)
class WordTokenizer:
    """Count words, and two tokens more for marker and beginning: for engines that have no tokenizer."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the runs of characters other than blanks of each text, plus two.

        >>> WordTokenizer().count(["[000]one two", "[001]"])
        [4, 3]
        """
        return [len(text.split()) + 2 for text in texts]


@dataclass(frozen=True, slots=True)
class _FastTokenizer:
    """Count with a `tokenizers.Tokenizer`, which encodes a batch on all cores."""

    tokenizer: Any

    def count(self, texts: Sequence[str]) -> list[int]:
        tokenizer = self.tokenizer
        if tokenizer.truncation is not None or tokenizer.padding is not None:
            tokenizer = type(tokenizer).from_str(tokenizer.to_str())
            tokenizer.no_truncation()
            tokenizer.no_padding()
        return _lengths(tokenizer, texts)


@dataclass(frozen=True, slots=True)
class _ModelTokenizer:
    """Count with a transformers tokenizer, past its own per-call work where a fast one stands behind it."""

    tokenizer: Any

    def count(self, texts: Sequence[str]) -> list[int]:
        fast = getattr(self.tokenizer, "backend_tokenizer", None)
        if fast is None:
            return [len(ids) for ids in self.tokenizer(list(texts), verbose=False)["input_ids"]]
        fast.no_truncation()  # an earlier call may have left a limit; each call of transformers sets its own again
        fast.no_padding()
        return _lengths(fast, texts)


def _lengths(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    encode = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)  # without offsets, where it exists
    return [len(encoding) for encoding in encode(list(texts))]


def as_tokenizer(tokenizer: object) -> Tokenizer:
    """Adapt an object with `count`, a `tokenizers.Tokenizer`, or a transformers tokenizer.

    Raises:
        TypeError: It is none of these.
    """
    if isinstance(tokenizer, Tokenizer):
        return tokenizer
    if hasattr(tokenizer, "encode_batch"):
        return _FastTokenizer(tokenizer)
    if callable(tokenizer):
        return _ModelTokenizer(tokenizer)
    raise TypeError(
        f"a tokenizer has count(texts) or encode_batch(texts), or is called; got {type(tokenizer).__name__}"
    )


def number_lines(lines: Sequence[str]) -> list[str]:
    """Write each line's number before it, as the models were taught: three digits or more.

    >>> number_lines(["A title", "", "A line"])
    ['[000]A title', '[001]', '[002]A line']
    """
    return [f"[{number:03d}]{line}" for number, line in enumerate(lines)]


def chunk(text: str, tokenizer: object, *, max_tokens: int = MAX_TOKENS) -> list[Chunk]:
    r"""Cut a text into chunks of whole lines with at most `max_tokens` tokens, in order and without a gap.

    A line that alone has more tokens is a chunk of its own; its `tokens` say so.

    >>> [(part.line_start, part.line_end) for part in chunk("a b\nc\nd e f", WordTokenizer(), max_tokens=8)]
    [(0, 1), (2, 2)]
    """
    numbered = number_lines(text.split("\n"))
    counts = _count(as_tokenizer(tokenizer), numbered)
    return [
        Chunk(index, start, end, "\n".join(numbered[start : end + 1]), tokens)
        for index, (start, end, tokens) in enumerate(_windows(counts, max_tokens))
    ]


def cut(text: str, tokenizer: object, numbering: Numbering, window: Window | None) -> list[Chunk]:
    r"""Cut a text into windows of whole lines that may overlap; None shows it in one.

    A line belongs to the first window that shows it; a window that owns all it shows says None. The chunks' `tokens`
    are those of their numbered lines with their breaks where the window counts tokens, else 0.

    >>> parts = cut("aaaa\nbb\ncccc", WordTokenizer(), Numbering("<{n}>", 1), Window(14, overlap=0.5))
    >>> [(part.prompt, part.own_start, part.own_end) for part in parts]
    [('<1>aaaa\n<2>bb', None, None), ('<2>bb\n<3>cccc', 2, 2)]
    """
    lines, places = text.split("\n"), None
    last_line = len(lines) - 1
    if numbering.shown == "nonblank_stripped":
        places = tuple(place for place, line in enumerate(lines) if line.strip())
        lines = [lines[place].strip() for place in places]
    if not lines:
        return [Chunk(0, 0, last_line, "", 0, number_base=numbering.base, lines=())]
    numbered = _marked(lines, numbering)
    costs = _costs(numbered, as_tokenizer(tokenizer), window)
    parts: list[Chunk] = []
    behind = 0  # the first line that no window owns yet
    for index, (start, end) in enumerate(_overlapping(costs, window)):
        anew = numbering.over == "window"
        shown = _marked(lines[start : end + 1], numbering) if anew else numbered[start : end + 1]
        line_end = last_line if end + 1 == len(lines) else end if places is None else places[end]
        line_start = start if places is None else min(behind, places[start])
        first = numbering.base + (0 if anew else start)
        parts.append(
            Chunk(
                index,
                line_start,
                line_end,
                "\n".join(shown),
                sum(costs[start : end + 1]) if window is not None and window.unit == "tokens" else 0,
                own_start=None if line_start == behind else behind,
                own_end=None if line_start == behind else line_end,
                number_base=first - start if places is None else first,
                lines=None if places is None else places[start : end + 1],
            )
        )
        behind = line_end + 1
    return parts


def _marked(lines: Sequence[str], numbering: Numbering) -> list[str]:
    marker = numbering.marker or ""
    return [marker.format(n=number) + line for number, line in enumerate(lines, numbering.base)]


def _costs(numbered: Sequence[str], tokenizer: Tokenizer, window: Window | None) -> list[int]:
    """Give what each line costs, its break included: numbers over the document are never shorter than a window's."""
    if window is not None and window.unit == "tokens":
        return _count(tokenizer, [f"{line}\n" for line in numbered])
    return [len(line) + 1 for line in numbered]


def _overlapping(costs: Sequence[int], window: Window | None) -> Iterator[tuple[int, int]]:
    """Give the first and the last line of each window.

    Of the last break of a window and of the breaks in an overlap nothing is counted where the unit is characters, as
    UltraX does not.
    """
    if window is None:
        yield 0, len(costs) - 1
        return
    uncounted = 1 if window.unit == "chars" else 0
    start = 0
    while True:
        end, size = start, costs[start]
        while end + 1 < len(costs) and size + costs[end + 1] - uncounted <= window.size:
            end += 1
            size += costs[end]
        yield start, end
        if end + 1 == len(costs):
            return
        room = int((size - uncounted) * window.overlap)
        again = end + 1
        while again - 1 > start and costs[again - 1] - uncounted <= room:
            again -= 1
            room -= costs[again] - uncounted
        start = again


def _count(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    counts: list[int] = []
    for start in range(0, len(texts), _BATCH_LINES):
        counts.extend(tokenizer.count(texts[start : start + _BATCH_LINES]))
    return counts


def _windows(counts: Sequence[int], max_tokens: int) -> list[tuple[int, int, int]]:
    """Give (first line, last line, tokens) of each window, filled greedily."""
    windows: list[tuple[int, int, int]] = []
    start, total = 0, 0
    for line, count in enumerate(counts):
        if line > start and total + count > max_tokens:
            windows.append((start, line - 1, total))
            start, total = line, 0
        total += count
    windows.append((start, len(counts) - 1, total))
    return windows
