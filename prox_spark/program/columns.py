"""Execute programs in Spark's own column expressions: no Python worker, no JAR, nothing that Spark Connect lacks.

The expressions are Spark SQL text (`columns_strict`, `columns_reference`), so the same source is a Column here and a
SQL function in `functions.register_functions`. They agree with the Python twin, `execute.execute_operations`, byte for
byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.program import (
    columns_edits,
    columns_published,
    columns_reference,
    columns_scored,
    columns_strict,
    columns_words,
)
from prox_spark.program.columns_lines import result
from prox_spark.program.operations import Level, Mode, Policy
from prox_spark.program.published import PUBLISHED

if TYPE_CHECKING:
    from pyspark.sql import Column

_NO_PROBLEMS = "cast(array() AS array<struct<line: int, reason: string, text: string>>)"


def execute(
    text: Column | str,
    chunks: Column | str,
    *,
    level: Level = "chunk",
    policy: Policy | None = None,
    known_words: Column | str | None = None,
    compiled: bool = False,
) -> Column:
    """Execute the programs of a text's chunks.

    Args:
        text: The document; NULL gives a struct of NULLs.
        chunks: `programs.chunks`, an array of `schema.CHUNK`; NULL and empty mean a program without operations.
        level: `document` for the answer of a document pass, which keeps or drops and edits nothing.
        known_words: The words of `text` as the policy's mode counts them, so that they are not counted again; NULL
            where they are not known.
        compiled: Execute with the accelerator, which the session must have (`prox_spark.spark.accelerator`); in the
            mode reference, and for programs in another grammar than ProX's, it only counts the words.

    Returns:
        A struct of `text` (NULL when dropped), `outcome`, `reason`, `ops` (an array of `schema.APPLIED_OPERATION`),
        `words_before` and `words_after`. Select it once, under a name, and take its fields in a later select: Spark
        evaluates this whole expression anew for every field or filter of the select that holds it.
    """
    policy = policy or Policy()
    known = F.lit(None) if known_words is None else _column(known_words)
    if compiled and policy.mode == "strict" and policy.grammar == "prox":
        execution = _compiled(_column(text), _column(chunks), known.cast("int"), level, policy)
    else:
        body = execution_sql(level, policy, compiled=compiled)
        execution = _bound(body, text=text, chunks=chunks, words=known.cast("int"))
    return execution.alias("execution")


def _compiled(text: Column, chunks: Column, known: Column, level: Level, policy: Policy) -> Column:
    """Call the accelerator (`accelerator/ExecuteFunction.java`); a number of words below zero is one not known."""
    whole = (policy.min_source_chars, policy.max_matches, policy.min_words)
    shares = (policy.max_growth, policy.max_rejected_share, policy.min_kept_share)
    bounds = [*(F.lit(n).cast("long") for n in whole), *(F.lit(float(share)) for share in shares)]
    answer = F.lit(level == "document")
    return F.call_function(columns_words.COMPILED_EXECUTE, text, chunks, F.coalesce(known, F.lit(-1)), answer, *bounds)


def apply_program(
    text: Column | str, ops: Column | str, *, mode: Mode = "strict", policy: Policy | None = None
) -> Column:
    """Give the text that a program makes of `text`; NULL when it drops the document.

    Args:
        ops: An array of structs with the fields of `schema.OPERATION`, those of `schema.APPLIED_OPERATION`, or some of
            them: fields are found by name. Operations with the same `scope_start` and `scope_end` are one chunk's
            program, and operations with the status `rejected` are left out.
        policy: How to execute; its mode goes before `mode`.
    """
    policy = policy or Policy(mode=mode)
    given = F.to_json(_column(ops))
    return _bound(_program_sql(policy), text=text, ops=given).alias("text")


def words(text: Column | str, *, mode: Mode = "strict", compiled: bool = False) -> Column:
    """Count the words of a text as the executor of `mode` counts them; `compiled` as in `execute`."""
    return _bound(words_sql(mode, compiled=compiled), text=text).alias("words")


def words_sql(mode: Mode, *, compiled: bool = False) -> str:
    """Give the SQL text that counts the words of `document.text`."""
    return columns_words.counter(mode, compiled=compiled)("document.text")


def execution_sql(level: Level, policy: Policy, *, compiled: bool = False) -> str:
    """Give the SQL text of an execution over `document`: a struct of `text`, `chunks`, `words` (NULL if not known)."""
    count = columns_words.counter(policy.mode, compiled=compiled)
    if policy.grammar == "score":
        body = columns_scored.execute(policy, count)
    elif policy.mode == "reference" and policy.grammar in PUBLISHED:
        body = columns_published.execute_chunks(policy, count)
    elif level == "document":
        answer = columns_strict if policy.mode == "strict" else columns_reference
        body = answer.execute_document(count)
    elif policy.mode == "reference" and policy.grammar == "prox":
        body = columns_reference.execute_chunks(count)
    else:
        strict = columns_strict if policy.grammar == "prox" else columns_edits
        body = strict.execute_chunks(policy, count)
    nothing = result("string(NULL)", "string(NULL)", "string(NULL)", "NULL", "NULL", "NULL")
    return f"IF(document.text IS NULL, {nothing}, {body})"


def _bound(body: str, **values: Column | str) -> Column:
    """Bind columns to the fields of `document` in a SQL text; a string is a column's name, as everywhere in Spark."""
    fields = [_column(value).alias(name) for name, value in values.items()]
    # `columns_words.let`, with columns for the value: a lambda in SQL text is a column too.
    return F.call_function(
        "aggregate",
        F.array(),
        F.struct(*fields),
        F.expr("(document, unused) -> document"),
        F.expr(f"document -> {body}"),
    )


