"""Reference execution as Spark SQL text: what `reference.execute_reference` does, with the same fates and bytes.

The lambda variables, beside those of `columns_lines`:

    px   the text and its chunks    pl   every chunk's operations in order, each with its chunk
    nm   the text with every replacement made, and the places of each operation (negative: why there are none)
"""

from __future__ import annotations

from prox_spark.program.columns_lines import fate, gaps, kept, operations, present, result, word_counts, words_before
from prox_spark.program.columns_words import NEWLINE, Counter, join, let, slice_of, split
from prox_spark.program.reference import GROWTH_FACTOR, GROWTH_FLOOR, MAX_ERRORS, MAX_REMOVED, MIN_WORDS

_BLANK, _NOT_FOUND, _GROWS = -1, -2, -3
_CHUNK = "named_struct('chunk_index', c.chunk_index, 'line_start', c.line_start, 'line_end', c.line_end)"


def execute_document(count: Counter) -> str:
    """Drop the document if the letters "drop" stand anywhere in the answer, and keep it otherwise."""
    verdict = (
        "named_struct('op', IF(contains(c.completion, 'drop'), 'drop_doc', 'keep_doc'), 'line_start', int(NULL), "
        "'line_end', int(NULL), 'source', string(NULL), 'target', string(NULL))"
    )
    fates = f"transform({present('px.chunks', 'c')}, c -> {let('o', verdict, fate('c', 'o', 'string(NULL)', 'true'))})"
    dropped = "exists(op, f -> f.op = 'drop_doc')"
    answer = result(
        "IF(dr, NULL, px.text)", "IF(dr, 'dropped', 'kept')", "IF(dr, 'drop_doc', NULL)", "op", "wb", "IF(dr, 0, wb)"
    )
    return let("op", fates, let("dr", dropped, let("wb", words_before(count), answer)))


def execute_chunks(count: Counter) -> str:
    """Execute the programs of all chunks at once on the whole text, as the published code does."""
    placed = f"transform({operations('c.reference_ops')}, o -> named_struct('c', {_CHUNK}, 'o', o))"
    every = f"flatten(transform({present('px.chunks', 'c')}, c -> {placed}))"
    edited = "CASE WHEN size(rg) > 0 THEN " + let("gp", gaps(), join(kept())) + " WHEN rp THEN nm.text ELSE px.text END"
    lines = f"IF(exists(pl, k -> k.o.op = 'remove_lines'), {split('nm.text')}, NULL)"
    body = let("tx", edited, let("wd", word_counts(count), let("er", _errors(), _outcome())))
    fates = let("op", f"transform(pl, (k, i) -> {_fate(count)})", let("rg", _ranges(), body))
    changed = let("rp", "exists(nm.found, n -> n > 0)", let("nl", lines, fates))
    return let("pl", every, let("nm", _normalized(), changed))


def _normalized() -> str:
    step = f"IF(k.o.op = 'normalize', {_replace()}, {_acc('nm.text', '0')})"
    zero = "named_struct('text', px.text, 'found', cast(array() AS array<int>))"
    return f"aggregate(pl, {zero}, (nm, k) -> {step})"


def _acc(text: str, found: str) -> str:
    return f"named_struct('text', {text}, 'found', concat(nm.found, array({found})))"


def _replace() -> str:
    """Replace one operation's source everywhere in `nm.text`, unless it is guarded or the text would grow too much."""
    source, target = "coalesce(k.o.source, '')", "coalesce(k.o.target, '')"
    found = f"int((octet_length(nm.text) - octet_length(replace(nm.text, {source}, ''))) div octet_length({source}))"
    longer = f"bigint(ct) * (char_length({target}) - char_length({source}))"
    limit = f"{GROWTH_FLOOR}L + {GROWTH_FACTOR}L * char_length(px.text)"
    replaced = (
        f"CASE WHEN ct = 0 THEN {_acc('nm.text', str(_NOT_FOUND))} "
        f"WHEN char_length(nm.text) + {longer} > {limit} THEN {_acc('nm.text', str(_GROWS))} "
        f"ELSE {_acc(f'replace(nm.text, {source}, {target})', 'ct')} END"
    )
    blank = f"{source} = '' OR (k.o.source = ' ' AND k.o.target IS NOT NULL)"
    return f"IF({blank}, {_acc('nm.text', str(_BLANK))}, {let('ct', found, replaced)})"


