r"""Reference execution of UltraX and ReScraper as Spark SQL text: what `published` does, with the same fates and bytes.

The lambda variables, beside `document`:

    placed_operations   every chunk's operations in order, each with its chunk
    shown               the text, its line ends unified where UltraX does that
    lines               its lines; NULL where no operation touches one
    changes             the lines that go or are others: `line`, and `text` for each
"""

from __future__ import annotations

from prox_spark.program.characters import WHITESPACE, regex_class
from prox_spark.program.columns_lines import aligned, fate, operations, present, result, words_before
from prox_spark.program.columns_words import NEWLINE, Counter, bind, join, let, literal, slice_of, split
from prox_spark.program.operations import Policy

_CHUNK = "named_struct('chunk_index', chunk.chunk_index, 'line_start', chunk.line_start, 'line_end', chunk.line_end)"
_LINES = "('remove_lines', 'replace_str')"
_WITH_LINES = "('remove_lines', 'replace_str', 'rewrite')"
_REWRITES, _VERDICTS = "('rewrite')", "('keep_doc', 'drop_doc')"
_BUT_LINE_FEED = ((0x09, 0x09), (0x0B, 0x0D), *WHITESPACE[1:])
_ANY_END, _BLANK_LINES, _AROUND_END = literal(r"\r\n?"), literal(r"\n\n+"), literal(r" ?\n[ \n]*")
_BLANKS = literal(f"[{regex_class(_BUT_LINE_FEED, 'java')}]+")


def _holds(names: str) -> str:
    return f"exists(placed_operations, placed -> coalesce(placed.operation.op IN {names}, false))"


def _unified(text: str) -> str:
    return f"regexp_replace({text}, {_ANY_END}, {NEWLINE})"


def execute_chunks(policy: Policy, count: Counter) -> str:
    """Execute the programs of all chunks at once on the whole text."""
    both = f"named_struct('chunk', {_CHUNK}, 'operation', operation)"
    placed = f"transform({operations('chunk.reference_ops')}, operation -> {both})"
    every = f"flatten(transform({present('document.chunks')}, chunk -> {placed}))"
    shown = _unified("document.text") if policy.grammar == "ultrax" else "document.text"
    dropped = _holds("('drop_doc')")
    reason = (
        f"CASE WHEN {dropped} THEN 'drop_doc' WHEN left = '' AND size(placed_operations) > 0 AND "
        "NOT forall(placed_operations, placed -> placed.operation.op = 'keep_doc') THEN 'nothing_left' END"
    )
    answer = result(
        "IF(reason IS NULL, left, NULL)",
        "CASE WHEN reason IS NOT NULL THEN 'dropped' WHEN left = document.text THEN 'kept' ELSE 'edited' END",
        "reason",
        f"transform(placed_operations, placed -> {_fate(count)})",
        words_before(count),
        f"IF(reason IS NULL, {count('left')}, 0)",
    )
    return bind(
        {
            "placed_operations": every,
            "shown": shown,
            "lines": f"IF({_holds(_WITH_LINES)}, {split('shown')}, NULL)",
            "left": _left(policy),
            "reason": reason,
        },
        answer,
    )


def _left(policy: Policy) -> str:
    rewritten = "coalesce(filter(placed_operations, placed -> placed.operation.op = 'rewrite')[0].operation.target, '')"
    edited = f"IF(lines IS NULL, shown, {_edited()})"
    return (
        f"CASE WHEN size(placed_operations) = 0 THEN document.text WHEN {_holds(_REWRITES)} THEN {rewritten} "
        f"WHEN {_holds(_VERDICTS)} THEN shown ELSE {_finished(edited, policy)} END"
    )


def _finished(text: str, policy: Policy) -> str:
    if policy.grammar == "ultrax":
        lines = f"regexp_replace({_unified(text)}, {_BLANK_LINES}, {NEWLINE})"
        return f"trim(BOTH {NEWLINE} FROM {lines})"
    blanks = f"regexp_replace({text}, {_BLANKS}, ' ')"
    lines = f"regexp_replace({blanks}, {_AROUND_END}, {NEWLINE})"
    return f"trim(BOTH concat(' ', {NEWLINE}) FROM {lines})"


def _edited() -> str:
    """Put the lines together that stay, and those that are others now."""
    last = "least(placed.operation.line_end, size(lines) - 1)"
    gone = f"transform(sequence(placed.operation.line_start, {last}), line -> named_struct('line', line, 'text', ''))"
    other = "array(named_struct('line', placed.operation.line_start, 'text', coalesce(placed.operation.target, '')))"
    inside = (
        f"placed.operation.op IN {_LINES} AND placed.operation.line_start BETWEEN 0 AND size(lines) - 1 AND "
        "placed.operation.line_end >= placed.operation.line_start"
    )
    touching = f"filter(placed_operations, placed -> coalesce({inside}, false))"
    changes = f"flatten(transform({touching}, placed -> IF(placed.operation.op = 'remove_lines', {gone}, {other})))"
    end = f"IF(number < size(lines) - 1, {NEWLINE}, '')"
    line = f"coalesce(get(changes, get(at, number)).text, concat(line, {end}))"
    joined = f"array_join(transform(lines, (line, number) -> {line}), '')"
    return bind({"changes": f"sort_array({changes})", "at": aligned("changes.line")}, joined)


def _fate(count: Counter) -> str:
    """Give the fate of operation `placed`; every one is applied."""
    inside = join(slice_of("lines", "greatest(placed.operation.line_start, 0)", "placed.operation.line_end + 1"))
    strings = (
        f"CASE placed.operation.op WHEN 'remove_lines' THEN array({inside}) "
        "WHEN 'replace_str' THEN array(coalesce(placed.operation.source, ''), coalesce(placed.operation.target, '')) "
        "WHEN 'rewrite' THEN array(shown, coalesce(placed.operation.target, '')) "
        "ELSE cast(array() AS array<string>) END"
    )
    found = (
        "CASE placed.operation.op WHEN 'remove_lines' THEN greatest(0, least(placed.operation.line_end + 1, "
        "size(lines)) - greatest(placed.operation.line_start, 0)) "
        "WHEN 'replace_str' THEN 1 WHEN 'rewrite' THEN size(lines) ELSE 0 END"
    )
    fewer = "greatest(coalesce(get(counts, 0), 0) - coalesce(get(counts, 1), 0), 0)"
    counts = f"transform({strings}, text -> {count('text')})"
    return let("counts", counts, fate("placed.chunk", "placed.operation", "string(NULL)", "true", found, fewer))
