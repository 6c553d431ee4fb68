"""Strict execution for refiners after ProX as Spark SQL text: what `edits` does, with the same fates and bytes.

The lambda variables, beside `document` and those of `columns_lines`:

    page                every chunk with its operations and what is known of them; the lines of the text, NULL when no
                        program touches one; the words that it lacks and targets hold
    scope               the chunk's first and last line
    checked_operations  each operation with the reason for which it is refused on its own, and the place of its string
    accepted            the places in the program of the operations that stand beside those before them
    judged_operations   each operation with its reason for rejection
    results             what each chunk's program gives: fates, and the ranges, strings and lines that it changes
    parts               what becomes of each line: whether it goes, its new text, what is added after it
    cells               the lines that are left with those added, each with whether its end is gone
"""

from __future__ import annotations

from prox_spark.program.characters import names_pattern
from prox_spark.program.columns_lines import fate, gaps, kept, operations, present, scope, trusted, word_counts
from prox_spark.program.columns_strict import KEEPS, has_operation, outcome
from prox_spark.program.columns_words import NEWLINE, Counter, bind, join, let, literal, slice_of, split
from prox_spark.program.operations import Policy

EDITS = "('remove_lines', 'replace_str', 'add_line', 'rewrite')"
LOCAL = "('replace_str', 'add_line')"
_TOUCHES = "('remove_lines', 'replace_str', 'add_line', 'rewrite', 'drop_doc')"
_BRINGS = "('replace_str', 'add_line', 'rewrite')"
_TARGET = "coalesce(operation.target, '')"
_ALL_SPANS, _ALL_ADDED = "flatten(results.spans)", "flatten(results.added)"
_CHANGED = f"(size({_ALL_SPANS}) > 0 OR size({_ALL_ADDED}) > 0)"


def execute_chunks(policy: Policy, count: Counter) -> str:
    """Execute each chunk's program inside its own lines, then decide what becomes of the document."""
    return bind(
        {
            "page": f"named_struct('chunks', {_chunks()}, 'lines', {_lines()}, 'unknown', {_unknown(policy)})",
            "results": f"transform(page.chunks, chunk -> {_chunk(policy, count)})",
            "ranges": "array_sort(flatten(results.ranges))",
            "edited": _edited(),
            "fates": "flatten(results.fates)",
            "words": word_counts(count, _CHANGED),
        },
        outcome(policy),
    )


def _programs_hold(names: str) -> str:
    """Say whether any program holds an operation of one of `names`."""
    return f"exists({present('document.chunks', 'stored')}, stored -> {has_operation('stored.ops', names)})"


def _lines() -> str:
    return f"IF({_programs_hold(_TOUCHES)}, {split('document.text')}, NULL)"


def _chunks() -> str:
    problems = "filter(stored.problems, problem -> NOT problem.reason <=> 'other_window')"
    chunk = (
        "named_struct('chunk_index', stored.chunk_index, 'line_start', stored.line_start, "
        "'line_end', stored.line_end, 'ops', operations, "
        f"'problems', coalesce(array_size({problems}), 0), 'keeps', {has_operation('operations', KEEPS)}, "
        f"'edits', {has_operation('operations', EDITS)}, 'local', {has_operation('operations', LOCAL)})"
    )
    known = let("operations", operations("stored.ops"), chunk)
    return f"transform({present('document.chunks', 'stored')}, stored -> {known})"


def _words_of(text: str) -> str:
    return f"regexp_extract_all({text}, {literal(names_pattern('java'))}, 0)"


def _unknown(policy: Policy) -> str:
    """Give the words that operations would bring in and the text lacks, all in one go: few, where it has any."""
    if "source_words" not in (policy.insert, policy.rewrite):
        return "cast(NULL AS array<string>)"
    brings = f"filter({present('stored.ops', 'operation')}, operation -> operation.op IN {_BRINGS})"
    targets = f"transform({brings}, operation -> {_words_of(_TARGET)})"
    every = f"flatten(flatten(transform({present('document.chunks', 'stored')}, stored -> {targets})))"
    return f"IF({_programs_hold(_BRINGS)}, array_except({every}, {_words_of('document.text')}), NULL)"


def _invents(target: str) -> str:
    return f"(size(page.unknown) > 0 AND arrays_overlap({_words_of(target)}, page.unknown))"


