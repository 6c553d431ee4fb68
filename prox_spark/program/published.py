r"""Reference execution of UltraX's and ReScraper's programs: what their own executors make of a text, byte for byte.

How their operations act on one another (replacements that are merged, keys that overwrite each other, loops) is decided
when an answer is read, with the text at hand; `readers.ultrax` and `readers.rescraper` say how. What is stored, and is
executed here and in `columns_published`, is what comes of it, line by line of `text.split("\n")`:

    drop_doc()                       no text is left
    keep_doc()                       the text stays: UltraX still makes every line end a line feed
    rewrite("…")                     this is the text
    remove_lines, replace_str        the line goes, or is this, its line feed included
    keep_chunk()                     nothing but the finish is done

Whatever is edited is finished: UltraX takes out blank lines, ReScraper blanks around and between words as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from prox_spark.program.operations import AppliedOperation, ChunkProgram, Execution, Operation, Policy

PUBLISHED = ("ultrax", "rescraper")
"""The grammars whose published executors can be followed."""

_BLANK_LINES = re.compile(r"\n\n+")


def unified(text: str) -> str:
    r"""Make every line end a line feed.

    >>> unified("a\r\nb\rc")
    'a\nb\nc'
    """
    return text.replace("\r\n", "\n").replace("\r", "\n")


def finished(text: str, grammar: str) -> str:
    r"""Give an edited text as the executor of a grammar leaves it.

    >>> finished("\n a\u00a0 b\r\n\nc", "ultrax"), finished("\n a\u00a0 b\r\n\nc", "rescraper")
    (' a\xa0 b\nc', 'a b\nc')
    """
    if grammar == "ultrax":
        return _BLANK_LINES.sub("\n", unified(text)).strip("\n")
    return "\n".join(line for line in (" ".join(line.split()) for line in text.split("\n")) if line)


def execute_published(text: str, chunks: Sequence[ChunkProgram], policy: Policy) -> Execution:
    """Execute the programs of all chunks at once on the whole text."""
    placed = [(chunk, operation) for chunk in chunks for operation in chunk.reference_operations]
    shown = unified(text) if policy.grammar == "ultrax" else text
    lines = shown.split("\n")
    fates = tuple(_fate(chunk, operation, lines) for chunk, operation in placed)
    words = len(text.split())
    names: set[str] = {operation.op for _, operation in placed}
    if "drop_doc" in names:
        return Execution(None, "dropped", "drop_doc", fates, words, 0)
    left = text if not placed else _left(shown, lines, [operation for _, operation in placed], names, policy.grammar)
    if not left and names != {"keep_doc"} and placed:
        return Execution(None, "dropped", "nothing_left", fates, words, 0)
    return Execution(left, "kept" if left == text else "edited", None, fates, words, len(left.split()))


def _left(shown: str, lines: list[str], operations: list[Operation], names: set[str], grammar: str) -> str:
    if "rewrite" in names:
        return next(operation.target or "" for operation in operations if operation.op == "rewrite")
    if "keep_doc" in names:
        return shown
    parts = [f"{line}\n" for line in lines]
    parts[-1] = lines[-1]
    for operation in operations:
        first = operation.line_start
        if first is None or not 0 <= first < len(lines):
            continue
        if operation.op == "remove_lines":
            last = min(first if operation.line_end is None else operation.line_end, len(lines) - 1)
            parts[first : last + 1] = [""] * (last - first + 1)
        elif operation.op == "replace_str":
            parts[first] = operation.target or ""
    return finished("".join(parts), grammar)


def _fate(chunk: ChunkProgram, operation: Operation, lines: list[str]) -> AppliedOperation:
    first, source, target = operation.line_start, operation.source or "", operation.target or ""
    if operation.op == "replace_str":
        return chunk.fate(operation, found=1, words_removed=max(0, len(source.split()) - len(target.split())))
    if operation.op == "remove_lines" and first is not None and operation.line_end is not None:
        gone = lines[max(0, first) : operation.line_end + 1]
        return chunk.fate(operation, found=len(gone), words_removed=sum(len(line.split()) for line in gone))
    if operation.op == "rewrite":
        fewer = sum(len(line.split()) for line in lines) - len(target.split())
        return chunk.fate(operation, found=len(lines), words_removed=max(0, fewer))
    return chunk.fate(operation)
