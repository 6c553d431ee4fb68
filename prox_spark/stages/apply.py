"""Execute stored programs on texts, in the JVM: corpus rows and programs in, corpus rows as the pass leaves them out.

Frame in, frame out; no table is touched and no action is called. A frame of rows on their way through passes carries,
beside the columns of `corpus`, the number of passes that each row has gone through (`PASSES_DONE`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.duplicates import DOCUMENT
from prox_spark.lake import schema
from prox_spark.lake.rows import is_of
from prox_spark.program import columns

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from prox_spark.passes import AnyPass, PastPass

PASSES_DONE = "passes_done"


def apply(
    rows: DataFrame,
    programs: DataFrame,
    pass_: AnyPass | PastPass,
    *,
    index: int,
    run_id: str,
    before: Sequence[AnyPass | PastPass] = (),
    compiled: bool = False,
) -> DataFrame:
    """Take the rows that stand before pass number `index` through it; all others come out as they went in.

    A row without a program stays where it is, so that a later command can take it on. A row that an earlier pass
    dropped has nothing left to execute and moves on as it is.

    Args:
        rows: Columns of `corpus` and `PASSES_DONE`.
        programs: The table `programs`; other passes' rows are left out here.
        pass_: The pass.
        index: 0-based number of the pass in its chain.
        run_id: Written to the rows that were executed.
        before: The passes that the rows have gone through. Where all counted words as this pass does, `words_after` is
            the words of the text and they are not counted again.
        compiled: Execute with the accelerator, which the session must have.

    Returns:
        As many rows as came in, with the same columns.
    """
    ready = (F.col(PASSES_DONE) == index) & F.col("text").isNotNull()
    # The key of a row that is not ready matches nothing, and differs from row to row: were it NULL, all such rows
    # would land in one task.
    key = F.when(ready, F.col("text_sha256")).otherwise(F.concat(F.lit("-"), F.col("doc_id")))
    mine = first_programs(programs, pass_).select(
        F.col("text_sha256").alias("key"), "chunks", "error", F.lit(True).alias("has_program")
    )
    is_repeated = _is_repeated() if pass_.drops_copies else F.lit(False)
    joined = rows.withColumn("key", key).join(mine, on="key", how="left").withColumn("is_repeated", is_repeated)
    if pass_.drops_copies:
        joined = joined.withColumn("chunks", _dropping("chunks", F.col("is_repeated")))
    executable = F.col("has_program") & F.col("error").isNull()
    counted = all(earlier.policy.mode == pass_.policy.mode for earlier in before) and len(before) == index
    known = F.col("words_after") if counted else None
    result = columns.execute(
        "text", "chunks", level=pass_.level, policy=pass_.policy, known_words=known, compiled=compiled
    )
    executed = joined.select(
        *rows.columns, "has_program", "error", "is_repeated", F.when(executable, result).alias("executed")
    )
    changed = _columns(pass_, index, run_id)
    return executed.select(*(changed.get(name, F.col(name)) for name in rows.columns))


def first_programs(programs: DataFrame, pass_: AnyPass | PastPass) -> DataFrame:
    """Give `text_sha256`, `chunks` and `error` of a pass, each text once.

    Two commands that refined the same text at once may both have stored a program: the oldest counts, always.
    """
    oldest = F.min_by(F.struct("chunks", "error"), F.struct("generated_at", "run_id"))
    return (
        programs.where(is_of(pass_))
        .groupBy("text_sha256")
        .agg(oldest.alias("program"))
        .select("text_sha256", "program.chunks", "program.error")
    )


def _is_repeated() -> Column:
    """Say which rows have a text that stays, and that another document brought first: its program names that one."""
    program = F.col("chunks")[0]
    first = F.regexp_extract(program["completion"], DOCUMENT, 1)
    stays = F.exists(program["ops"], lambda operation: operation["op"] == "keep_doc")
    return F.coalesce(stays & (first != "") & (first != F.col("doc_id")), F.lit(False))


def _dropping(chunks: str, where: Column) -> Column:
    """Have programs say `drop_doc()` where a condition holds."""
    dropping = F.transform(
        chunks,
        lambda chunk: chunk.withField(
            "ops",
            F.transform(chunk["ops"], lambda operation: operation.withField("op", F.lit("drop_doc"))),
        ),
    )
    return F.when(where, dropping).otherwise(F.col(chunks))


def _columns(pass_: AnyPass | PastPass, index: int, run_id: str) -> dict[str, Column]:
    """Give the columns that a pass changes; those of a row that it did not execute keep their value."""
    result, has_program = F.col("executed"), F.col("has_program")
    failed = has_program & F.col("error").isNotNull()

    def after(name: str, value: Column, on_failure: Column) -> Column:
        kind = schema.CORPUS[name].dataType
        chosen = F.when(failed, on_failure).when(has_program, value).otherwise(F.col(name))
        return chosen.cast(kind).alias(name)

    # Only an edit changes the hash; hashing the kept texts again would be wasted work.
    sha256 = F.when(result["outcome"] == "edited", F.sha2(result["text"], 256))
    sha256 = sha256.when(result["outcome"] == "kept", F.col("text_sha256"))
    passed = has_program | ((F.col(PASSES_DONE) == index) & F.col("text").isNull())
    changed = [
        after("text", result["text"], F.col("text")),
        after("text_sha256", sha256, F.col("text_sha256")),
        after("outcome", result["outcome"], F.lit("failed")),
        after("reason", F.when(F.col("is_repeated"), "duplicate").otherwise(result["reason"]), F.lit("engine_error")),
        after("pass_name", F.lit(pass_.name), F.lit(pass_.name)),
        after("run_id", F.lit(run_id), F.lit(run_id)),
        after("ops", result["ops"], F.lit(None)),
        after("words_before", result["words_before"], F.col("words_after")),
        after("words_after", result["words_after"], F.col("words_after")),
    ]
    names = ("text", "text_sha256", "outcome", "reason", "pass_name", "run_id", "ops", "words_before", "words_after")
    moved = F.when(passed, F.lit(index + 1)).otherwise(F.col(PASSES_DONE)).alias(PASSES_DONE)
    return dict(zip(names, changed, strict=True)) | {PASSES_DONE: moved}