def _chunk(policy: Policy, count: Counter) -> str:
    """Give one chunk's result: its fates, and the changes that its program makes if it is trusted."""
    result = (
        f"named_struct('fates', transform(judged_operations, judged -> {_fate(count)}), "
        f"'ranges', {_ranges()}, 'spans', {_spans()}, 'added', {_added()})"
    )
    return bind(
        {
            "scope": scope("page.lines"),
            "checked_operations": f"transform(chunk.ops, (operation, place) -> {_checked(policy)})",
            "accepted": _accepted(policy),
            "judged_operations": f"transform(checked_operations, (checked, place) -> {_judged()})",
            "trusted": trusted(policy),
        },
        result,
    )


def _checked(policy: Policy) -> str:
    """Give an operation with its reason for rejection, as far as those before it do not matter, and its place."""
    reason = (
        f"CASE WHEN coalesce(operation.op IN {KEEPS}, false) THEN NULL "
        "WHEN operation.op = 'drop_doc' THEN CASE WHEN scope.first != 0 OR scope.last != size(page.lines) - 1 "
        "THEN 'wrong_level' WHEN chunk.keeps OR chunk.edits THEN 'contradiction' END "
        f"WHEN NOT coalesce(operation.op IN {EDITS}, false) THEN 'wrong_level' WHEN chunk.keeps THEN 'contradiction' "
        "WHEN array_position(chunk.ops, operation) <= place THEN 'duplicate' "
        f"WHEN operation.op = 'remove_lines' THEN {_wrong_range()} "
        f"WHEN operation.op = 'add_line' THEN {_wrong_line(policy)} "
        f"WHEN operation.op = 'rewrite' THEN {_wrong_rewrite(policy)} "
        f"WHEN NOT {_inside()} THEN 'outside_chunk' ELSE {_wrong_strings(policy)} END"
    )
    whole = (
        f"concat(get(page.lines, operation.line_start), IF(operation.line_start < size(page.lines) - 1, {NEWLINE}, ''))"
    )
    located = (
        "CASE WHEN named.reason IS NOT NULL OR operation.op != 'replace_str' "
        "THEN named_struct('reason', named.reason, 'first', 0) "
        "WHEN locate(operation.source, named.whole) = 0 THEN named_struct('reason', 'not_found', 'first', 0) "
        "WHEN locate(operation.source, named.whole, locate(operation.source, named.whole) + 1) > 0 "
        "THEN named_struct('reason', 'not_unique', 'first', 0) "
        "ELSE named_struct('reason', string(NULL), 'first', locate(operation.source, named.whole) - 1) END"
    )
    place = let("named", f"named_struct('reason', {reason}, 'whole', {whole})", located)
    return f"named_struct('operation', operation, 'found', {place})"


def _inside() -> str:
    return "coalesce(operation.line_start BETWEEN scope.first AND scope.last, false)"


def _wrong_range() -> str:
    return f"IF({_inside()} AND coalesce(operation.line_end >= operation.line_start, false), NULL, 'outside_chunk')"


def _wrong_strings(policy: Policy) -> str:
    source, target = "coalesce(operation.source, '')", "coalesce(operation.target, '')"
    longest = f"greatest({policy.max_target_chars}, char_length({source}))"
    invents = {
        "accept": "false",
        "source_words": _invents(target),
        "reject": f"size(array_except({_words_of(target)}, {_words_of(source)})) > 0",
    }[policy.insert]
    return (
        f"CASE WHEN {source} = '' THEN 'blank_source' "
        f"WHEN contains(left({source}, char_length({source}) - 1), {NEWLINE}) OR contains({target}, {NEWLINE}) "
        f"THEN 'spans_lines' WHEN char_length({target}) > {longest} THEN 'too_long' "
        f"WHEN {invents} THEN 'invents_text' END"
    )


def _wrong_line(policy: Policy) -> str:
    target = "coalesce(operation.target, '')"
    before = "(scope.first = 0 AND coalesce(operation.line_start = -1, false))"
    if policy.insert == "reject":
        return f"IF({_inside()} OR {before}, 'not_allowed', 'outside_chunk')"
    invents = _invents(target) if policy.insert == "source_words" else "false"
    return (
        f"CASE WHEN NOT ({_inside()} OR {before}) THEN 'outside_chunk' "
        f"WHEN contains({target}, {NEWLINE}) THEN 'spans_lines' "
        f"WHEN char_length({target}) > {policy.max_line_chars} THEN 'too_long' WHEN {invents} THEN 'invents_text' END"
    )


def _own() -> str:
    return join(slice_of("page.lines", "scope.first", "scope.last + 1"))


def _wrong_rewrite(policy: Policy) -> str:
    if policy.rewrite == "reject":
        return "'not_allowed'"
    target = "coalesce(operation.target, '')"
    invents = _invents(target) if policy.rewrite == "source_words" else "false"
    return (
        "CASE WHEN scope.first > scope.last THEN 'outside_chunk' WHEN chunk.local THEN 'contradiction' "
        f"WHEN char_length({target}) > {policy.max_growth!r}D * char_length({_own()}) THEN 'grows' "
        f"WHEN {invents} THEN 'invents_text' END"
    )


