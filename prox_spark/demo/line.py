"""Take the sample through the line, and choose what is worth showing of it."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prox_spark import pipeline
from prox_spark.config import load
from prox_spark.demo.second import RefinedPage, write
from prox_spark.lake.location import is_catalog_schema, is_uri
from prox_spark.lake.tables import Lake
from prox_spark.program.operations import OUTCOMES
from prox_spark.spark.session import platform, session

if TYPE_CHECKING:
    from prox_spark.config import Config
    from prox_spark.pipeline import IngestSummary, Progress

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass did to the documents that reached it.

    Attributes:
        pass_name: The pass.
        version: The version of the corpus that it made.
        kept: Documents left as they were.
        edited: Documents left with other text.
        dropped: Documents dropped.
        failed: Documents that the engine could not answer for.
        words_before: Words that reached it.
        words_after: Words that it left.
    """

    pass_name: str
    version: int
    kept: int
    edited: int
    dropped: int
    failed: int
    words_before: int
    words_after: int


@dataclass(frozen=True, slots=True)
class Example:
    """One document before and after the passes."""

    doc_id: str
    url: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo did, and what to try next.

    Attributes:
        lake: Where it is.
        ingested: One summary per layout of the sample.
        documents: Documents in the corpus.
        passes: What each pass did, in order.
        example: One document that was edited; None when none was.
        queries: SQL to try next, with what each one tells.
        new: Whether anything was done; False when all was done before.
        written: The same document by the small language model; None where there is no example.
    """

    lake: str
    ingested: tuple[IngestSummary, ...]
    documents: int
    passes: tuple[PassResult, ...]
    example: Example | None
    queries: tuple[tuple[str, str], ...]
    new: bool
    written: RefinedPage | None = None


def sample() -> tuple[tuple[str, str], ...]:
    """Give the sources of the sample and their places."""
    return (("c4", str(DATA / "c4" / "en.noclean")), ("fineweb", str(DATA / "fineweb")))


def open_lake(location: str = "demo-lake") -> Lake:
    """Open a lake to try things in: the running session, else one that starts fast, with many small jobs in mind.

    Args:
        location: A folder, or a schema of a catalog such as `main.prox_notebooks`. On Databricks, where a plain folder
            is gone with the cluster or may not be used, a folder's name names a schema of the current catalog.

    Raises:
        SessionError: Spark cannot be started.
        LakeError: The place holds something else, or cannot be written.
    """
    spark = session(brief=True)
    if platform(os.environ) == "Databricks" and not is_catalog_schema(location) and not is_uri(location):
        catalog = spark.sql("SELECT current_catalog()").collect()[0][0]
        location = f"{catalog}.{Path(location).name.replace('-', '_')}"
    return Lake.open(spark, location)


def build(lake: Lake, config: Config | None = None, progress: Progress | None = None) -> Demo:
    """Ingest the sample, run all passes, and say what became of it; what is done already is not done again."""
    config = config or load()
    ingested = tuple(
        # With the scheme: on a cluster a plain path would be one of its own file system.
        pipeline.ingest(lake, source, [f"file:{path}"], config=config, progress=progress)
        for source, path in sample()
    )
    summaries = pipeline.run(lake, config, progress=progress)
    changed = any(item.documents for item in ingested) or any(apply.version is not None for _, apply in summaries)
    passes = results(lake, tuple(item.name for item in config.passes))
    shown = example(lake)
    return Demo(
        lake=lake.location,
        ingested=ingested,
        documents=lake.count("corpus"),
        passes=passes,
        example=shown,
        queries=queries(lake),
        new=changed,
        written=write(shown.url, shown.before) if shown is not None else None,
    )


def results(lake: Lake, names: tuple[str, ...]) -> tuple[PassResult, ...]:
    """Count, for each pass, the fate of the documents that it executed, in the newest version that it made."""
    newest = lake.sql("SELECT pass_name, max(version) AS version FROM versions GROUP BY pass_name").collect()
    versions = {row["pass_name"]: int(row["version"]) for row in newest}
    return tuple(_result(lake, name, versions[name]) for name in names if name in versions)


def _result(lake: Lake, name: str, version: int) -> PassResult:
    rows = lake.sql(
        "SELECT outcome, count(*) AS documents, sum(words_before) AS words_before, sum(words_after) AS words_after "
        f"FROM corpus VERSION AS OF {version} WHERE pass_name = '{name}' GROUP BY outcome"
    ).collect()
    counts = {row["outcome"]: int(row["documents"]) for row in rows}
    words = {key: sum(int(row[key] or 0) for row in rows) for key in ("words_before", "words_after")}
    fates = {outcome: counts.get(outcome, 0) for outcome in OUTCOMES if outcome != "not_run"}
    return PassResult(name, version, **fates, **words)


def example(lake: Lake) -> Example | None:
    """Choose the edited page that shows most in little room: few places changed, a third removed, always the same."""
    row = lake.sql(
        """
        SELECT c.doc_id, c.url, d.text AS before, c.text AS after
        FROM corpus AS c JOIN documents AS d ON d.doc_id = c.doc_id
        WHERE c.outcome = 'edited'
        ORDER BY size(filter(c.ops, op -> op.status = 'applied')) / 5 + size(split(d.text, '\\n')) / 80
                 + 2 * abs(c.words_after / c.words_before - 0.65) + IF(c.words_after < 250, 2, 0), c.doc_id
        LIMIT 1
        """
    ).first()
    return Example(row["doc_id"], row["url"], row["before"], row["after"]) if row is not None else None


def queries(lake: Lake) -> tuple[tuple[str, str], ...]:
    """Give three queries to try next, each with what it tells; they hold for this lake as it is now."""
    ingested = lake.sql("SELECT max(version) AS version FROM versions WHERE name = 'ingest'").first()
    raw = int(ingested["version"]) if ingested is not None and ingested["version"] is not None else 0
    return (
        (
            "every version of the corpus: no pass changes the number of documents",
            "SELECT version, name, pass_name, kept, edited, dropped, not_run FROM versions ORDER BY version",
        ),
        (
            "the operations that removed the most words",
            "SELECT url, op, line_start, line_end, words_removed FROM edits ORDER BY words_removed DESC LIMIT 5",
        ),
        (
            "what the dropped pages began with, read from the version before the passes",
            "SELECT now.url, left(then.text, 40) AS began FROM corpus AS now "
            f"JOIN corpus VERSION AS OF {raw} AS then USING (doc_id) WHERE now.outcome = 'dropped' LIMIT 5",
        ),
    )


def command(program: str, query: str, lake: str) -> str:
    """Write a query as a command line that works when it is pasted into a shell.

    >>> print(command("prox-spark", "SELECT count(*) FROM corpus", "my lake"))
    prox-spark sql "SELECT count(*) FROM corpus" --lake 'my lake'
    """
    quoted = shlex.quote(query) if set(query) & set('"$`\\!') else f'"{query}"'
    return f"{program} sql {quoted} --lake {shlex.quote(lake)}"
