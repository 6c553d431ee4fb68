"""Reference execution as Spark SQL text: what `reference.execute_reference` does, with the same fates and bytes.

The lambda variables, beside those of `columns_lines` and `document`, a struct of the text, its chunks and its words:

    placed_operations   every chunk's operations in order, each with its chunk
    replaced            the text with every replacement made, and the places of each operation (negative: why there are
                        none); `state` is the same up to the operation that is looked at
    new_lines           the lines of the text after the replacements; NULL when no operation removes lines
"""

from __future__ import annotations

from prox_spark.program.columns_lines import fate, gaps, kept, operations, present, result, word_counts, words_before
from prox_spark.program.columns_words import NEWLINE, Counter, bind, join, let, slice_of, split
from prox_spark.program.reference import GROWTH_FACTOR, GROWTH_FLOOR, MAX_ERRORS, MAX_REMOVED, MIN_WORDS

_BLANK, _NOT_FOUND, _GROWS = -1, -2, -3
_CHUNK = "named_struct('chunk_index', chunk.chunk_index, 'line_start', chunk.line_start, 'line_end', chunk.line_end)"


def execute_document(count: Counter) -> str:
    """Drop the document if the letters "drop" stand anywhere in the answer, and keep it otherwise."""
    verdict = (
        "named_struct('op', IF(contains(chunk.completion, 'drop'), 'drop_doc', 'keep_doc'), 'line_start', int(NULL), "
        "'line_end', int(NULL), 'source', string(NULL), 'target', string(NULL))"
    )
    judged = let("operation", verdict, fate("chunk", "operation", "string(NULL)", "true"))
    fates = f"transform({present('document.chunks')}, chunk -> {judged})"
    dropped = "exists(fates, fate -> fate.op = 'drop_doc')"
    answer = result(
        "IF(dropped, NULL, document.text)",
        "IF(dropped, 'dropped', 'kept')",
        "IF(dropped, 'drop_doc', NULL)",
        "fates",
        "words",
        "IF(dropped, 0, words)",
    )
    return bind({"fates": fates, "dropped": dropped, "words": words_before(count)}, answer)


def execute_chunks(count: Counter) -> str:
    """Execute the programs of all chunks at once on the whole text, as the published code does."""
    both = f"named_struct('chunk', {_CHUNK}, 'operation', operation)"
    placed = f"transform({operations('chunk.reference_ops')}, operation -> {both})"
    every = f"flatten(transform({present('document.chunks')}, chunk -> {placed}))"
    removes = "exists(placed_operations, placed -> placed.operation.op = 'remove_lines')"
    left = let("between", gaps(), join(kept()))
    return bind(
        {
            "placed_operations": every,
            "replaced": _normalized(),
            "changed": "exists(replaced.found, places -> places > 0)",
            "new_lines": f"IF({removes}, {split('replaced.text')}, NULL)",
            "fates": f"transform(placed_operations, (placed, place) -> {_fate(count)})",
            "ranges": _ranges(),
            "edited": f"CASE WHEN size(ranges) > 0 THEN {left} WHEN changed THEN replaced.text ELSE document.text END",
            "words": word_counts(count),
            "errors": _errors(),
        },
        _outcome(),
    )


def _normalized() -> str:
    step = f"IF(placed.operation.op = 'normalize', {_replace()}, {_step('state.text', '0')})"
    zero = "named_struct('text', document.text, 'found', cast(array() AS array<int>))"
    return f"aggregate(placed_operations, {zero}, (state, placed) -> {step})"


def _step(text: str, found: str) -> str:
    return f"named_struct('text', {text}, 'found', concat(state.found, array({found})))"


def _replace() -> str:
    """Replace the source everywhere in `state.text`, unless it is guarded or the text would grow too much."""
    source, target = "coalesce(placed.operation.source, '')", "coalesce(placed.operation.target, '')"
    shorter = f"octet_length(state.text) - octet_length(replace(state.text, {source}, ''))"
    found = f"int(({shorter}) div octet_length({source}))"
    longer = f"bigint(places) * (char_length({target}) - char_length({source}))"
    limit = f"{GROWTH_FLOOR}L + {GROWTH_FACTOR}L * char_length(document.text)"
    replaced = (
        f"CASE WHEN places = 0 THEN {_step('state.text', str(_NOT_FOUND))} "
        f"WHEN char_length(state.text) + {longer} > {limit} THEN {_step('state.text', str(_GROWS))} "
        f"ELSE {_step(f'replace(state.text, {source}, {target})', 'places')} END"
    )
    blank = f"{source} = '' OR (placed.operation.source = ' ' AND placed.operation.target IS NOT NULL)"
    return f"IF({blank}, {_step('state.text', str(_BLANK))}, {let('places', found, replaced)})"