def _accepted(policy: Policy) -> str:
    """Give the places of the replacements that overlap none before them, of the first lines added, of one rewrite."""
    spans = (
        "filter(transform(checked_operations, (checked, place) -> IF(checked.operation.op = 'replace_str' AND "
        "checked.found.reason IS NULL, named_struct('place', place, 'line', checked.operation.line_start, 'first', "
        "checked.found.first, 'last', checked.found.first + char_length(checked.operation.source)), NULL)), "
        "span -> span IS NOT NULL)"
    )
    overlaps = "exists(taken, other -> other.line = span.line AND span.first < other.last AND other.first < span.last)"
    none = "cast(array() AS array<struct<place: int, line: int, first: int, last: int>>)"
    apart = f"aggregate({spans}, {none}, (taken, span) -> IF({overlaps}, taken, concat(taken, array(span)))).place"
    return (
        f"concat({apart}, slice({_places('add_line')}, 1, {policy.max_added_lines}), slice({_places('rewrite')}, 1, 1))"
    )


def _places(name: str) -> str:
    """Give the places in the program of the operations of a name that nothing else stands against."""
    it = f"IF(checked.operation.op = '{name}' AND checked.found.reason IS NULL, place, NULL)"
    return f"filter(transform(checked_operations, (checked, place) -> {it}), place -> place IS NOT NULL)"


def _judged() -> str:
    late = (
        f"CASE WHEN NOT coalesce(checked.operation.op IN {_BRINGS}, false) THEN NULL "
        "WHEN array_contains(accepted, place) THEN NULL "
        "WHEN checked.operation.op = 'replace_str' THEN 'overlaps' "
        "WHEN checked.operation.op = 'add_line' THEN 'too_many_lines' ELSE 'contradiction' END"
    )
    reason = f"coalesce(checked.found.reason, {late})"
    return f"named_struct('operation', checked.operation, 'reason', {reason}, 'first', checked.found.first)"


def _fate(count: Counter) -> str:
    """Give the fate of operation `judged` now that it is known whether the chunk's program is trusted (`trusted`)."""
    refused = fate("chunk", "judged.operation", "coalesce(judged.reason, 'mostly_rejected')", "false")
    end = "least(judged.operation.line_end, scope.last)"
    strings = (
        "CASE judged.operation.op WHEN 'remove_lines' THEN "
        f"array({join(slice_of('page.lines', 'judged.operation.line_start', f'{end} + 1'))}) "
        "WHEN 'replace_str' THEN array(judged.operation.source, coalesce(judged.operation.target, '')) "
        f"WHEN 'rewrite' THEN array({_own()}, coalesce(judged.operation.target, '')) "
        "ELSE cast(array() AS array<string>) END"
    )
    found = (
        f"CASE judged.operation.op WHEN 'remove_lines' THEN {end} - judged.operation.line_start + 1 "
        "WHEN 'rewrite' THEN scope.last - scope.first + 1 ELSE 1 END"
    )
    edit = fate(
        "chunk",
        "judged.operation",
        "IF(judged.operation.op = 'remove_lines' AND judged.operation.line_end > scope.last, 'clipped', NULL)",
        "true",
        found,
        "greatest(coalesce(get(counts, 0), 0) - coalesce(get(counts, 1), 0), 0)",
    )
    verdict = fate("chunk", "judged.operation", "string(NULL)", "true")
    counts = f"transform({strings}, text -> {count('text')})"
    return (
        f"CASE WHEN judged.reason IS NOT NULL OR NOT trusted THEN {refused} "
        f"WHEN judged.operation.op IN {EDITS} THEN "
        f"{let('counts', counts, edit)} ELSE {verdict} END"
    )


def _done(names: str, value: str) -> str:
    chosen = (
        f"filter(judged_operations, judged -> trusted AND judged.reason IS NULL AND judged.operation.op IN {names})"
    )
    return f"transform({chosen}, judged -> {value})"


def _ranges() -> str:
    end = "least(judged.operation.line_end, scope.last)"
    return _done(
        "('remove_lines', 'rewrite')",
        "IF(judged.operation.op = 'rewrite', named_struct('first', scope.first, 'last', scope.last), "
        f"named_struct('first', judged.operation.line_start, 'last', {end}))",
    )


