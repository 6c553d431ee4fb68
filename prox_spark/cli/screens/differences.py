"""A text before and after, line by line: what was removed in red, what was put in its place in green."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from prox_spark.program.characters import visible
from prox_spark.report.differences import opcodes

LONGEST_RUN = 6
"""A longer run of lines with the same fate is shown by its ends."""


def difference(before: str, after: str, *, longest_run: int = LONGEST_RUN) -> Text:
    r"""Give the difference of two texts for a terminal, one screen line per line, long runs cut short.

    >>> print(difference("Menu\nA page.", "A page.").plain)
    - Menu
      A page.
    """
    shown = Text(no_wrap=True, overflow="ellipsis")
    lines = list(_lines(before.split("\n"), after.split("\n"), longest_run))
    for number, (sign, line) in enumerate(lines):
        style = {"-": "red", "+": "green", "…": "dim italic"}.get(sign, "")
        shown.append(f"{sign} {line}" + ("\n" if number + 1 < len(lines) else ""), style=style)
    return shown


def change(before: str | None, after: str | None) -> Text:
    r"""Give the difference of a document's texts; of one that came or went, the sign and its first lines.

    >>> print(change("Menu", None).plain)
    - Menu
    """
    if before is not None and after is not None:
        return difference(before, after)
    sign, style, text = ("+", "green", after) if before is None else ("-", "red", before)
    lines = visible(text or "").split("\n")
    if len(lines) > LONGEST_RUN:
        lines[LONGEST_RUN:] = [f"… {len(lines) - LONGEST_RUN:,} more lines"]
    return Text("\n".join(f"{sign} {line}" for line in lines), style=style, no_wrap=True, overflow="ellipsis")


def _lines(before: list[str], after: list[str], longest_run: int) -> Iterator[tuple[str, str]]:
    for tag, start, end, new_start, new_end in opcodes(before, after):
        if tag == "equal":
            yield from _run(" ", "unchanged", before[start:end], longest_run)
        else:
            yield from _run("-", "removed", before[start:end], longest_run)
            yield from _run("+", "added", after[new_start:new_end], longest_run)


def _run(sign: str, fate: str, lines: list[str], longest: int) -> Iterator[tuple[str, str]]:
    clean = [visible(line) for line in lines]
    if len(clean) <= longest:
        yield from ((sign, line) for line in clean)
        return
    head = longest // 2
    tail = longest - head - 1
    yield from ((sign, line) for line in clean[:head])
    yield "…", f"{len(clean) - head - tail:,} more lines {fate}"
    yield from ((sign, line) for line in clean[len(clean) - tail :])
