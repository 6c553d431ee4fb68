"""The Python twin of the JVM executor: gives programs their meaning on a text, for single documents and as the oracle.

Strict mode, for each chunk: verdicts and contradictions, ranges of lines, replacements, then the budget that leaves the
chunk as it was if its program is more wrong than right. Then, for the document: removed lines are left out, and the
policy's thresholds decide the outcome. `columns` says the same in Spark SQL and must agree byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import cast

from prox_spark.program import readers
from prox_spark.program.characters import WHITESPACE, characters
from prox_spark.program.edits import KEEPS, Page, edit, is_over_budget, removal
from prox_spark.program.normalize import normalize
from prox_spark.program.operations import (
    AppliedOperation,
    ChunkProgram,
    Execution,
    Level,
    Mode,
    Operation,
    Policy,
    Scope,
)
from prox_spark.program.published import PUBLISHED, execute_published
from prox_spark.program.reference import execute_reference
from prox_spark.program.scored import execute_scores
from prox_spark.program.stored import read
from prox_spark.program.words import count_words

_BLANK = characters(WHITESPACE)
_EDITS = ("remove_lines", "normalize")


def execute(
    text: str,
    completion: str | Iterable[tuple[Scope, str]],
    *,
    mode: Mode = "strict",
    policy: Policy | None = None,
    level: Level = "chunk",
) -> Execution:
    r"""Parse and execute what a model wrote for a document, or for each of its chunks; never raise.

    Args:
        mode: Ignored when `policy` names a mode other than strict.
        level: `document` for the answer of a document pass, which keeps or drops and edits nothing.

    >>> execute("Home | About\nA story.", "remove_lines(start=0, end=0)").text
    'A story.'
    >>> execute("A story.", "drop_doc()", level="document").outcome
    'dropped'
    >>> [(fate.status, fate.reason) for fate in execute("A story.", "remove_lines(7, 8)").operations]
    [('rejected', 'outside_chunk')]
    """
    policy = policy or Policy()
    if mode != "strict":
        policy = replace(policy, mode=mode)
    if policy.grammar != "prox":
        chunks = chunk_programs(text, _answers(text, completion, policy.grammar), policy.grammar)
    elif isinstance(completion, str):
        chunks = [chunk_program(None, completion)]
    else:
        chunks = [chunk_program(chunk, written) for chunk, written in completion]
    return execute_operations(text, chunks, level=level, policy=policy)


def chunk_program(chunk: Scope | None, completion: str, *, finish_reason: str | None = None) -> ChunkProgram:
    """Parse `completion` in both modes; `chunk` None makes it a program of the whole document."""
    readings = read(completion, finish_reason=finish_reason)
    if chunk is None:
        return readings.program(completion)
    return readings.program(completion, chunk.index, chunk.line_start, chunk.line_end)


def _answers(text: str, completion: str | Iterable[tuple[Scope, str]], grammar: str) -> list[readers.Answer]:
    if isinstance(completion, str):
        base = 1 if grammar in ("ultrax", "rescraper", "refinex") else 0
        shown = readers.Whole.of(text, number_base=base, nonblank=grammar == "rescraper")
        return [readers.Answer(shown, completion)]
    return [readers.Answer(cast("readers.Shown", chunk), written) for chunk, written in completion]


def chunk_programs(text: str, answers: Sequence[readers.Answer], grammar: str) -> list[ChunkProgram]:
    """Read the answers to the chunks of a text, as `refine` stores them and `apply` takes them."""
    return [
        readings.program(answer.completion or "", answer.chunk.index, *answer.own)
        for answer, readings in zip(answers, readers.read(grammar, text, answers), strict=True)
    ]


def execute_operations(
    text: str, chunks: Sequence[ChunkProgram], *, level: Level = "chunk", policy: Policy | None = None
) -> Execution:
    """Execute typed programs on a text; the twin of `columns.execute`."""
    policy = policy or Policy()
    if policy.grammar == "score":
        return execute_scores(text, chunks, policy)
    if policy.mode == "reference" and policy.grammar in PUBLISHED:
        return execute_published(text, chunks, policy)
    if policy.mode == "reference" and policy.grammar == "prox":
        return execute_reference(text, chunks, level)
    if level == "document":
        return _execute_document(text, chunks)
    if policy.grammar != "prox":
        return _execute_edits(text, chunks, policy)
    lines = text.split("\n")
    words = [0, *accumulate(count_words(line) for line in lines)]
    removed = [0] * (len(lines) + 1)  # +1 where a removed range begins, -1 behind its end
    edited = list(lines)
    fates: list[AppliedOperation] = []
    for chunk in chunks:
        edit = _edit_chunk(lines, words, chunk, policy)
        fates.extend(edit.fates)
        edited[edit.first : edit.last + 1] = edit.lines
        for first, last in edit.ranges:
            removed[first] += 1
            removed[last + 1] -= 1
    gone = accumulate(removed[:-1])
    result = "\n".join(line for line, depth in zip(edited, gone, strict=True) if not depth)
    return _outcome(text, result, tuple(fates), words[-1], policy)


def _execute_edits(text: str, chunks: Sequence[ChunkProgram], policy: Policy) -> Execution:
    page = Page.of(text)
    fates = tuple(fate for chunk in chunks for fate in edit(page, chunk, policy))
    return _outcome(text, page.result(), fates, page.words[-1], policy)


def _execute_document(text: str, chunks: Sequence[ChunkProgram]) -> Execution:
    """Keep or drop by the verdict alone; an answer that is not exactly one of them keeps the document."""
    operations = [operation for chunk in chunks for operation in chunk.operations]
    keeps = any(operation.op in KEEPS for operation in operations)
    drops = any(operation.op == "drop_doc" for operation in operations)
    fates = tuple(
        chunk.fate(operation, rejected=_wrong_in_answer(operation, keeps=keeps))
        for chunk in chunks
        for operation in chunk.operations
    )
    words = count_words(text)
    if drops and not keeps:
        return Execution(None, "dropped", "drop_doc", fates, words, 0)
    return Execution(text, "kept", None if keeps and not drops else "unknown_answer", fates, words, words)


def _wrong_in_answer(operation: Operation, *, keeps: bool) -> str | None:
    if operation.op == "drop_doc":
        return "contradiction" if keeps else None
    return None if operation.op in KEEPS else "wrong_level"


@dataclass(frozen=True, slots=True)
class _Edit:
    """What a program does to its lines `first`..`last`: their new text, the ranges to remove, and every fate."""

    first: int
    last: int
    lines: list[str]
    ranges: list[tuple[int, int]]
    fates: list[AppliedOperation]


def _edit_chunk(lines: list[str], words: list[int], chunk: ChunkProgram, policy: Policy) -> _Edit:
    first = 0 if chunk.scope_start is None else max(0, chunk.scope_start)
    last = len(lines) - 1 if chunk.scope_end is None else min(len(lines) - 1, chunk.scope_end)
    own = lines[first : last + 1]
    refused = _contradictions(chunk)
    normalizes = [
        (index, operation)
        for index, operation in enumerate(chunk.operations)
        if operation.op == "normalize" and index not in refused
    ]
    replaced, places = normalize("\n".join(own), normalizes, policy) if normalizes else ("", {})
    fates: list[AppliedOperation] = []
    ranges: list[tuple[int, int]] = []
    for index, operation in enumerate(chunk.operations):
        if index in refused:
            fates.append(chunk.fate(operation, rejected=refused[index]))
        elif index in places:
            fates.append(_normalized(chunk, operation, *places[index]))
        elif operation.op == "remove_lines":
            fate, removals = removal(chunk, operation, (first, last), words)
            fates.append(fate)
            ranges.extend(removals)
        else:
            fates.append(chunk.fate(operation))
    if is_over_budget(fates, chunk.problems, policy):
        return _Edit(first, last, own, [], [fate.refused() for fate in fates])
    return _Edit(first, last, replaced.split("\n") if normalizes and own else own, ranges, fates)


def _contradictions(chunk: ChunkProgram) -> dict[int, str]:
    """Give the operations that have no say beside the others, by index: the milder operation wins."""
    names = {operation.op for operation in chunk.operations}
    keeps, edits = not names.isdisjoint(KEEPS), not names.isdisjoint(_EDITS)
    refused: dict[int, str] = {}
    for index, operation in enumerate(chunk.operations):
        if operation.op == "drop_doc":
            if chunk.scope_start is not None:
                refused[index] = "wrong_level"
            elif keeps or edits:
                refused[index] = "contradiction"
        elif operation.op in _EDITS and keeps:
            refused[index] = "contradiction"
    return refused


def _normalized(chunk: ChunkProgram, operation: Operation, rejected: str | None, places: int) -> AppliedOperation:
    fewer = count_words(operation.source or "") - count_words(operation.target or "") if places else 0
    return chunk.fate(operation, rejected=rejected, found=places, words_removed=places * max(0, fewer))


def _outcome(
    text: str, result: str, fates: tuple[AppliedOperation, ...], words_before: int, policy: Policy
) -> Execution:
    if any(fate.operation.op == "drop_doc" and fate.status == "applied" for fate in fates):
        return Execution(None, "dropped", "drop_doc", fates, words_before, 0)
    if result == text:
        words_after = words_before
    elif not result.strip(_BLANK):
        return Execution(None, "dropped", "nothing_left", fates, words_before, 0)
    else:
        words_after = count_words(result)
    if words_after < policy.min_words:
        return Execution(None, "dropped", "too_few_words", fates, words_before, 0)
    if words_after < policy.min_kept_share * words_before:
        return Execution(None, "dropped", "too_little_kept", fates, words_before, 0)
    return Execution(result, "kept" if result == text else "edited", None, fates, words_before, words_after)
