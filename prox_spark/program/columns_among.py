"""What the operations of one program have to do with each other, as Spark SQL text for `columns_edits`.

It is found by sorting and by a few numbers, so that an operation among hundreds costs little more than one among ten.
"""

from __future__ import annotations

from prox_spark.program.columns_words import Counter, let, slice_of
from prox_spark.program.operations import Policy


def repeated() -> str:
    """Give for each of `operations` an odd number if an equal one stands before it, and an even one if not.

    NULL where no two are equal. Equal ones are neighbours where they are sorted, in the order of the program. The
    number is twice the place and one more, so that sorting brings them back into that order.
    """
    key = _key("operation")
    some = f"size(array_distinct(transform(operations, operation -> {key}))) < size(operations)"
    placed = f"transform(operations, (operation, place) -> named_struct('key', {key}, 'place', place))"
    # What is sorted before an operation is equal to it or less; an equal one comes after it at an earlier place.
    same = "at > 0 AND get(placed, at - 1) >= named_struct('key', one.key, 'place', -1)"
    numbers = f"transform(placed, (one, at) -> 2 * one.place + IF({same}, 1, 0))"
    return f"CASE WHEN {some} THEN {let('placed', f'sort_array({placed})', f'sort_array({numbers})')} END"


def _key(operation: str) -> str:
    """Give a string that only an equal operation has: Spark hashes strings, and is slow to compare structs.

    The lengths in front, `-` for NULL, tell where the strings end and which are missing.
    """
    fields = [f"{operation}.line_start", f"{operation}.line_end"]
    lengths = [f"octet_length({operation}.{name})" for name in ("source", "target")]
    numbers = ", ".join(f"coalesce(string({number}), '-')" for number in (*fields, *lengths))
    return f"concat_ws('|', {numbers}, {operation}.op, {operation}.source, {operation}.target)"


def among(policy: Policy, count: Counter) -> str:
    """Give what each of `checked_operations` has to know of the others.

    A struct of places in the program, `overlapping`, the replacements that overlap an accepted one, `last_added`, after
    which no line is added any more, and `rewritten`, where the one rewrite is (NULL where nothing is refused for them);
    and of `line_words` (`_line_words`).
    """
    # A place before the first stands in front, so that a policy which allows no line refuses them all.
    last_added = f"get(concat(array(-1), {_places('add_line')}), {policy.max_added_lines})"
    rewritten = f"get({_places('rewrite')}, 0)"
    return (
        f"named_struct('overlapping', {_overlapping()}, 'last_added', {last_added}, 'rewritten', {rewritten}, "
        f"'line_words', {_line_words(count)})"
    )


def refusal() -> str:
    """Give the reason for which the operation `checked`, at `place`, is refused beside those before it, or NULL."""
    return (
        "CASE checked.operation.op WHEN 'replace_str' THEN "
        "CASE WHEN array_contains(among.overlapping, place) THEN 'overlaps' END "
        "WHEN 'add_line' THEN CASE WHEN place > among.last_added THEN 'too_many_lines' END "
        "WHEN 'rewrite' THEN CASE WHEN place > among.rewritten THEN 'contradiction' END END"
    )


def _overlapping() -> str:
    """Give the replacements that overlap an accepted one before them.

    Where no two overlap, as mostly, neighbours among the sorted ones tell; else each is held against those accepted.
    """
    span = (
        "CASE WHEN checked.operation.op = 'replace_str' AND checked.found.reason IS NULL THEN named_struct('line', "
        "checked.operation.line_start, 'first', checked.found.first, 'last', checked.found.first + "
        "char_length(checked.operation.source), 'place', place) END"
    )
    spans = f"array_compact(transform(checked_operations, (checked, place) -> {span}))"
    touches = "state.touch OR span.line = state.line AND span.first < state.last"
    some = (
        "aggregate(sorted_spans, named_struct('line', -1, 'last', 0, 'touch', false), (state, span) -> "
        f"named_struct('line', span.line, 'last', span.last, 'touch', {touches}), state -> state.touch)"
    )
    overlaps = "exists(taken, other -> other.line = span.line AND span.first < other.last AND other.first < span.last)"
    none = "cast(array() AS array<struct<line: int, first: int, last: int, place: int>>)"
    step = f"(taken, span) -> IF({overlaps}, taken, concat(taken, array(span)))"
    apart = f"aggregate({spans}, {none}, {step}, taken -> taken.place)"
    refused = f"array_except(sorted_spans.place, {apart})"
    return let("sorted_spans", f"sort_array({spans})", f"IF({some}, {refused}, cast(array() AS array<int>))")


def _places(name: str) -> str:
    """Give the places in the program of the operations of a name that nothing else stands against."""
    it = f"CASE WHEN checked.operation.op = '{name}' AND checked.found.reason IS NULL THEN place END"
    return f"array_compact(transform(checked_operations, (checked, place) -> {it}))"


def _line_words(count: Counter) -> str:
    """Give the words of each of the chunk's lines where its ranges take more lines than it has; else NULL.

    They overlap then, and to count the words of each range would read the same lines again and again.
    """
    length = "bigint(least(checked.operation.line_end, scope.last) - checked.operation.line_start + 1)"
    removes = "checked.operation.op = 'remove_lines' AND checked.found.reason IS NULL"
    taken = (
        f"aggregate(checked_operations, 0L, (taken, checked) -> taken + CASE WHEN {removes} THEN {length} ELSE 0L END)"
    )
    own = slice_of("page.lines", "scope.first", "scope.last + 1")
    words = f"transform({own}, line -> {count('line')})"
    return f"CASE WHEN {taken} > bigint(scope.last - scope.first + 1) THEN {words} END"
