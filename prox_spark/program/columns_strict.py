"""Strict execution as Spark SQL text: what `execute.execute_operations` does, with the same fates and the same bytes.

Each function gives one expression over the lambda variable `document`, a struct of `text`, `chunks` (`schema.CHUNK`)
and `words`, or over the variables that the expression around it has bound:

    chunks              every chunk with what is known of its operations
    lines               the lines of the text; NULL when no chunk edits
    scope, own          the chunk's first and last line; its own text where a `normalize` needs it
    checked_operations  each operation with the reason for which it is refused before the text is searched
    replaced            the own text with placeholders, and the places of each operation (negative: why there are none)
    judged_operations   each operation with its reason for rejection, as far as its own checks go, and its places
    results             what each chunk's program gives: fates, new text, ranges to remove
    ranges, changed     the lines that go; whether a replacement changed a chunk
    new_lines, edited   the lines with the replacements in them; the text that is left
"""

from __future__ import annotations

from prox_spark.program.characters import RESERVED, WORD, Ranges, characters, regex_class
from prox_spark.program.columns_lines import (
    fate,
    gaps,
    kept,
    operations,
    present,
    result,
    scope,
    trusted,
    word_counts,
    words_before,
)
from prox_spark.program.columns_words import Counter, bind, is_blank, join, let, literal, slice_of, split
from prox_spark.program.normalize import CANDIDATE, CLOSING, OPENING
from prox_spark.program.operations import Policy

KEEPS = "('keep_doc', 'keep_chunk')"
EDITS = "('remove_lines', 'normalize')"
NORMALIZES = "('normalize')"
DROPS = "('drop_doc')"
_DIGITS = characters(((0xFDD2, 0xFDDB),))
_NOT_FOUND, _INSIDE_WORD, _TOO_MANY = -1, -2, -3


def has_operation(operations: str, names: str) -> str:
    """Say whether there is an operation of one of `names`."""
    return f"exists({operations}, operation -> coalesce(operation.op IN {names}, false))"


def execute_document(count: Counter) -> str:
    """Keep or drop by the verdict alone; the policy's thresholds are for texts that were edited."""
    keeps = f"exists(chunks, chunk -> {has_operation('chunk.ops', KEEPS)})"
    drops = f"exists(chunks, chunk -> {has_operation('chunk.ops', DROPS)})"
    reason = (
        f"CASE WHEN coalesce(operation.op IN {KEEPS}, false) THEN NULL "
        "WHEN NOT coalesce(operation.op = 'drop_doc', false) THEN 'wrong_level' "
        "WHEN verdict.keeps THEN 'contradiction' END"
    )
    judged = let("reason", reason, fate("chunk", "operation", "reason", "reason IS NULL"))
    fates = f"flatten(transform(chunks, chunk -> transform(chunk.ops, operation -> {judged})))"
    dropped = "verdict.drops AND NOT verdict.keeps"
    answer = result(
        f"IF({dropped}, NULL, document.text)",
        f"IF({dropped}, 'dropped', 'kept')",
        f"CASE WHEN {dropped} THEN 'drop_doc' WHEN verdict.keeps AND NOT verdict.drops THEN NULL "
        "ELSE 'unknown_answer' END",
        fates,
        "words",
        f"IF({dropped}, 0, words)",
    )
    verdict = f"named_struct('keeps', {keeps}, 'drops', {drops})"
    return bind({"chunks": _chunks(), "verdict": verdict, "words": words_before(count)}, answer)


def execute_chunks(policy: Policy, count: Counter) -> str:
    """Execute each chunk's program inside its own lines, then decide what becomes of the document."""
    edited = "exists(chunks, chunk -> chunk.edits AND NOT chunk.keeps)"
    lines = f"IF({edited}, {split('document.text')}, NULL)"
    results = f"transform(chunks, chunk -> {_chunk(policy, count)})"
    return bind({"chunks": _chunks(), "lines": lines, "results": results}, _document(policy, count))


