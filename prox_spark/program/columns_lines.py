"""What both modes share as Spark SQL text: the shape of fates and results, leaving out lines, counting what is left."""

from __future__ import annotations

from prox_spark.program.columns_words import Counter, let, slice_of


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


def present(array: str, name: str) -> str:
    """Give the elements of an array that are not NULL; an empty array for NULL."""
    return f"coalesce(filter({array}, {name} -> {name} IS NOT NULL), array())"


def operations(array: str) -> str:
    """Give stored operations as rows of their own: Spark reads a field of a packed row several times slower."""
    fields = ", ".join(f"'{name}', q.{name}" for name in ("op", "line_start", "line_end", "source", "target"))
    return f"transform({present(array, 'q')}, q -> named_struct({fields}))"


def gaps() -> str:
    """Give the ranges of lines between the removed ones, `first` up to but without `last`, and where the rest is."""
    zero = "named_struct('next', 0, 'gaps', cast(array() AS array<struct<first: int, last: int>>))"
    gap = "IF(r.first > g.next, concat(g.gaps, array(named_struct('first', g.next, 'last', r.first))), g.gaps)"
    return f"aggregate(rg, {zero}, (g, r) -> named_struct('next', greatest(g.next, r.last + 1), 'gaps', {gap}))"


def kept() -> str:
    """Give the lines of `nl` that no range removes."""
    between = f"transform(gp.gaps, g -> {slice_of('nl', 'g.first', 'g.last')})"
    return f"concat(flatten({between}), {slice_of('nl', 'gp.next', 'size(nl)')})"


def word_counts(count: Counter) -> str:
    """Count the words before and after, and nothing twice: removed lines were counted for their fates.

    Where the ranges do not overlap and nothing was replaced, one count gives the other; else both texts are counted.
    """
    overlap = "exists(transform(rg, (r, i) -> i > 0 AND r.first <= get(rg, i - 1).last), v -> v)"
    removed = "aggregate(op, 0, (n, f) -> n + f.words_removed)"
    after = "IF(ap OR px.words IS NULL, tx, NULL)"
    before = "IF(ap AND px.words IS NULL, px.text, NULL)"
    counted = f"transform(array({after}, {before}), w -> {count('w')})"
    counts = (
        f"named_struct('before', coalesce(px.words, wc[1], wc[0] + {removed}), "
        f"'after', coalesce(wc[0], px.words - {removed}))"
    )
    return let("ap", f"rp OR {overlap}", let("wc", counted, counts))


def words_before(count: Counter) -> str:
    """Give the words of `px.text`, counted unless they are known."""
    return f"coalesce(px.words, {count('px.text')})"