def _fate(count: Counter) -> str:
    """Give the fate of operation `placed` at `place`, before it is known whether the program has too many errors."""
    reason = (
        f"CASE replaced.found[place] WHEN {_BLANK} THEN 'blank_source' WHEN {_NOT_FOUND} THEN 'not_found' "
        f"WHEN {_GROWS} THEN 'grows' END"
    )
    strings = "array(placed.operation.source, coalesce(placed.operation.target, ''))"
    counted = f"transform({strings}, text -> {count('text')})"
    removed = let("counts", counted, "replaced.found[place] * greatest(counts[0] - counts[1], 0)")
    normalize = fate(
        "placed.chunk",
        "placed.operation",
        reason,
        "replaced.found[place] > 0",
        "greatest(replaced.found[place], 0)",
        f"IF(replaced.found[place] > 0, {removed}, 0)",
    )
    clipped = (
        "IF(coalesce(placed.operation.line_start, 0) < 0 "
        "OR coalesce(placed.operation.line_end, 0) >= size(new_lines), 'clipped', NULL)"
    )
    lines = count(join(slice_of("new_lines", "range.first", "range.last + 1")))
    inside = fate("placed.chunk", "placed.operation", clipped, "true", "range.last - range.first + 1", lines)
    outside = fate("placed.chunk", "placed.operation", "'outside_chunk'", "false")
    remove = let("range", _range("placed.operation"), f"IF(range.first <= range.last, {inside}, {outside})")
    verdict = fate("placed.chunk", "placed.operation", "string(NULL)", "true")
    return (
        f"CASE WHEN placed.operation.op = 'normalize' THEN {normalize} "
        f"WHEN placed.operation.op = 'remove_lines' THEN {remove} ELSE {verdict} END"
    )


def _range(operation: str) -> str:
    """Give the lines of a `remove_lines` that exist; without numbers it means every line."""
    first = f"greatest(coalesce({operation}.line_start, 0), 0)"
    last = f"least(coalesce({operation}.line_end, size(new_lines) - 1), size(new_lines) - 1)"
    return f"named_struct('first', {first}, 'last', {last})"


def _ranges() -> str:
    removes = "filter(fates, fate -> fate.op = 'remove_lines' AND fate.status = 'applied')"
    return f"array_sort(transform({removes}, fate -> {_range('fate')}))"


def _errors() -> str:
    """Count the errors of the published code: those of its parser, and merged ranges that leave the text."""
    added = "(sum, chunk) -> sum + coalesce(chunk.reference_errors, 0)"
    parsed = f"aggregate({present('document.chunks')}, 0, {added})"
    ranges = (
        "transform(placed_operations, (placed, place) -> IF(placed.operation.op = 'remove_lines' "
        "AND placed.operation.line_start IS NOT NULL AND placed.operation.line_end IS NOT NULL, named_struct("
        "'first', placed.operation.line_start, 'place', place, 'last', placed.operation.line_end), NULL))"
    )
    intervals = f"array_sort(filter({ranges}, range -> range IS NOT NULL))"
    line_feeds = f"octet_length(document.text) - octet_length(replace(document.text, {NEWLINE}, ''))"
    lines = f"IF(changed, {line_feeds} + 1, size(new_lines))"
    leaves = "IF(merged.last >= lines OR merged.first >= lines, 1, 0)"
    merged = (
        "CASE WHEN merged.first IS NULL THEN named_struct('first', range.first, 'last', range.last, 'errors', 0) "
        "WHEN range.first <= bigint(merged.last) + 1 THEN "
        "named_struct('first', merged.first, 'last', greatest(merged.last, range.last), 'errors', merged.errors) "
        f"ELSE named_struct('first', range.first, 'last', range.last, 'errors', merged.errors + {leaves}) END"
    )
    zero = "named_struct('first', int(NULL), 'last', int(NULL), 'errors', 0)"
    total = f"aggregate(intervals, {zero}, (merged, range) -> {merged}, merged -> merged.errors + {leaves})"
    counted = f"IF(size(intervals) = 0, 0, {let('lines', lines, total)})"
    return f"{parsed} + {let('intervals', intervals, counted)}"


def _outcome() -> str:
    """Decide by the published thresholds, in the published order; a text without words is kept."""
    mostly_gone = f"double(words.after) / words.before <= {1 - MAX_REMOVED!r}D"
    reason = (
        "CASE WHEN words.before = 0 THEN NULL "
        f"WHEN {mostly_gone} AND errors < {MAX_ERRORS} THEN 'too_little_kept' "
        f"WHEN words.after <= {MIN_WORDS} THEN 'too_few_words' WHEN errors >= {MAX_ERRORS} THEN 'too_many_errors' END"
    )
    same = ("chunk_index", "op", "line_start", "line_end", "source", "target", "scope_start", "scope_end")
    fields = ", ".join(f"'{name}', fate.{name}" for name in same)
    end = "'status', 'rejected', 'reason', 'mostly_rejected', 'found', 0, 'words_removed', 0"
    refused = f"IF(fate.status = 'rejected', fate, named_struct({fields}, {end}))"
    untouched = "words.before = 0 OR coalesce(reason = 'too_many_errors', false)"
    answer = result(
        "CASE WHEN dropped THEN NULL WHEN untouched THEN document.text ELSE edited END",
        "CASE WHEN dropped THEN 'dropped' WHEN untouched OR edited = document.text THEN 'kept' ELSE 'edited' END",
        "reason",
        f"IF(untouched, transform(fates, fate -> {refused}), fates)",
        "words.before",
        "CASE WHEN dropped THEN 0 WHEN untouched THEN words.before ELSE words.after END",
    )
    dropped = "coalesce(reason IN ('too_little_kept', 'too_few_words'), false)"
    return bind({"reason": reason, "untouched": untouched, "dropped": dropped}, answer)