def _chunks() -> str:
    chunk = (
        "named_struct('chunk_index', stored.chunk_index, 'line_start', stored.line_start, "
        "'line_end', stored.line_end, 'ops', operations, "
        f"'problems', coalesce(array_size(stored.problems), 0), 'keeps', {has_operation('operations', KEEPS)}, "
        f"'edits', {has_operation('operations', EDITS)}, 'normalizes', {has_operation('operations', NORMALIZES)})"
    )
    known = let("operations", operations("stored.ops"), chunk)
    return f"transform({present('document.chunks')}, stored -> {known})"


def _chunk(policy: Policy, count: Counter) -> str:
    """Give one chunk's result: its fates, its new text (NULL when it stays), and the ranges of lines it removes."""
    outcome = (
        f"named_struct('fates', transform(judged_operations, judged -> {_fate(count)}), "
        f"'first', scope.first, 'last', scope.last, 'text', IF(trusted, {_replaced_text()}, NULL), "
        f"'ranges', IF(trusted, {_ranges()}, array()))"
    )
    checked = f"named_struct('operation', operation, 'reason', {_refusal(policy)})"
    return bind(
        {
            "scope": scope("lines"),
            "own": _own_text(),
            "checked_operations": f"transform(chunk.ops, operation -> {checked})",
            "replaced": _normalized(policy),
            "judged_operations": _judged(),
            "trusted": trusted(policy),
        },
        outcome,
    )


def _own_text() -> str:
    """Give the chunk's own text where a `normalize` needs it, and whether it holds reserved characters."""
    own = let(
        "own",
        join(slice_of("lines", "scope.first", "scope.last + 1")),
        f"named_struct('text', own, 'reserved', {_holds_reserved('own')})",
    )
    return f"IF(chunk.normalizes AND NOT chunk.keeps, {own}, NULL)"


def _refusal(policy: Policy) -> str:
    """Give the reason why operation `o` is refused before the text is searched, or NULL."""
    first, second = "coalesce(operation.source, '')", "coalesce(operation.target, '')"
    breaks = " OR ".join(
        f"contains({string}, {code})" for string in (first, second) for code in ("char(10)", "char(13)")
    )
    normalize = (
        f"CASE WHEN {is_blank(first)} THEN 'blank_source' "
        f"WHEN char_length({first}) < {policy.min_source_chars} THEN 'short_source' "
        f"WHEN {breaks} THEN 'spans_lines' "
        f"WHEN char_length({second}) > {policy.max_growth!r}D * char_length({first}) THEN 'grows' "
        f"WHEN own.reserved OR {_holds_reserved(f'concat({first}, {second})')} THEN 'reserved_character' END"
    )
    inside = "operation.line_start BETWEEN scope.first AND scope.last AND operation.line_end >= operation.line_start"
    return (
        f"CASE WHEN coalesce(operation.op IN {KEEPS}, false) THEN NULL "
        "WHEN operation.op = 'drop_doc' THEN CASE WHEN chunk.line_start IS NOT NULL THEN 'wrong_level' "
        "WHEN chunk.keeps OR chunk.edits THEN 'contradiction' END "
        f"WHEN NOT coalesce(operation.op IN {EDITS}, false) THEN 'wrong_level' WHEN chunk.keeps THEN 'contradiction' "
        f"WHEN operation.op = 'remove_lines' THEN IF(coalesce({inside}, false), NULL, 'outside_chunk') "
        f"ELSE {normalize} END"
    )


def _holds(text: str, ranges: Ranges) -> str:
    pattern = f"[{regex_class(ranges, 'java')}]"
    return f"({text} RLIKE {literal(pattern)})"


def _holds_reserved(text: str) -> str:
    """Say whether a text holds a reserved character; the two bytes that all of them start with are quick to miss."""
    return f"(contains(CAST({text} AS BINARY), X'EFB7') AND {_holds(text, RESERVED)})"


