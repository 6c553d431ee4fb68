"""Strict execution as Spark SQL text: what `execute.execute_operations` does, with the same fates and the same bytes.

Each function gives one expression over the lambda variable `px`, a struct of `text` and `chunks` (`schema.CHUNK`), or
over the variables that the expression around it has bound:

    px   the text and its chunks            ck   one chunk with what is known of its operations
    ls   the lines; NULL when no chunk edits    cr   every chunk's result: fates, new text, ranges to remove
"""

from __future__ import annotations

from prox_spark.program.characters import RESERVED, WORD, Ranges, characters, regex_class
from prox_spark.program.columns_lines import fate, gaps, kept, operations, present, result, word_counts, words_before
from prox_spark.program.columns_words import Counter, is_blank, join, let, literal, slice_of, split
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
    return f"exists({operations}, q -> coalesce(q.op IN {names}, false))"


def execute_document(count: Counter) -> str:
    """Keep or drop by the verdict alone; the policy's thresholds are for texts that were edited."""
    keeps = f"exists(ch, ck -> {has_operation('ck.ops', KEEPS)})"
    drops = f"exists(ch, ck -> {has_operation('ck.ops', DROPS)})"
    reason = (
        f"CASE WHEN coalesce(o.op IN {KEEPS}, false) THEN NULL WHEN NOT coalesce(o.op = 'drop_doc', false) "
        "THEN 'wrong_level' WHEN vd.keeps THEN 'contradiction' END"
    )
    judged = let("rs", reason, fate("ck", "o", "rs", "rs IS NULL"))
    fates = f"flatten(transform(ch, ck -> transform(ck.ops, o -> {judged})))"
    dropped = "vd.drops AND NOT vd.keeps"
    answer = result(
        f"IF({dropped}, NULL, px.text)",
        f"IF({dropped}, 'dropped', 'kept')",
        f"CASE WHEN {dropped} THEN 'drop_doc' WHEN vd.keeps AND NOT vd.drops THEN NULL ELSE 'unknown_answer' END",
        fates,
        "wb",
        f"IF({dropped}, 0, wb)",
    )
    verdict = let("vd", f"named_struct('keeps', {keeps}, 'drops', {drops})", let("wb", words_before(count), answer))
    return let("ch", _chunks(), verdict)


def execute_chunks(policy: Policy, count: Counter) -> str:
    """Execute each chunk's program inside its own lines, then decide what becomes of the document."""
    edited = "exists(ch, ck -> ck.edits AND NOT ck.keeps)"
    lines = f"IF({edited}, {split('px.text')}, NULL)"
    return let(
        "ch",
        _chunks(),
        let("ls", lines, let("cr", f"transform(ch, ck -> {_chunk(policy, count)})", _document(policy, count))),
    )


def _chunks() -> str:
    chunk = (
        "named_struct('chunk_index', c.chunk_index, 'line_start', c.line_start, 'line_end', c.line_end, 'ops', oo, "
        f"'problems', coalesce(array_size(c.problems), 0), 'keeps', {has_operation('oo', KEEPS)}, "
        f"'edits', {has_operation('oo', EDITS)}, 'normalizes', {has_operation('oo', NORMALIZES)})"
    )
    return f"transform({present('px.chunks', 'c')}, c -> {let('oo', operations('c.ops'), chunk)})"


def _chunk(policy: Policy, count: Counter) -> str:
    """Give one chunk's result: its fates, its new text (NULL when it stays), and the ranges of lines it removes."""
    last = "coalesce(array_size(ls), 0) - 1"
    scope = (
        "named_struct('first', greatest(coalesce(ck.line_start, 0), 0), "
        f"'last', least(coalesce(ck.line_end, {last}), {last}))"
    )
    wrong = "size(filter(fo, f -> f.reason IS NOT NULL)) + ck.problems"
    trusted = f"{wrong} <= {policy.max_rejected_share!r}D * (size(fo) + ck.problems)"
    outcome = (
        f"named_struct('fates', transform(fo, f -> {_fate(count)}), "
        f"'first', sc.first, 'last', sc.last, 'text', IF(ok, {_replaced_text()}, NULL), "
        f"'ranges', IF(ok, {_ranges()}, array()))"
    )
    judged = let("fo", _judged(), let("ok", trusted, outcome))
    body = let(
        "co",
        f"transform(ck.ops, o -> named_struct('o', o, 'reason', {_refusal(policy)}))",
        let("no", _normalized(policy), judged),
    )
    return let("sc", scope, let("ct", _own_text(), body))


def _own_text() -> str:
    """Give the chunk's own text where a `normalize` needs it, and whether it holds reserved characters."""
    own = let(
        "x",
        join(slice_of("ls", "sc.first", "sc.last + 1")),
        f"named_struct('text', x, 'reserved', {_holds_reserved('x')})",
    )
    return f"IF(ck.normalizes AND NOT ck.keeps, {own}, NULL)"


