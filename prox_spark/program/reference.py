r"""The published executor's behaviour, byte for byte: its parser, order of edits, thresholds and error counts.

What it reads, line by line, after blanks around the whole completion are gone and without stripping the lines:

    remove_lines…( a=1 , b=2 …)    the first two parameters, whatever their names; int() of what follows the first "="
    remove_lines… all=True …       every line, wherever `all=True` stands
    normalize…( a="x" )            delete x; parameters are split at every ",", values at every "="
    normalize…( a="x", b="y" )     replace x by y, unless x is empty or one blank; three parameters and more do nothing

A missing "(" is one error. A missing ")" is one error, the last character is lost and what is left is read. A parameter
that cannot be read is one error. After adjacent ranges are merged, a range that starts behind the text is one error,
and so is a range that ends behind it. Other lines mean nothing and count as nothing.

What differs, for safety: a text without words is kept (the published code divides by zero); ranges are intervals, not
sets of every line number; a replacement that would make the text longer than 64 Mi characters plus ten times the text
is left out; line numbers are clamped to 32 bits, so two ranges beyond that count as one when merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from prox_spark.program.operations import (
    MAX_LINE,
    AppliedOperation,
    ChunkProgram,
    Execution,
    Level,
    Operation,
    Problem,
)
from prox_spark.program.ranges import merged

MAX_ERRORS = 2
"""From this many errors on, the program is ignored."""
MAX_REMOVED = 0.95
MIN_WORDS = 10
GROWTH_FLOOR = 64 * 1024 * 1024
GROWTH_FACTOR = 10


def parse_reference(completion: str) -> tuple[tuple[Operation, ...], int]:
    """Give the operations that the published parser gets, in order, and how many errors it counts.

    `remove_lines(all=True)` has no lines; a `normalize` of one argument has no target.

    >>> parse_reference('remove_lines(line_start=3, line_end=35')
    ((Operation(op='remove_lines', line_start=3, line_end=3, source=None, target=None),), 1)
    >>> parse_reference('normalize(source_str="a=b", target_str="")')[0][0].source
    'a'
    """
    operations, problems = parse_reference_lines(completion)
    return operations, len(problems)


def parse_reference_lines(completion: str) -> tuple[tuple[Operation, ...], tuple[Problem, ...]]:
    """Give the operations that the published parser gets, and each of its errors with its line."""
    operations: list[Operation] = []
    problems: list[Problem] = []
    for number, line in enumerate(completion.strip(" ").split("\n")):
        operation, reasons = _parse_line(line)
        if operation is not None:
            operations.append(operation)
        problems.extend(Problem(number, reason, line[:200]) for reason in reasons)
    return tuple(operations), tuple(problems)


def _parse_line(line: str) -> tuple[Operation | None, list[str]]:
    removes = line.startswith("remove_lines")
    if removes and "all=True" in line:
        return Operation("remove_lines"), []
    if not removes and not line.startswith("normalize"):
        return None, []
    opening, closing = line.find("("), line.find(")")
    if opening < 0:
        return None, ["not_an_operation"]
    reasons = ["truncated"] if closing < 0 else []
    parameters = line[opening + 1 : closing].split(",")  # without ")" this loses the last character, as it should
    operation = _remove_lines(parameters) if removes else _normalize(parameters)
    if isinstance(operation, str):
        return None, [*reasons, operation]
    return operation, reasons


def _remove_lines(parameters: list[str]) -> Operation | str:
    try:
        start, end = (int(parameter.split("=")[1]) for parameter in (parameters[0], parameters[1]))
    except IndexError:
        return "bad_arguments"
    except ValueError:
        return "not_an_integer"
    return Operation("remove_lines", line_start=_clamp(start), line_end=_clamp(end))


def _clamp(line: int) -> int:
    return max(-MAX_LINE, min(line, MAX_LINE))


def _normalize(parameters: list[str]) -> Operation | str | None:
    if len(parameters) > 2:
        return None
    values = [parameter.split("=") for parameter in parameters]
    if any(len(value) < 2 for value in values):
        return "bad_arguments"
    strings = [value[1].strip('"') for value in values]
    return Operation("normalize", source=strings[0], target=strings[1] if len(strings) == 2 else None)


def execute_reference(text: str, chunks: Sequence[ChunkProgram], level: Level) -> Execution:
    """Execute the programs of all chunks at once on the whole text, as the published code does."""
    if level == "document":
        return _execute_document(text, chunks)
    words_before = len(text.split())
    if words_before == 0:
        fates = tuple(fate.refused() for fate in _edit(text, chunks)[1])
        return Execution(text, "kept", None, fates, 0, 0)
    edited, fates = _edit(text, chunks)
    errors = count_errors(text, chunks)
    words_after = len(edited.split())
    if words_after / words_before <= 1 - MAX_REMOVED and errors < MAX_ERRORS:
        return Execution(None, "dropped", "too_little_kept", fates, words_before, 0)
    if words_after <= MIN_WORDS:
        return Execution(None, "dropped", "too_few_words", fates, words_before, 0)
    if errors >= MAX_ERRORS:
        refused = tuple(fate.refused() for fate in fates)
        return Execution(text, "kept", "too_many_errors", refused, words_before, words_before)
    return Execution(edited, "kept" if edited == text else "edited", None, fates, words_before, words_after)


def _execute_document(text: str, chunks: Sequence[ChunkProgram]) -> Execution:
    """Drop the document if the letters "drop" stand anywhere in the answer, and keep it otherwise."""
    drops = [("drop" in chunk.completion) for chunk in chunks]
    fates = tuple(
        chunk.fate(Operation("drop_doc" if drop else "keep_doc")) for chunk, drop in zip(chunks, drops, strict=True)
    )
    words = len(text.split())
    if any(drops):
        return Execution(None, "dropped", "drop_doc", fates, words, 0)
    return Execution(text, "kept", None, fates, words, words)


def count_errors(text: str, chunks: Sequence[ChunkProgram]) -> int:
    """Count the errors of the published code: those of its parser, and merged ranges that leave the text."""
    n_lines = text.count("\n") + 1
    errors = sum(chunk.reference_errors for chunk in chunks)
    intervals = sorted(_intervals(chunks), key=lambda interval: interval[0])
    return errors + sum(1 for start, end in merged(intervals) if start >= n_lines or end >= n_lines)


def _intervals(chunks: Sequence[ChunkProgram]) -> list[tuple[int, int]]:
    return [
        (operation.line_start, operation.line_end)
        for chunk in chunks
        for operation in chunk.reference_operations
        if operation.line_start is not None and operation.line_end is not None
    ]


def _edit(text: str, chunks: Sequence[ChunkProgram]) -> tuple[str, tuple[AppliedOperation, ...]]:
    """Replace in the order of the operations, then remove lines; give the text and the fate of each operation."""
    placed = [(chunk, operation) for chunk in chunks for operation in chunk.reference_operations]
    limit = GROWTH_FLOOR + GROWTH_FACTOR * len(text)
    fates: list[AppliedOperation | None] = []
    for chunk, operation in placed:
        if operation.op == "normalize":
            text, fate = _replace(text, chunk, operation, limit)
            fates.append(fate)
        else:
            fates.append(None)
    lines = text.split("\n")
    words = [0, *accumulate(len(line.split()) for line in lines)]
    edges = [0] * (len(lines) + 1)
    for index, (chunk, operation) in enumerate(placed):
        if operation.op == "remove_lines":
            fates[index] = _remove(chunk, operation, words, edges)
    depth = accumulate(edges[:-1])
    kept = "\n".join(line for line, removed in zip(lines, depth, strict=True) if not removed)
    return kept, tuple(fate for fate in fates if fate is not None)


def _replace(text: str, chunk: ChunkProgram, operation: Operation, limit: int) -> tuple[str, AppliedOperation]:
    source, target = operation.source or "", operation.target or ""
    guarded = operation.target is not None and source == " "
    if not source or guarded:
        return text, chunk.fate(operation, rejected="blank_source")
    places = text.count(source)
    if places == 0:
        return text, chunk.fate(operation, rejected="not_found")
    if len(text) + places * (len(target) - len(source)) > limit:
        return text, chunk.fate(operation, rejected="grows")
    removed = places * max(0, len(source.split()) - len(target.split()))
    return text.replace(source, target), chunk.fate(operation, found=places, words_removed=removed)


def _remove(chunk: ChunkProgram, operation: Operation, words: list[int], edges: list[int]) -> AppliedOperation:
    """Mark the range of `operation` in `edges`: +1 where it begins, -1 behind its end."""
    last = len(edges) - 2
    start = 0 if operation.line_start is None else operation.line_start
    end = last if operation.line_end is None else operation.line_end
    first, final = max(0, start), min(last, end)
    if first > final:
        return chunk.fate(operation, rejected="outside_chunk")
    edges[first] += 1
    edges[final + 1] -= 1
    clipped = "clipped" if start < 0 or end > last else None
    return chunk.fate(operation, reason=clipped, found=final - first + 1, words_removed=words[final + 1] - words[first])
