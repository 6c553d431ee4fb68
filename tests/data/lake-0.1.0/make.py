"""Make the lake of version 0.1.0 that stands beside this file, and what that version says of it.

    git worktree add ../old fb3b549 && cd ../old
    PYTHONPATH=$PWD:<tests> LOGNAME=reader python <this file> <its folder>

The pages are those of the demo's sample (WCXB, CC BY 4.0, see NOTICE), the shortest ones, cut at a line; a text in two
documents, a line that is no JSON and a page with Windows' line ends stand among them. Run it with no other version: the
lake proves that lakes of that version stay readable.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from support.lake_contents import contents

from prox_spark import Lake, ingest, pipeline, session
from prox_spark.audit.restore import restore
from prox_spark.audit.tags import tag
from prox_spark.config import load
from prox_spark.demo import line

PAGES = 11
CHARACTERS = 1600


def main(folder: Path) -> None:
    """Write `pages/`, `lake/` and `expected.json`."""
    pages = write_pages(folder / "pages")
    spark = session(spark_master="local[2]", spark_sql_warehouse_dir=tempfile.mkdtemp())
    shutil.rmtree(folder / "lake", ignore_errors=True)
    config = load([folder / "conf.yaml"])
    lake = Lake.open(spark, str(folder / "lake"))
    for number, file in enumerate(pages):
        ingest(lake, "jsonl", [str(file)], snapshot="2026-01", settings=config.ingest)
        pipeline.run(lake, config)
        if number == 0:
            tag(lake, "first")
    restore(lake, "first")
    expected: dict[str, Any] = {"before": contents(lake)}
    with tempfile.TemporaryDirectory() as elsewhere:
        shutil.copytree(folder / "lake", f"{elsewhere}/lake")
        copy = Lake.open(spark, f"{elsewhere}/lake")
        expected["programs"] = copy.count("programs")
        summaries = pipeline.run(copy, config)
        assert all(refined.texts == 0 for refined, _ in summaries)
        expected["after"] = contents(copy)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    spark.stop()
    for checksum in folder.rglob("*.crc"):
        checksum.unlink()


def write_pages(folder: Path) -> list[Path]:
    """Write two files of JSON lines, the second with texts and records that the first has too."""
    folder.mkdir(exist_ok=True)
    with gzip.open(line.DATA / "c4" / "en.noclean" / "c4-train.00000-of-00001.json.gz", "rt") as file:
        sample = file.readlines()
    pages = sorted((json.loads(record) for record in sample), key=lambda page: len(page["text"]))[:PAGES]
    records = [{"url": page["url"], "text": page["text"][:CHARACTERS].rpartition("\n")[0]} for page in pages]
    records[2]["text"] = records[2]["text"].replace("\n", "\r\n")
    twin = {"url": "https://example.org/twin", "text": records[1]["text"]}
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    first, second = folder / "first.jsonl", folder / "second.jsonl"
    first.write_text("\n".join([*lines[:7], "no JSON at all", json.dumps(twin)]) + "\n", newline="")
    second.write_text("\n".join([lines[0], *lines[7:], json.dumps(twin | {"url": "https://example.org/2"})]) + "\n",
                      newline="")  # fmt: skip
    return [first, second]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