def _normalized(policy: Policy) -> str:
    """Replace in order: the text with placeholders, and for each operation its places (or why there are none)."""
    replaces = "checked.operation.op = 'normalize' AND checked.reason IS NULL"
    step = f"IF({replaces}, {_replace(policy)}, {_step('state.text', '0')})"
    zero = "named_struct('text', own.text, 'found', cast(array() AS array<int>))"
    return f"IF(own IS NULL, NULL, aggregate(checked_operations, {zero}, (state, checked) -> {step}))"


def _step(text: str, found: object) -> str:
    return f"named_struct('text', {text}, 'found', concat(state.found, array({found})))"


def _replace(policy: Policy) -> str:
    """Put the placeholder of operation `checked` in every place of `state.text` where its source stands."""
    candidate = literal(CANDIDATE)
    first, last = _holds("left(checked.operation.source, 1)", WORD), _holds("right(checked.operation.source, 1)", WORD)
    # The candidate stands first, so that the class of word characters is not tried at every character of the text.
    after = f"{CANDIDATE}(?<![{regex_class(WORD, 'java')}{CANDIDATE}]{CANDIDATE})"
    before = f"(?![{regex_class(WORD, 'java')}{CANDIDATE}])"
    marked = (
        f"CASE WHEN edges.first AND edges.last THEN regexp_replace(candidates, {literal(after + before)}, held) "
        f"WHEN edges.first THEN regexp_replace(candidates, {literal(after)}, held) "
        f"WHEN edges.last THEN regexp_replace(candidates, {literal(CANDIDATE + before)}, held) "
        f"ELSE replace(candidates, {candidate}, held) END"
    )
    # A placeholder is longer than the candidate that it replaces, so the lengths tell how many there are.
    count = (
        f"int((octet_length(marked) - octet_length(candidates)) div (octet_length(held) - octet_length({candidate})))"
    )
    restored = f"IF(contains(marked, {candidate}), replace(marked, {candidate}, checked.operation.source), marked)"
    judged = (
        f"CASE WHEN places = 0 THEN {_step('state.text', _INSIDE_WORD)} "
        f"WHEN places > {policy.max_matches} THEN {_step('state.text', _TOO_MANY)} ELSE {_step(restored, 'places')} END"
    )
    replaced = bind(
        {
            "held": _placeholder("size(state.found)"),
            "candidates": f"replace(state.text, checked.operation.source, {candidate})",
            "marked": let("edges", f"named_struct('first', {first}, 'last', {last})", marked),
            "places": count,
        },
        judged,
    )
    return f"IF(contains(state.text, checked.operation.source), {replaced}, {_step('state.text', _NOT_FOUND)})"


def _placeholder(index: str) -> str:
    digits = f"translate(string({index}), '0123456789', {literal(_DIGITS)})"
    return f"concat({literal(OPENING)}, {digits}, {literal(CLOSING)})"


def _judged() -> str:
    """Give each operation with its reason for rejection, as far as its own checks go, and its places."""
    reason = (
        f"coalesce(checked.reason, CASE get(replaced.found, place) WHEN {_NOT_FOUND} THEN 'not_found' "
        f"WHEN {_INSIDE_WORD} THEN 'inside_word' WHEN {_TOO_MANY} THEN 'too_many_matches' END)"
    )
    found = "coalesce(get(replaced.found, place), 0)"
    judged = f"named_struct('operation', checked.operation, 'reason', {reason}, 'found', {found})"
    return f"transform(checked_operations, (checked, place) -> {judged})"


def _fate(count: Counter) -> str:
    """Give the fate of operation `judged` now that it is known whether the chunk's program is trusted (`trusted`)."""
    refused = fate("chunk", "judged.operation", "coalesce(judged.reason, 'mostly_rejected')", "false")
    end = "least(judged.operation.line_end, scope.last)"
    removed = join(slice_of("lines", "judged.operation.line_start", f"{end} + 1"))
    gone = f"IF(judged.operation.op = 'remove_lines', {removed}, judged.operation.source)"
    brought = "IF(judged.operation.op = 'remove_lines', '', coalesce(judged.operation.target, ''))"
    fewer = f"greatest({count(gone)} - {count(brought)}, 0)"
    edit = fate(
        "chunk",
        "judged.operation",
        "IF(judged.operation.op = 'remove_lines' AND judged.operation.line_end > scope.last, 'clipped', NULL)",
        "true",
        f"IF(judged.operation.op = 'remove_lines', {end} - judged.operation.line_start + 1, judged.found)",
        f"IF(judged.operation.op = 'remove_lines', 1, judged.found) * {fewer}",
    )
    verdict = fate("chunk", "judged.operation", "string(NULL)", "true")
    return (
        f"CASE WHEN judged.reason IS NOT NULL OR NOT trusted THEN {refused} "
        f"WHEN judged.operation.op IN {EDITS} THEN {edit} ELSE {verdict} END"
    )


