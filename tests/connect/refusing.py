"""The steps without a model in a Connect session that refuses what Databricks' serverless compute does; prints JSON.

Refused are, by the documented limitations (https://docs.databricks.com/compute/serverless/limitations): every setting
but the six that it lists, reading and writing, and caching of every kind. RDDs and the JVM no Connect session has.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from pyspark.errors import PySparkException
from pyspark.sql.connect.conf import RuntimeConf
from pyspark.sql.connect.dataframe import DataFrame

from prox_spark import Lake, session
from prox_spark.audit import forget
from prox_spark.audit.compare import compare_modes
from prox_spark.audit.diff import diff
from prox_spark.audit.history import history
from prox_spark.audit.verify import verify
from prox_spark.config import load
from prox_spark.errors import RunError
from prox_spark.pipeline import apply, ingest, refine
from prox_spark.report import report

COPIES = "passes=[{name: copies, kind: near_duplicates}]"
DOCUMENTED = (
    "spark.databricks.execution.timeout",
    "spark.sql.ansi.enabled",
    "spark.sql.files.maxPartitionBytes",
    "spark.sql.legacy.timeParserPolicy",
    "spark.sql.session.timeZone",
    "spark.sql.shuffle.partitions",
)


def refuse_what_serverless_refuses() -> list[str]:
    """Have this process's sessions refuse; gives the list to which each refusal adds its name."""
    refusals: list[str] = []

    def refused(condition: str, what: str) -> NoReturn:
        refusals.append(what)
        raise PySparkException(f"[{condition}] {what}", errorClass=condition, messageParameters={})

    for name in ("get", "set", "unset"):
        plain = getattr(RuntimeConf, name)

        def guarded(self: RuntimeConf, key: str, *more: Any, plain: Any = plain) -> Any:
            asked_by_pyspark = sys._getframe(1).f_globals["__name__"].startswith("pyspark.")  # of its own settings
            if key in DOCUMENTED or asked_by_pyspark:
                return plain(self, key, *more)
            return refused("CONFIG_NOT_AVAILABLE", key)

        setattr(RuntimeConf, name, guarded)
    for name in ("persist", "cache", "checkpoint", "localCheckpoint"):
        setattr(DataFrame, name, lambda *_, name=name, **__: refused("NOT_SUPPORTED_WITH_SERVERLESS", name))
    return refusals


def main() -> None:
    """Take a few pages through one pass of the tagger, and ask everything that reads."""
    refusals = refuse_what_serverless_refuses()
    folder = Path(sys.argv[1])
    pages = [f"Page {number} has some words that stay.\nHome | About | Login" for number in range(5)]
    (folder / "pages.jsonl").write_text("".join(f"{json.dumps({'text': page})}\n" for page in pages))
    lake = Lake.open(session(), str(folder / "lake"))
    config = load(overrides=["refine.partitions=1"])
    ingested = ingest(lake, "jsonl", [str(folder / "pages.jsonl")], snapshot="one", config=config)
    refined = refine(lake, "doc", config=config)
    applied = apply(lake, "doc", config=config)
    doc_id = lake.read("corpus").select("doc_id").collect()[0][0]
    try:
        forget.forget(lake, [doc_id])
        forgotten = "it went through"
    except RunError as error:
        forgotten = str(error)
    told = {
        "documents": ingested.documents,
        "texts": refined.texts,
        "version": applied.version,
        "versions": [row["version"] for row in history(lake)],
        "verified": verify(lake).ok,
        "diff": diff(lake, 0, 1).summary()["documents"],
        "compared": compare_modes(lake, config)[0]["texts"],
        "report": len(report(lake, None, gallery=1)) > 1000,
        "edits": lake.sql("SELECT count(*) AS n FROM edits").collect()[0]["n"],
        "forgotten": forgotten,
        "copies": refine(lake, "copies", config=load(overrides=[COPIES])).near_duplicates,
        "refusals": sorted(set(refusals)),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