def _spans() -> str:
    return _done(
        "('replace_str')",
        "named_struct('line', judged.operation.line_start, 'first', judged.first, 'last', judged.first + "
        "char_length(judged.operation.source), 'target', coalesce(judged.operation.target, ''))",
    )


def _added() -> str:
    line = "IF(judged.operation.op = 'rewrite', scope.first - 1, judged.operation.line_start)"
    return _done(
        "('add_line', 'rewrite')",
        f"named_struct('line', {line}, 'target', coalesce(judged.operation.target, ''))",
    )


def _edited() -> str:
    """Give the text that is left: by slices where lines go and nothing else happens, as mostly, else line by line."""
    removed = bind({"new_lines": "page.lines", "between": gaps()}, join(kept()))
    texts = (
        f"transform(cells, (cell, place) -> IF(cell.joined OR place = size(cells) - 1, cell.text, "
        f"concat(cell.text, {NEWLINE})))"
    )
    parts = (
        f"named_struct('gone', {_gone()}, 'edits', {_edits()}, 'additions', {_additions()}, "
        f"'edit_at', {aligned(_numbers(_ALL_SPANS))}, 'addition_at', {aligned(_numbers(_ALL_ADDED))})"
    )
    changed = bind({"between": gaps(), "parts": parts, "cells": _cells()}, f"array_join({texts}, '')")
    return f"CASE WHEN {_CHANGED} THEN {changed} WHEN size(ranges) > 0 THEN {removed} ELSE document.text END"


def _gone() -> str:
    """Say of each line whether a range removes it."""
    before = "coalesce(get(between.gaps, place - 1).last, 0)"
    gap = f"concat(array_repeat(true, gap.first - {before}), array_repeat(false, gap.last - gap.first))"
    last = "coalesce(get(between.gaps, size(between.gaps) - 1).last, 0)"
    return (
        f"concat(flatten(transform(between.gaps, (gap, place) -> {gap})), "
        f"array_repeat(true, between.next - {last}), "
        "array_repeat(false, greatest(size(page.lines) - between.next, 0)))"
    )


def _numbers(changes: str) -> str:
    """Give the numbers of the lines that some changes name, in order."""
    return f"array_sort(array_distinct(transform({changes}, change -> change.line)))"


def _edits() -> str:
    """Give each line that strings are replaced on: its number, its new text, whether its end went with one."""
    own = "array_sort(filter(spans, span -> span.line = number))"
    step = (
        "IF(span.first < state.at, state, named_struct('at', span.last, 'text', "
        "concat(state.text, substring(line, state.at + 1, span.first - state.at), span.target)))"
    )
    last = (
        "state -> named_struct('line', number, 'text', concat(state.text, substring(line, state.at + 1)), "
        "'joined', state.at > char_length(line))"
    )
    edited = f"aggregate({own}, named_struct('at', 0, 'text', ''), (state, span) -> {step}, {last})"
    edits = f"transform({_numbers('spans')}, number -> {let('line', 'get(page.lines, number)', edited)})"
    return let("spans", _ALL_SPANS, edits)


def _additions() -> str:
    """Give each line that others are added after, and those; -1 is the place before the first."""
    own = f"filter({_ALL_ADDED}, addition -> addition.line = number)"
    cells = f"transform({own}, addition -> named_struct('text', addition.target, 'joined', false))"
    return f"transform({_numbers(_ALL_ADDED)}, number -> named_struct('line', number, 'cells', {cells}))"


def aligned(numbers: str) -> str:
    """Give for each line its place among `numbers`, NULL where it has none; the place before the first is left out."""
    before = "coalesce(get(numbers, place - 1), -1)"
    repeated = f"concat(array_repeat(int(NULL), number - {before} - 1), array(place))"
    step = f"IF(number < 0, slice(array(place), 1, 0), {repeated})"
    return let("numbers", numbers, f"flatten(transform(numbers, (number, place) -> {step}))")


def _cells() -> str:
    edit = "get(parts.edits, get(parts.edit_at, number))"
    plain = "named_struct('text', line, 'joined', false)"
    line = (
        f"IF(get(parts.edit_at, number) IS NULL, {plain}, named_struct('text', {edit}.text, 'joined', {edit}.joined))"
    )
    more = "get(parts.additions, get(parts.addition_at, number)).cells"
    cell = (
        f"concat(IF(get(parts.gone, number), slice(array({plain}), 1, 0), array({line})), "
        f"IF(get(parts.addition_at, number) IS NULL, slice(array({plain}), 1, 0), {more}))"
    )
    front = "flatten(transform(filter(parts.additions, addition -> addition.line = -1), addition -> addition.cells))"
    return f"concat({front}, flatten(transform(page.lines, (line, number) -> {cell})))"
