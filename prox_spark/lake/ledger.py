"""The ledger of a lake: who wrote what in `runs`, and which passes each corpus row has gone through.

A command that publishes makes two commits: the data, then its row in `runs`. A kill between them is healed by the next
command, out of the `userMetadata` that the first commit carries.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from prox_spark.lake import schema
from prox_spark.lake.commits import Commit
from prox_spark.lake.lineage import Entry
from prox_spark.lake.tables import Lake
from prox_spark.passes import Chain
from prox_spark.program.operations import OUTCOMES
from prox_spark.spark.session import platform

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


@dataclass(frozen=True, slots=True)
class Run:
    """A command that is at work.

    Attributes:
        run_id: Sorts by time, says what the command was, and is the key of its row in `runs`.
        command: `ingest`, `refine`, `apply`, `tag`, …
        pass_name: The pass, of a refine or an apply.
        conf: The settings that decide its result.
        passes: What the corpus has gone through after it; None for a command that leaves the corpus alone.
    """

    run_id: str
    command: str
    pass_name: str | None = None
    conf: str = "{}"
    passes: Chain | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    clock: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, command: str, *, pass_name: str | None = None, conf: str = "{}", passes: Chain | None = None) -> Run:
        """Begin a run with a new id."""
        now = datetime.now(timezone.utc)
        return cls(f"{now:%Y%m%dT%H%M%S}-{command}-{secrets.token_hex(3)}", command, pass_name, conf, passes)

    @property
    def seconds(self) -> float:
        """Give the wall time since the start."""
        return time.monotonic() - self.clock

    def commit(self, wave: int = 0) -> Commit:
        """Give what a Delta version of this run says of itself."""
        return Commit(self.run_id, self.command, self.pass_name, wave, self.passes, self.conf)


def record(lake: Lake, run: Run, **columns: Any) -> dict[str, Any]:
    """Add the row of a finished run to `runs`, and give it.

    Args:
        lake: The lake.
        run: The run.
        columns: More columns of `runs`; those of JSON are given as values.
    """
    from prox_spark.version import __version__

    row: dict[str, Any] = {
        "run_id": run.run_id,
        "command": run.command,
        "pass_name": run.pass_name,
        "status": "done",
        "started_at": run.started_at,
        "finished_at": datetime.now(timezone.utc),
        "by": user(lake.spark),
        "package_version": __version__,
        "conf": run.conf,
        "passes": None if run.passes is None else run.passes.to_json(),
        "wall_seconds": run.seconds,
    }
    row |= {key: json.dumps(value) if isinstance(value, dict) else value for key, value in columns.items()}
    # Literals on one row of one task: a fifth of the commit goes into what `createDataFrame` does with a row.
    values = (F.lit(row.get(column.name)).cast(column.dataType).alias(column.name) for column in schema.RUNS)
    lake.append("runs", lake.spark.range(0, 1, numPartitions=1).select(*values), run.commit())
    if "corpus_version" in columns or "readable_from" in columns.get("counts", ()):
        lake.create_views()  # they name versions: there is a new one, or old ones are gone
    return row


def chains(lake: Lake, version: int | None = None) -> dict[str, Chain]:
    """Give, by run id, the passes that the corpus rows of a run have gone through.

    Args:
        lake: The lake.
        version: The version of the corpus whose rows they are; `runs` is not read again for one that was read of.
    """
    is_known = version is not None and any(entry.corpus_version == version for entry in lake.seen)
    entries = lake.seen if is_known else lake.entries()
    return {entry.run_id: entry.passes for entry in entries if entry.corpus_version is not None}


def heal(lake: Lake) -> None:
    """Enter the corpus versions that `runs` does not know: a command was killed between its two commits."""
    known = (entry.corpus_version for entry in lake.entries())
    newest = max((version for version in known if version is not None), default=None)
    for version in lake.versions("corpus", after=newest):
        commit = version.commit
        run = Run(commit.run_id, commit.command, commit.pass_name, conf=commit.conf or "{}", passes=commit.passes)
        counts = outcome_counts(lake, version.version)
        record(lake, run, status="healed", corpus_version=version.version, counts=counts)


def shards(lake: Lake, *, default: int) -> int:
    """Give the number of shards of the lake: what its first ingest was told, for life; `default` before the first."""
    return _shards(lake.seen) or _shards(lake.entries()) or default


def _shards(entries: Iterable[Entry]) -> int | None:
    ingests = sorted((entry for entry in entries if entry.command == "ingest"), key=lambda entry: entry.run_id)
    return next((int(number) for entry in ingests if (number := entry.conf.get("shards"))), None)


def outcome_counts(lake: Lake, version: int | None = None) -> dict[str, int]:
    """Count the rows of a corpus version by outcome, and the words that are left."""
    return counted(lake.read("corpus", version))


def counted(rows: DataFrame) -> dict[str, int]:
    """Count corpus rows by outcome, and the words that are left; reads three narrow columns."""
    sums = rows.groupBy("outcome").agg(
        F.count("*").alias("n"), F.sum("words_before").alias("before"), F.sum("words_after").alias("after")
    )
    by_outcome = {row["outcome"]: row for row in sums.collect()}
    counts: dict[str, int] = {name: int(by_outcome[name]["n"]) if name in by_outcome else 0 for name in OUTCOMES}
    for name in ("before", "after"):
        counts[f"words_{name}"] = sum(int(row[name] or 0) for row in by_outcome.values())
    return counts


def outcomes() -> tuple[Column, ...]:
    """Give the counts of `outcome_counts` as aggregates, for an observation of corpus rows as they are written."""
    return (
        *(F.count_if(F.col("outcome") == name).alias(name) for name in OUTCOMES),
        *(F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in ("words_before", "words_after")),
    )


def usage() -> tuple[Column, ...]:
    """Give the sums over rows of `programs` that tell what they cost: texts, errors, prompt and output tokens."""

    def total(column: str) -> Column:
        each = F.expr(f"aggregate(chunks, 0L, (sum, c) -> sum + coalesce(c.{column}, 0))")
        return F.coalesce(F.sum(each), F.lit(0)).alias(column)

    return (
        F.count(F.lit(1)).alias("texts"),
        F.count("error").alias("errors"),
        total("prompt_tokens"),
        total("output_tokens"),
    )


def user(spark: SparkSession) -> str:
    """Name who runs the command: on a platform that knows its users, as the platform does."""
    if platform(os.environ) is not None:
        with contextlib.suppress(PySparkException):
            return str(spark.sql("SELECT current_user()").collect()[0][0])
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return "unknown"
