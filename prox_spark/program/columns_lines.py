"""What both modes share as Spark SQL text: the shape of fates and results, leaving out lines, counting what is left."""

from __future__ import annotations

from collections.abc import Callable

from prox_spark.program.columns_words import Counter, bind, let, slice_of
from prox_spark.program.operations import Policy


def fate(chunk: str, operation: str, reason: str, applied: str, found: str = "0", words_removed: str = "0") -> str:
    """Give one `schema.APPLIED_OPERATION`."""
    return (
        f"named_struct('chunk_index', {chunk}.chunk_index, 'op', {operation}.op, 'line_start', {operation}.line_start, "
        f"'line_end', {operation}.line_end, 'source', {operation}.source, 'target', {operation}.target, "
        f"'scope_start', {chunk}.line_start, 'scope_end', {chunk}.line_end, "
        f"'status', IF({applied}, 'applied', 'rejected'), 'reason', {reason}, "
        f"'found', int({found}), 'words_removed', int({words_removed}))"
    )


def result(text: str, outcome: str, reason: str, operations: str, words_before: str, words_after: str) -> str:
    """Give one execution; the fields of `schema.CORPUS` that execution decides."""
    return (
        f"named_struct('text', {text}, 'outcome', {outcome}, 'reason', {reason}, 'ops', {operations}, "
        f"'words_before', bigint({words_before}), 'words_after', bigint({words_after}))"
    )


def present(array: str) -> str:
    """Give the elements of an array that are not NULL; an empty array for NULL.

    It is written without a lambda and without `array()`, which has no type and must be cast: each would take Spark's
    analyzer one more of the steps that `columns_words` speaks of.
    """
    return f"flatten(array_compact(array(array_compact({array}))))"


def operations(array: str) -> str:
    """Give stored operations as rows of their own: Spark reads a field of a packed row several times slower."""
    fields = ", ".join(f"'{name}', operation.{name}" for name in ("op", "line_start", "line_end", "source", "target"))
    return f"transform({present(array)}, operation -> named_struct({fields}))"


def scope(lines: str) -> str:
    """Give the first and last line that the program of `chunk` may touch, of an array of lines that may be NULL."""
    last = f"coalesce(array_size({lines}), 0) - 1"
    return (
        "named_struct('first', greatest(coalesce(chunk.line_start, 0), 0), "
        f"'last', least(coalesce(chunk.line_end, {last}), {last}))"
    )


def trusted(policy: Policy) -> str:
    """Say whether so little of the program of `chunk` is wrong that the rest of it counts."""
    wrong = "size(filter(judged_operations, judged -> judged.reason IS NOT NULL)) + chunk.problems"
    every = "size(judged_operations) + chunk.problems"
    return f"double({wrong}) <= {policy.max_rejected_share!r}D * double({every})"


def gaps() -> str:
    """Give the ranges of lines between the removed ones, `first` up to but without `last`, and where the rest is."""
    zero = "named_struct('next', 0, 'gaps', cast(array() AS array<struct<first: int, last: int>>))"
    gap = (
        "IF(range.first > state.next, "
        "concat(state.gaps, array(named_struct('first', state.next, 'last', range.first))), state.gaps)"
    )
    step = f"named_struct('next', greatest(state.next, range.last + 1), 'gaps', {gap})"
    return f"aggregate(ranges, {zero}, (state, range) -> {step})"


def kept() -> str:
    """Give the lines of `new_lines` that no range removes."""
    between = f"transform(between.gaps, gap -> {slice_of('new_lines', 'gap.first', 'gap.last')})"
    return f"concat(flatten({between}), {slice_of('new_lines', 'between.next', 'size(new_lines)')})"


def of_each_line(changes: str, value: Callable[[str], str]) -> str:
    """Give a value for each line that some changes name, from the SQL text of that line's own changes.

    The changes are structs sorted by their field `line`; in the value `get(runs.lines, place)` is the line.
    """
    first = "at = 0 OR change.line != get(sorted, at - 1).line"
    starts = f"array_compact(transform(sorted, (change, at) -> CASE WHEN {first} THEN at END))"
    runs = f"named_struct('starts', {starts}, 'lines', array_distinct(sorted.line))"
    own = slice_of("sorted", "start", "coalesce(get(runs.starts, place + 1), size(sorted))")
    return bind({"sorted": changes, "runs": runs}, f"transform(runs.starts, (start, place) -> {value(own)})")


def aligned(numbers: str) -> str:
    """Give for each line its place among sorted `numbers`, NULL where it has none; -1, before them, is left out."""
    before = "coalesce(get(numbers, place - 1), -1)"
    repeated = f"concat(array_repeat(int(NULL), number - {before} - 1), array(place))"
    step = f"IF(number < 0, slice(array(place), 1, 0), {repeated})"
    return let("numbers", numbers, f"flatten(transform(numbers, (number, place) -> {step}))")


def word_counts(count: Counter, changed: str = "changed") -> str:
    """Count the words before and after, and nothing twice: removed lines were counted for their fates.

    Where the ranges do not overlap and nothing was replaced, one count gives the other; else both texts are counted.
    """
    overlap = (
        "aggregate(ranges, named_struct('last', -1, 'overlap', false), (state, range) -> named_struct("
        "'last', range.last, 'overlap', state.overlap OR range.first <= state.last), state -> state.overlap)"
    )
    removed = "aggregate(fates, 0, (sum, fate) -> sum + fate.words_removed)"
    after = "CASE WHEN count_both OR document.words IS NULL THEN edited END"
    before = "CASE WHEN count_both AND document.words IS NULL THEN document.text END"
    counted = f"named_struct('before', {count(before)}, 'after', {count(after)})"
    counts = (
        f"named_struct('before', coalesce(document.words, counts.before, counts.after + {removed}), "
        f"'after', coalesce(counts.after, document.words - {removed}))"
    )
    return let("count_both", f"{changed} OR {overlap}", let("counts", counted, counts))


def words_before(count: Counter) -> str:
    """Give the words of `document.text`, counted unless they are known."""
    return f"coalesce(document.words, {count('document.text')})"
