"""The text that strict execution for refiners after ProX leaves, as Spark SQL text: what `edits.Page.result` gives.

It is put together line by line, each with its end, from what the programs of all chunks change (`results`, and of them
`ranges`, the lines that go). The lambda variables, beside those of `columns_edits`:

    changes     for each line whether it goes (`gone`), and its place among `edits`, the texts of the lines that strings
                are replaced on, and among `additions`, the lines that are added after one (first those before the first
                line, if there are: `before`)
    parts       what each line becomes, with what is added after it; none for a line that goes and has nothing after it
"""

from __future__ import annotations

from prox_spark.program.columns_lines import aligned, gaps, kept, of_each_line
from prox_spark.program.columns_words import NEWLINE, bind, join, let, slice_of

_SPANS, _ADDED = "flatten(results.spans)", "flatten(results.added)"
CHANGED = f"(size({_SPANS}) > 0 OR size({_ADDED}) > 0)"
"""Whether more becomes of the text than that lines go."""


def edited() -> str:
    """Give the text that is left: by slices where lines go and nothing else happens, as mostly, else line by line."""
    removed = bind({"new_lines": "page.lines", "between": gaps()}, join(kept()))
    changes = (
        f"named_struct('gone', {_gone()}, 'edits', {_edits()}, 'edit_at', {aligned(_lines(_SPANS))}, "
        f"'additions', {_additions()}, 'addition_at', {aligned(_lines(_ADDED))}, "
        f"'before', exists({_ADDED}, addition -> addition.line = -1))"
    )
    changed = bind({"changes": changes, "parts": _parts()}, _whole())
    return f"CASE WHEN {CHANGED} THEN {changed} WHEN size(ranges) > 0 THEN {removed} ELSE document.text END"


def _lines(changes: str) -> str:
    """Give the numbers of the lines that some changes name, in order."""
    return f"sort_array(array_distinct(transform({changes}, change -> change.line)))"


def _gone() -> str:
    """Say of each line whether a range removes it."""
    before = "coalesce(get(between.gaps, place - 1).last, 0)"
    gap = f"concat(array_repeat(true, gap.first - {before}), array_repeat(false, gap.last - gap.first))"
    last = "coalesce(get(between.gaps, size(between.gaps) - 1).last, 0)"
    gone = (
        f"concat(flatten(transform(between.gaps, (gap, place) -> {gap})), "
        f"array_repeat(true, between.next - {last}), "
        "array_repeat(false, greatest(size(page.lines) - between.next, 0)))"
    )
    return let("between", gaps(), gone)


def _edits() -> str:
    """Replace the strings of each line that has some, from left to right; its end goes where a string held it."""
    zero = "named_struct('line', get(page.lines, get(runs.lines, place)), 'at', 0, 'text', '')"
    step = (
        "IF(span.first < state.at, state, named_struct('line', state.line, 'at', span.last, 'text', "
        "concat(state.text, substring(state.line, state.at + 1, span.first - state.at), span.target)))"
    )
    end = f"IF(state.at > char_length(state.line), '', {NEWLINE})"
    finish = f"state -> concat(state.text, substring(state.line, state.at + 1), {end})"
    return of_each_line(
        f"sort_array({_SPANS})", lambda spans: f"aggregate({spans}, {zero}, (state, span) -> {step}, {finish})"
    )


def _additions() -> str:
    """Join what is added after each line that has some, in the order of the programs."""
    placed = "named_struct('line', addition.line, 'place', place, 'target', addition.target)"
    return of_each_line(
        f"sort_array(transform({_ADDED}, (addition, place) -> {placed}))",
        lambda additions: f"concat({join(f'{additions}.target')}, {NEWLINE})",
    )


def _parts() -> str:
    own = f"coalesce(get(changes.edits, get(changes.edit_at, number)), concat(line, {NEWLINE}))"
    more = "get(changes.additions, get(changes.addition_at, number))"
    part = f"IF(get(changes.gone, number), {more}, concat({own}, coalesce({more}, '')))"
    first = "array(CASE WHEN changes.before THEN get(changes.additions, 0) END)"
    return f"array_compact(concat({first}, transform(page.lines, (line, number) -> {part})))"


def _whole() -> str:
    """Put the parts together; the end of the last line is left out, unless it went with a string."""
    last = "coalesce(get(parts, size(parts) - 1), '')"
    shorter = f"string(substring(binary({last}), 1, octet_length({last}) - 1))"  # characters would have to be counted
    return (
        f"concat(array_join({slice_of('parts', '0', 'size(parts) - 1')}, ''), "
        f"IF(endswith({last}, {NEWLINE}), {shorter}, {last}))"
    )