def _replaced_text() -> str:
    """Put the targets in the place of their placeholders; NULL when nothing was replaced."""
    target = "named_struct('place', place, 'found', judged.found, 'target', coalesce(judged.operation.target, ''))"
    targets = f"filter(transform(judged_operations, (judged, place) -> {target}), put -> put.found > 0)"
    put = f"aggregate({targets}, replaced.text, (text, put) -> replace(text, {_placeholder('put.place')}, put.target))"
    return f"IF(exists(judged_operations, judged -> judged.found > 0), {put}, NULL)"


def _ranges() -> str:
    removes = "filter(judged_operations, judged -> judged.reason IS NULL AND judged.operation.op = 'remove_lines')"
    end = "least(judged.operation.line_end, scope.last)"
    return f"transform({removes}, judged -> named_struct('first', judged.operation.line_start, 'last', {end}))"


def _document(policy: Policy, count: Counter) -> str:
    """Put the chunks' results together: the text that is left, its words, the outcome."""
    new_lines = f"IF(changed, {_replaced_lines()}, lines)"
    left = bind({"new_lines": new_lines, "between": gaps()}, join(kept()))
    return bind(
        {
            "ranges": "sort_array(flatten(results.ranges))",
            "changed": "exists(results, result -> result.text IS NOT NULL)",
            "edited": f"CASE WHEN size(ranges) = 0 AND NOT changed THEN document.text ELSE {left} END",
            "fates": "flatten(results.fates)",
            "words": word_counts(count),
        },
        outcome(policy),
    )


def _replaced_lines() -> str:
    """Give the lines with each chunk's own in their place; in one go where the chunks tile the text, as they do."""
    tiles = "aggregate(results, 0, (next, result) -> IF(result.first = next, result.last + 1, -1)) = size(lines)"
    own, changed = slice_of("lines", "result.first", "result.last + 1"), split("result.text")
    tiled = f"transform(results, result -> IF(result.text IS NULL, {own}, {changed}))"
    head, tail = slice_of("patched", "0", "result.first"), slice_of("patched", "result.last + 1", "size(patched)")
    changes = "filter(results, result -> result.text IS NOT NULL)"
    one_by_one = f"aggregate({changes}, lines, (patched, result) -> concat({head}, {changed}, {tail}))"
    return f"IF({tiles}, flatten({tiled}), {one_by_one})"


def outcome(policy: Policy) -> str:
    """Decide what becomes of the document from `edited`, `fates` and `words`."""
    # A text without words is blank; trimming would read every byte of it.
    reason = (
        "CASE WHEN exists(fates, fate -> fate.op = 'drop_doc' AND fate.status = 'applied') THEN 'drop_doc' "
        "WHEN edited != document.text AND words.after = 0 THEN 'nothing_left' "
        f"WHEN words.after < {policy.min_words} THEN 'too_few_words' "
        f"WHEN double(words.after) < {policy.min_kept_share!r}D * double(words.before) THEN 'too_little_kept' END"
    )
    decided = result(
        "IF(reason IS NULL, edited, NULL)",
        "CASE WHEN reason IS NOT NULL THEN 'dropped' WHEN edited = document.text THEN 'kept' ELSE 'edited' END",
        "reason",
        "fates",
        "words.before",
        "IF(reason IS NULL, words.after, 0)",
    )
    return let("reason", reason, decided)