def _refusal(policy: Policy) -> str:
    """Give the reason why operation `o` is refused before the text is searched, or NULL."""
    first, second = "coalesce(o.source, '')", "coalesce(o.target, '')"
    breaks = " OR ".join(
        f"contains({string}, {code})" for string in (first, second) for code in ("char(10)", "char(13)")
    )
    normalize = (
        f"CASE WHEN {is_blank(first)} THEN 'blank_source' "
        f"WHEN char_length({first}) < {policy.min_source_chars} THEN 'short_source' "
        f"WHEN {breaks} THEN 'spans_lines' "
        f"WHEN char_length({second}) > {policy.max_growth!r}D * char_length({first}) THEN 'grows' "
        f"WHEN ct.reserved OR {_holds_reserved(f'concat({first}, {second})')} THEN 'reserved_character' END"
    )
    inside = "o.line_start BETWEEN sc.first AND sc.last AND o.line_end >= o.line_start"
    return (
        f"CASE WHEN coalesce(o.op IN {KEEPS}, false) THEN NULL "
        "WHEN o.op = 'drop_doc' THEN CASE WHEN ck.line_start IS NOT NULL THEN 'wrong_level' "
        "WHEN ck.keeps OR ck.edits THEN 'contradiction' END "
        f"WHEN NOT coalesce(o.op IN {EDITS}, false) THEN 'wrong_level' WHEN ck.keeps THEN 'contradiction' "
        f"WHEN o.op = 'remove_lines' THEN IF(coalesce({inside}, false), NULL, 'outside_chunk') "
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
    step = f"IF(k.o.op = 'normalize' AND k.reason IS NULL, {_replace(policy)}, {_step('nm.text', '0')})"
    zero = "named_struct('text', ct.text, 'found', cast(array() AS array<int>))"
    return f"IF(ct IS NULL, NULL, aggregate(co, {zero}, (nm, k) -> {step}))"


def _step(text: str, found: object) -> str:
    return f"named_struct('text', {text}, 'found', concat(nm.found, array({found})))"


def _replace(policy: Policy) -> str:
    """Put the placeholder of operation `k` in every place of `nm.text` where its source stands."""
    candidate = literal(CANDIDATE)
    first, last = _holds("left(k.o.source, 1)", WORD), _holds("right(k.o.source, 1)", WORD)
    # The candidate stands first, so that the class of word characters is not tried at every character of the text.
    after = f"{CANDIDATE}(?<![{regex_class(WORD, 'java')}{CANDIDATE}]{CANDIDATE})"
    before = f"(?![{regex_class(WORD, 'java')}{CANDIDATE}])"
    marked = (
        f"CASE WHEN ed.first AND ed.last THEN regexp_replace(u1, {literal(after + before)}, ph) "
        f"WHEN ed.first THEN regexp_replace(u1, {literal(after)}, ph) "
        f"WHEN ed.last THEN regexp_replace(u1, {literal(CANDIDATE + before)}, ph) "
        f"ELSE replace(u1, {candidate}, ph) END"
    )
    # A placeholder is longer than the candidate that it replaces, so the lengths tell how many there are.
    count = f"int((octet_length(u2) - octet_length(u1)) div (octet_length(ph) - octet_length({candidate})))"
    restored = f"IF(contains(u2, {candidate}), replace(u2, {candidate}, k.o.source), u2)"
    judged = (
        f"CASE WHEN n = 0 THEN {_step('nm.text', _INSIDE_WORD)} "
        f"WHEN n > {policy.max_matches} THEN {_step('nm.text', _TOO_MANY)} ELSE {_step(restored, 'n')} END"
    )
    edges = f"named_struct('first', {first}, 'last', {last})"
    places = let("u2", let("ed", edges, marked), let("n", count, judged))
    candidates = f"replace(nm.text, k.o.source, {candidate})"
    replaced = let("ph", _placeholder("size(nm.found)"), let("u1", candidates, places))
    return f"IF(contains(nm.text, k.o.source), {replaced}, {_step('nm.text', _NOT_FOUND)})"


def _placeholder(index: str) -> str:
    digits = f"translate(string({index}), '0123456789', {literal(_DIGITS)})"
    return f"concat({literal(OPENING)}, {digits}, {literal(CLOSING)})"


def _judged() -> str:
    """Give each operation with its reason for rejection, as far as its own checks go, and its places."""
    reason = (
        f"coalesce(k.reason, CASE get(no.found, i) WHEN {_NOT_FOUND} THEN 'not_found' "
        f"WHEN {_INSIDE_WORD} THEN 'inside_word' WHEN {_TOO_MANY} THEN 'too_many_matches' END)"
    )
    judged = f"named_struct('o', k.o, 'reason', {reason}, 'found', coalesce(get(no.found, i), 0))"
    return f"transform(co, (k, i) -> {judged})"


def _fate(count: Counter) -> str:
    """Give the fate of operation `f` now that it is known whether the chunk's program is trusted (`ok`)."""
    refused = fate("ck", "f.o", "coalesce(f.reason, 'mostly_rejected')", "false")
    end = "least(f.o.line_end, sc.last)"
    removed = f"array({join(slice_of('ls', 'f.o.line_start', f'{end} + 1'))})"
    strings = f"IF(f.o.op = 'remove_lines', {removed}, array(f.o.source, coalesce(f.o.target, '')))"
    counted = f"transform({strings}, w -> {count('w')})"
    edit = fate(
        "ck",
        "f.o",
        "IF(f.o.op = 'remove_lines' AND f.o.line_end > sc.last, 'clipped', NULL)",
        "true",
        f"IF(f.o.op = 'remove_lines', {end} - f.o.line_start + 1, f.found)",
        "IF(f.o.op = 'remove_lines', wc[0], f.found * greatest(wc[0] - get(wc, 1), 0))",
    )
    verdict = fate("ck", "f.o", "string(NULL)", "true")
    return (
        f"CASE WHEN f.reason IS NOT NULL OR NOT ok THEN {refused} "
        f"WHEN f.o.op IN {EDITS} THEN {let('wc', counted, edit)} ELSE {verdict} END"
    )


def _replaced_text() -> str:
    """Put the targets in the place of their placeholders; NULL when nothing was replaced."""
    target = "named_struct('i', i, 'found', f.found, 'target', coalesce(f.o.target, ''))"
    targets = f"filter(transform(fo, (f, i) -> {target}), t -> t.found > 0)"
    put = f"aggregate({targets}, no.text, (u, t) -> replace(u, {_placeholder('t.i')}, t.target))"
    return f"IF(exists(fo, f -> f.found > 0), {put}, NULL)"


def _ranges() -> str:
    removes = "filter(fo, f -> f.reason IS NULL AND f.o.op = 'remove_lines')"
    return f"transform({removes}, f -> named_struct('first', f.o.line_start, 'last', least(f.o.line_end, sc.last)))"


def _document(policy: Policy, count: Counter) -> str:
    """Put the chunks' results together: the text that is left, its words, the outcome."""
    gone = "array_sort(flatten(cr.ranges))"
    changed = "exists(cr, c -> c.text IS NOT NULL)"
    left = let("nl", f"IF(rp, {_replaced_lines()}, ls)", let("gp", gaps(), join(kept())))
    edited = f"CASE WHEN size(rg) = 0 AND NOT rp THEN px.text ELSE {left} END"
    body = let("tx", edited, let("op", "flatten(cr.fates)", let("wd", word_counts(count), _outcome(policy))))
    return let("rg", gone, let("rp", changed, body))


def _replaced_lines() -> str:
    """Give the lines with each chunk's own in their place; in one go where the chunks tile the text, as they do."""
    tiles = "aggregate(cr, 0, (n, c) -> IF(c.first = n, c.last + 1, -1)) = size(ls)"
    tiled = f"transform(cr, c -> IF(c.text IS NULL, {slice_of('ls', 'c.first', 'c.last + 1')}, {split('c.text')}))"
    around = f"{slice_of('a', '0', 'c.first')}, {split('c.text')}, {slice_of('a', 'c.last + 1', 'size(a)')}"
    one_by_one = f"aggregate(filter(cr, c -> c.text IS NOT NULL), ls, (a, c) -> concat({around}))"
    return f"IF({tiles}, flatten({tiled}), {one_by_one})"


def _outcome(policy: Policy) -> str:
    reason = (
        "CASE WHEN exists(op, f -> f.op = 'drop_doc' AND f.status = 'applied') THEN 'drop_doc' "
        "WHEN tx != px.text AND wd.after = 0 THEN 'nothing_left' "  # no words is blank, and trimming reads every byte
        f"WHEN wd.after < {policy.min_words} THEN 'too_few_words' "
        f"WHEN wd.after < {policy.min_kept_share!r}D * wd.before THEN 'too_little_kept' END"
    )
    outcome = result(
        "IF(rs IS NULL, tx, NULL)",
        "CASE WHEN rs IS NOT NULL THEN 'dropped' WHEN tx = px.text THEN 'kept' ELSE 'edited' END",
        "rs",
        "op",
        "wd.before",
        "IF(rs IS NULL, wd.after, 0)",
    )
    return let("rs", reason, outcome)