def _column(value: Column | str) -> Column:
    return F.col(value) if isinstance(value, str) else value


def program_sql(ops: str, policy: Policy) -> str:
    """Give the SQL text that applies one program of the whole document over `document.text`."""
    chunk = (
        "named_struct('chunk_index', int(NULL), 'line_start', int(NULL), 'line_end', int(NULL), 'completion', '', "
        f"'ops', {ops}, 'problems', {_NO_PROBLEMS}, 'reference_ops', {ops}, 'reference_errors', 0)"
    )
    bound = f"named_struct('text', document.text, 'chunks', array({chunk}), 'words', int(NULL))"
    return columns_words.let("document", bound, f"({execution_sql('chunk', policy)}).text")


def _program_sql(policy: Policy) -> str:
    """Give the SQL text that applies `document.ops`: JSON, as fields that a caller's structs lack are NULL there."""
    fields = "op STRING, line_start INT, line_end INT, source STRING, target STRING"
    scope = "chunk_index INT, scope_start INT, scope_end INT"
    read = f"from_json(document.ops, 'ARRAY<STRUCT<{fields}, {scope}, status STRING>>')"
    operations = f"filter({read}, operation -> operation IS NOT NULL AND NOT (operation.status <=> 'rejected'))"
    own = (
        "filter(operations, operation -> operation.chunk_index <=> scope.chunk_index "
        "AND operation.scope_start <=> scope.scope_start AND operation.scope_end <=> scope.scope_end)"
    )
    chunk = (
        "named_struct('chunk_index', scope.chunk_index, 'line_start', scope.scope_start, 'line_end', scope.scope_end, "
        f"'completion', '', 'ops', {own}, 'problems', {_NO_PROBLEMS}, 'reference_ops', {own}, 'reference_errors', 0)"
    )
    scopes = (
        "array_distinct(transform(operations, operation -> named_struct('chunk_index', operation.chunk_index, "
        "'scope_start', operation.scope_start, 'scope_end', operation.scope_end)))"
    )
    chunks = columns_words.let("operations", operations, f"transform({scopes}, scope -> {chunk})")
    bound = f"named_struct('text', document.text, 'chunks', {chunks}, 'words', int(NULL))"
    return columns_words.let("document", bound, f"({execution_sql('chunk', policy)}).text")
