"""Strict execution for refiners after ProX as Spark SQL text: what `edits` does, with the same fates and bytes.

The lambda variables, beside `document` and those of `columns_lines`:

    page                every chunk with its operations and what is known of them; the lines of the text, NULL when no
                        program touches one; the words that it lacks and targets hold
    scope               the chunk's first and last line
    checked_operations  each operation with the reason for which it is refused on its own, and the place of its string
    among               what an operation has to know of the others (`columns_among`)
    judged_operations   each operation with its reason for rejection
    results             what each chunk's program gives: fates, and the ranges, strings and lines that it changes

`columns_edited` puts the text together.
"""

from __future__ import annotations

from prox_spark.program.characters import UNSPACED, WORD
from prox_spark.program.columns_among import among, refusal, repeated
from prox_spark.program.columns_edited import CHANGED, edited
from prox_spark.program.columns_lines import fate, operations, present, scope, trusted, word_counts
from prox_spark.program.columns_strict import KEEPS, has_operation, outcome
from prox_spark.program.columns_words import NEWLINE, Counter, bind, java_class, join, let, literal, slice_of, split
from prox_spark.program.operations import Policy

EDITS = "('remove_lines', 'replace_str', 'add_line', 'rewrite')"
LOCAL = "('replace_str', 'add_line')"
_TOUCHES = "('remove_lines', 'replace_str', 'add_line', 'rewrite', 'drop_doc')"
_BRINGS = "('replace_str', 'add_line', 'rewrite')"
_TARGET = "coalesce(operation.target, '')"
_END = "least(judged.operation.line_end, scope.last)"
_NAMES = literal(f"{java_class(WORD)}+|{java_class(UNSPACED)}")
"""What `characters.names_pattern` matches; the two classes have no character in common, so their order is free."""


def execute_chunks(policy: Policy, count: Counter) -> str:
    """Execute each chunk's program inside its own lines, then decide what becomes of the document."""
    return bind(
        {
            "page": f"named_struct('chunks', {_chunks()}, 'lines', {_lines()}, 'unknown', {_unknown(policy)})",
            "results": f"transform(page.chunks, chunk -> {_chunk(policy, count)})",
            "ranges": "sort_array(flatten(results.ranges))",
            "edited": edited(),
            "fates": "flatten(results.fates)",
            "words": word_counts(count, CHANGED),
        },
        outcome(policy),
    )


def _programs_hold(names: str) -> str:
    """Say whether any program holds an operation of one of `names`."""
    return f"exists({present('document.chunks')}, stored -> {has_operation('stored.ops', names)})"


def _lines() -> str:
    return f"CASE WHEN {_programs_hold(_TOUCHES)} THEN {split('document.text')} END"


def _chunks() -> str:
    problems = "filter(stored.problems, problem -> NOT problem.reason <=> 'other_window')"
    chunk = (
        "named_struct('chunk_index', stored.chunk_index, 'line_start', stored.line_start, "
        "'line_end', stored.line_end, 'ops', operations, "
        f"'problems', coalesce(array_size({problems}), 0), 'keeps', {has_operation('operations', KEEPS)}, "
        f"'edits', {has_operation('operations', EDITS)}, 'local', {has_operation('operations', LOCAL)}, "
        f"'repeated', {repeated()})"
    )
    known = let("operations", operations("stored.ops"), chunk)
    return f"transform({present('document.chunks')}, stored -> {known})"


def names_of(text: str) -> str:
    """Give the runs of letters and digits in a text, as `characters.names_pattern` finds them."""
    return f"regexp_extract_all({text}, {_NAMES}, 0)"


