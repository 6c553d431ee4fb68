"""Measure `refine` with the tagger in pages a second, end to end: read, prompt, judge, parse, and the Delta write.

python benchmarks/bench_tagger.py [PARQUET with a column text] [--copies 2] [--cores 2]

Each copy of a page gets a line of its own at the end, so that no text is known already. The session runs on so many
cores, each with one Python worker and one engine; starting Spark and ingesting are not counted, loading the weights is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prox_spark import Lake, config, ingest, refine, session

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "web_lines_train.parquet"


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?", default=str(DATA))
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--cores", type=int, default=2)
    asked = parser.parse_args()
    texts = pq.read_table(asked.data, columns=["text"])["text"].to_pylist()
    pages = [f"{text}\ncopy {copy}" for copy in range(asked.copies) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "pages.parquet"
        pq.write_table(pa.table({"text": pages}), source)
        settings = config.load(overrides=["ingest.url_column=null", "passes=[{name: chunk, profile: tiny-chunk}]"])
        spark = session(spark_master=f"local[{asked.cores}]")
        lake = Lake.open(spark, str(Path(folder) / "lake"))
        ingest(lake, "parquet", [str(source)], settings=settings.ingest)
        began = time.perf_counter()
        refine(lake, "chunk", config=settings)
        seconds = time.perf_counter() - began
        spark.stop()
    found = {"pages": len(pages), "lines": sum(page.count("\n") + 1 for page in pages), "cores": asked.cores}
    print(json.dumps({**found, "seconds": round(seconds, 2), "pages_a_second": round(len(pages) / seconds, 1)}))


if __name__ == "__main__":
    main()
