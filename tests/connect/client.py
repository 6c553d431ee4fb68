"""What a user does over Spark Connect, in a process without a JVM: the whole line, versions, SQL; prints JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from prox_spark import Lake, demo, register_functions, session
from prox_spark.audit.compare import compare_modes
from prox_spark.audit.diff import diff
from prox_spark.audit.history import history
from prox_spark.config import load
from prox_spark.pipeline import apply

if TYPE_CHECKING:
    import pyarrow as pa


def where_workers_have_it(lake: Lake) -> bool:
    """Say whether the server's Python workers can import the package out of the archive that this process has sent.

    A server that was started in a checkout, as that of the tests, has that first on its workers' path.
    """

    def told(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import zipimport

        import pyarrow as pa

        sent = [path for path in sys.path if re.search(r"/prox_spark-[0-9a-f]+\.zip$", path)]
        for _ in batches:
            yield pa.RecordBatch.from_pydict({"place": [zipimport.zipimporter(sent[0]).get_filename("prox_spark")]})

    rows = lake.spark.range(1).mapInArrow(told, "place STRING").collect()
    return all(".zip/" in row["place"] for row in rows)


def main() -> None:
    """Do all of it."""
    lake = Lake.open(session(), sys.argv[1])
    assert not hasattr(SparkSession, "_instantiatedContext") and "connect" in type(lake.spark).__module__
    config = load(overrides=["refine.wave_texts=200", "refine.partitions=2"])
    shown = demo.build(lake, config)
    stricter = apply(lake, "chunk", config=load(overrides=["passes.chunk.policy.min_words=80"]))
    register_functions(lake.spark)
    words = "SELECT prox_words(text) AS words, words_after FROM corpus WHERE text IS NOT NULL"
    told = {
        "documents": shown.documents,
        "versions": [row["version"] for row in history(lake)],
        "counts": [lake.read("corpus", row["version"]).count() for row in history(lake)],
        "dropped": [shown.passes[-1].dropped, stricter.dropped],
        "wrong_words": lake.sql(f"SELECT count(*) AS n FROM ({words}) WHERE words != words_after").collect()[0]["n"],
        "parsed": lake.sql("SELECT prox_parse('drop_doc()').ops[0].op AS op").collect()[0]["op"],
        "edits": lake.sql("SELECT count(*) AS n FROM edits WHERE status = 'applied'").collect()[0]["n"],
        "diff": {key: value for key, value in diff(lake, 1, "latest").summary().items() if isinstance(value, int)},
        "came_along": where_workers_have_it(lake),
        "differing": [item["differing"] for item in compare_modes(lake, config)],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