def _unknown(policy: Policy) -> str:
    """Give the words that operations would bring in and the text lacks, all in one go: few, where it has any."""
    if "source_words" not in (policy.insert, policy.rewrite):
        return "cast(NULL AS array<string>)"
    brings = f"filter({present('stored.ops')}, operation -> operation.op IN {_BRINGS})"
    targets = f"transform({brings}, operation -> {names_of(_TARGET)})"
    every = f"flatten(flatten(transform({present('document.chunks')}, stored -> {targets})))"
    return f"CASE WHEN {_programs_hold(_BRINGS)} THEN array_except({every}, {names_of('document.text')}) END"


def _invents() -> str:
    return f"(size(page.unknown) > 0 AND arrays_overlap({names_of(_TARGET)}, page.unknown))"


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
            "among": among(policy, count),
            "judged_operations": f"transform(checked_operations, (checked, place) -> {_judged()})",
            "trusted": trusted(policy),
        },
        result,
    )


def _checked(policy: Policy) -> str:
    """Give an operation with its reason for rejection, as far as those before it do not matter, and its place."""
    reason = (
        f"CASE WHEN coalesce(operation.op IN {KEEPS}, false) THEN string(NULL) "
        "WHEN operation.op = 'drop_doc' THEN CASE WHEN scope.first != 0 OR scope.last != size(page.lines) - 1 "
        "THEN 'wrong_level' WHEN chunk.keeps OR chunk.edits THEN 'contradiction' END "
        f"WHEN NOT coalesce(operation.op IN {EDITS}, false) THEN 'wrong_level' WHEN chunk.keeps THEN 'contradiction' "
        "WHEN get(chunk.repeated, place) % 2 = 1 THEN 'duplicate' "
        f"WHEN operation.op = 'remove_lines' THEN {_wrong_range()} "
        f"WHEN operation.op = 'add_line' THEN {_wrong_line(policy)} "
        f"WHEN operation.op = 'rewrite' THEN {_wrong_rewrite(policy)} "
        f"WHEN NOT {_inside()} THEN 'outside_chunk' ELSE {_wrong_strings(policy)} END"
    )
    whole = (
        f"concat(get(page.lines, operation.line_start), IF(operation.line_start < size(page.lines) - 1, {NEWLINE}, ''))"
    )
    located = (
        "CASE WHEN named.reason IS NOT NULL OR operation.op != 'replace_str' THEN named.reason "
        "WHEN named.first = 0 THEN 'not_found' "
        "WHEN locate(operation.source, named.whole, named.first + 1) > 0 THEN 'not_unique' END"
    )
    named = f"named_struct('reason', {reason}, 'whole', {whole}, 'first', locate(operation.source, {whole}))"
    found = let("named", named, f"named_struct('reason', {located}, 'first', named.first - 1)")
    return f"named_struct('operation', operation, 'found', {found})"


def _inside() -> str:
    return "coalesce(operation.line_start BETWEEN scope.first AND scope.last, false)"


def _wrong_range() -> str:
    in_order = "coalesce(operation.line_end >= operation.line_start, false)"
    return f"CASE WHEN NOT ({_inside()} AND {in_order}) THEN 'outside_chunk' END"


def _wrong_strings(policy: Policy) -> str:
    source = "coalesce(operation.source, '')"
    longest = f"greatest({policy.max_target_chars}, char_length({source}))"
    invents = {
        "accept": "false",
        "source_words": _invents(),
        "reject": f"size(array_except({names_of(_TARGET)}, {names_of(source)})) > 0",
    }[policy.insert]
    return (
        f"CASE WHEN {source} = '' THEN 'blank_source' "
        f"WHEN contains(left({source}, char_length({source}) - 1), {NEWLINE}) OR contains({_TARGET}, {NEWLINE}) "
        f"THEN 'spans_lines' WHEN char_length({_TARGET}) > {longest} THEN 'too_long' "
        f"WHEN {invents} THEN 'invents_text' END"
    )


