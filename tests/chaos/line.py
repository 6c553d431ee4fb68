"""What takes a corpus through the line and says what the lake holds; as a process, what the fault tests kill.

python tests/chaos/line.py LAKE PAGES ANSWERS [ingest|run|copies]
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from prox_spark import Lake, pipeline, session
from prox_spark import config as configuration
from prox_spark.audit.verify import verify

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

UNSTABLE = ("run_id", "ingest_run_id", "generated_at")
COPIES = (
    "passes=[{name: copies, kind: near_duplicates}, {name: doc, profile: tiny-doc}, {name: chunk, profile: tiny-chunk}]"
)
"""All of the line behind a pass that drops copies."""
KEYS = {
    "signatures": "text_sha256",
    "documents": "doc_id",
    "corpus": "doc_id",
    "programs": "text_sha256",
    "quarantine": "record_id",
}


def digest(lake: Lake) -> dict[str, Any]:
    """Give counts and a hash of each table's content, without what differs between two runs of the same."""
    found: dict[str, Any] = {"verified": list(verify(lake).findings)}
    for table, key in KEYS.items():
        frame = lake.read(table)
        columns = [name for name in frame.columns if name not in UNSTABLE]
        rows = frame.select(F.sha2(F.to_json(F.struct(*columns)), 256).alias("h"), key).orderBy("h").collect()
        content = hashlib.sha256("".join(row["h"] for row in rows).encode()).hexdigest()
        found[table] = {"rows": len(rows), "distinct": len({row["h"] for row in rows}), "content": content}
    return found


def take(spark: SparkSession, location: str, pages: str, answers: str, what: str = "all") -> Lake:
    """Take the pages through the line, as far as `what` says, and give the lake."""
    overrides = ["engine.kind=scripted", f"engine.answers={json.dumps(answers)}", "refine.wave_texts=20"]
    config = configuration.load(overrides=overrides + [COPIES] * (what == "copies"))
    lake = Lake.open(spark, location)
    if what in ("all", "copies", "ingest"):
        pipeline.ingest(lake, "jsonl", [pages], snapshot="one", settings=config.ingest)
    if what in ("all", "copies", "run"):
        pipeline.run(lake, config)
    return lake


def main(location: str, pages: str, answers: str, what: str = "all") -> None:
    spark = session(brief=True, spark_master="local[2,2]", spark_driver_memory="1g")
    print("ready", flush=True)
    take(spark, location, pages, answers, what)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