def _fate(count: Counter) -> str:
    """Give the fate of operation `k` at place `i`, before it is known whether the program has too many errors."""
    reason = (
        f"CASE nm.found[i] WHEN {_BLANK} THEN 'blank_source' WHEN {_NOT_FOUND} THEN 'not_found' "
        f"WHEN {_GROWS} THEN 'grows' END"
    )
    counted = f"transform(array(k.o.source, coalesce(k.o.target, '')), w -> {count('w')})"
    removed = let("wc", counted, "nm.found[i] * greatest(wc[0] - wc[1], 0)")
    normalize = fate(
        "k.c", "k.o", reason, "nm.found[i] > 0", "greatest(nm.found[i], 0)", f"IF(nm.found[i] > 0, {removed}, 0)"
    )
    clipped = "IF(coalesce(k.o.line_start, 0) < 0 OR coalesce(k.o.line_end, 0) >= size(nl), 'clipped', NULL)"
    lines = count(join(slice_of("nl", "r.first", "r.last + 1")))
    inside = fate("k.c", "k.o", clipped, "true", "r.last - r.first + 1", lines)
    outside = fate("k.c", "k.o", "'outside_chunk'", "false")
    remove = let("r", _range("k.o"), f"IF(r.first <= r.last, {inside}, {outside})")
    verdict = fate("k.c", "k.o", "string(NULL)", "true")
    return (
        f"CASE WHEN k.o.op = 'normalize' THEN {normalize} WHEN k.o.op = 'remove_lines' THEN {remove} ELSE {verdict} END"
    )


def _range(operation: str) -> str:
    """Give the lines of a `remove_lines` that exist; without numbers it means every line."""
    first = f"greatest(coalesce({operation}.line_start, 0), 0)"
    last = f"least(coalesce({operation}.line_end, size(nl) - 1), size(nl) - 1)"
    return f"named_struct('first', {first}, 'last', {last})"


def _ranges() -> str:
    removes = "filter(op, f -> f.op = 'remove_lines' AND f.status = 'applied')"
    return f"array_sort(transform({removes}, f -> {_range('f')}))"


def _errors() -> str:
    """Count the errors of the published code: those of its parser, and merged ranges that leave the text."""
    parsed = f"aggregate({present('px.chunks', 'c')}, 0, (n, c) -> n + coalesce(c.reference_errors, 0))"
    ranges = (
        "transform(pl, (k, i) -> IF(k.o.op = 'remove_lines' AND k.o.line_start IS NOT NULL "
        "AND k.o.line_end IS NOT NULL, named_struct('first', k.o.line_start, 'i', i, 'last', k.o.line_end), NULL))"
    )
    intervals = f"array_sort(filter({ranges}, r -> r IS NOT NULL))"
    many = f"IF(rp, octet_length(px.text) - octet_length(replace(px.text, {NEWLINE}, '')) + 1, size(nl))"
    leaves = "IF(m.last >= n OR m.first >= n, 1, 0)"
    merged = (
        "CASE WHEN m.first IS NULL THEN named_struct('first', r.first, 'last', r.last, 'errors', 0) "
        "WHEN r.first <= bigint(m.last) + 1 THEN "
        "named_struct('first', m.first, 'last', greatest(m.last, r.last), 'errors', m.errors) "
        f"ELSE named_struct('first', r.first, 'last', r.last, 'errors', m.errors + {leaves}) END"
    )
    zero = "named_struct('first', int(NULL), 'last', int(NULL), 'errors', 0)"
    counted = let("n", many, f"aggregate(iv, {zero}, (m, r) -> {merged}, m -> m.errors + {leaves})")
    return f"{parsed} + " + let("iv", intervals, f"IF(size(iv) = 0, 0, {counted})")


def _outcome() -> str:
    """Decide by the published thresholds, in the published order; a text without words is kept."""
    reason = (
        "CASE WHEN wd.before = 0 THEN NULL "
        f"WHEN double(wd.after) / wd.before <= {1 - MAX_REMOVED!r}D AND er < {MAX_ERRORS} THEN 'too_little_kept' "
        f"WHEN wd.after <= {MIN_WORDS} THEN 'too_few_words' WHEN er >= {MAX_ERRORS} THEN 'too_many_errors' END"
    )
    same = ("chunk_index", "op", "line_start", "line_end", "source", "target", "scope_start", "scope_end")
    fields = ", ".join(f"'{name}', f.{name}" for name in same)
    end = "'status', 'rejected', 'reason', 'mostly_rejected', 'found', 0, 'words_removed', 0"
    refused = f"IF(f.status = 'rejected', f, named_struct({fields}, {end}))"
    untouched = "wd.before = 0 OR coalesce(rs = 'too_many_errors', false)"
    answer = result(
        "CASE WHEN dr THEN NULL WHEN un THEN px.text ELSE tx END",
        "CASE WHEN dr THEN 'dropped' WHEN un OR tx = px.text THEN 'kept' ELSE 'edited' END",
        "rs",
        f"IF(un, transform(op, f -> {refused}), op)",
        "wd.before",
        "CASE WHEN dr THEN 0 WHEN un THEN wd.before ELSE wd.after END",
    )
    dropped = "coalesce(rs IN ('too_little_kept', 'too_few_words'), false)"
    return let("rs", reason, let("un", untouched, let("dr", dropped, answer)))