def _wrong_line(policy: Policy) -> str:
    before = "(scope.first = 0 AND coalesce(operation.line_start = -1, false))"
    if policy.insert == "reject":
        return f"IF({_inside()} OR {before}, 'not_allowed', 'outside_chunk')"
    invents = _invents() if policy.insert == "source_words" else "false"
    return (
        f"CASE WHEN NOT ({_inside()} OR {before}) THEN 'outside_chunk' "
        f"WHEN contains({_TARGET}, {NEWLINE}) THEN 'spans_lines' "
        f"WHEN char_length({_TARGET}) > {policy.max_line_chars} THEN 'too_long' WHEN {invents} THEN 'invents_text' END"
    )


def _own() -> str:
    return join(slice_of("page.lines", "scope.first", "scope.last + 1"))


def _wrong_rewrite(policy: Policy) -> str:
    if policy.rewrite == "reject":
        return "'not_allowed'"
    invents = _invents() if policy.rewrite == "source_words" else "false"
    return (
        "CASE WHEN scope.first > scope.last THEN 'outside_chunk' WHEN chunk.local THEN 'contradiction' "
        f"WHEN double(char_length({_TARGET})) > {policy.max_growth!r}D * double(char_length({_own()})) THEN 'grows' "
        f"WHEN {invents} THEN 'invents_text' END"
    )


def _judged() -> str:
    reason = f"coalesce(checked.found.reason, {refusal()})"
    return f"named_struct('operation', checked.operation, 'reason', {reason}, 'first', checked.found.first)"


def _fate(count: Counter) -> str:
    """Give the fate of operation `judged` now that it is known whether the chunk's program is trusted (`trusted`)."""
    refused = fate("chunk", "judged.operation", "coalesce(judged.reason, 'mostly_rejected')", "false")
    found = (
        f"CASE judged.operation.op WHEN 'remove_lines' THEN {_END} - judged.operation.line_start + 1 "
        "WHEN 'rewrite' THEN scope.last - scope.first + 1 ELSE 1 END"
    )
    edit = fate(
        "chunk",
        "judged.operation",
        "CASE WHEN judged.operation.op = 'remove_lines' AND judged.operation.line_end > scope.last THEN 'clipped' END",
        "true",
        found,
        _fewer_words(count),
    )
    verdict = fate("chunk", "judged.operation", "string(NULL)", "true")
    return (
        f"CASE WHEN judged.reason IS NOT NULL OR NOT trusted THEN {refused} "
        f"WHEN judged.operation.op IN {EDITS} THEN {edit} ELSE {verdict} END"
    )


def _fewer_words(count: Counter) -> str:
    """Give how many words the operation `judged` takes out more than it brings in, 0 if it brings in as many."""
    lines = slice_of("page.lines", "judged.operation.line_start", f"{_END} + 1")
    gone = (
        f"CASE judged.operation.op WHEN 'remove_lines' THEN {join(lines)} "
        f"WHEN 'replace_str' THEN judged.operation.source WHEN 'rewrite' THEN {_own()} END"
    )
    brought = "CASE WHEN judged.operation.op IN ('replace_str', 'rewrite') THEN judged.operation.target END"
    counted = slice_of("among.line_words", "(judged.operation.line_start - scope.first)", f"({_END} + 1 - scope.first)")
    before = (
        "IF(judged.operation.op = 'remove_lines' AND among.line_words IS NOT NULL, "
        f"aggregate({counted}, 0, (sum, words) -> sum + words), {count(gone)})"
    )
    return f"greatest(coalesce({before}, 0) - coalesce({count(brought)}, 0), 0)"


def _done(names: str, value: str) -> str:
    chosen = (
        f"filter(judged_operations, judged -> trusted AND judged.reason IS NULL AND judged.operation.op IN {names})"
    )
    return f"transform({chosen}, judged -> {value})"


def _ranges() -> str:
    return _done(
        "('remove_lines', 'rewrite')",
        "IF(judged.operation.op = 'rewrite', named_struct('first', scope.first, 'last', scope.last), "
        f"named_struct('first', judged.operation.line_start, 'last', {_END}))",
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
