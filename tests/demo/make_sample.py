"""Make the demo's sample from WCXB pages.

    python tests/demo/make_sample.py web_lines_train.parquet

The pages were chosen by hand from those in English without e-mail addresses, phone numbers, adult, violent or political
words: one page per site, all page types. Only what the page shows is real; crawl times, dumps and record ids stand in.
"""

from __future__ import annotations

import datetime
import gzip
import hashlib
import io
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DATA = Path(__file__).resolve().parents[2] / "prox_spark" / "demo" / "data"
C4_FILE = "c4/en.noclean/c4-train.00000-of-00001.json.gz"
FINEWEB_FILE = "fineweb/data/CC-MAIN-2025-51/000_00000.parquet"
CRAWL_START = datetime.datetime(2025, 12, 5, tzinfo=datetime.timezone.utc)

CHOSEN = """
0001 0012 0020 0040 0043 0048 0059 0066 0081 0093 0102 0113 0114 0117 0124 0126 0132 0133 0138 0153 0154 0168 0169
0173 0185 0187 0196 0197 0198 0211 0234 0236 0239 0241 0247 0271 0309 0318 0319 0321 0323 0329 0333 0335 0341 0342
0381 0382 0384 0406 0407 0411 0413 0414 0431 0432 0433 0436 0438 0442 0444 0446 0447 0450 0464 0466 0480 0485 0490
0494 0495 0498 0499 0500 0504 0525 0535 0553 0554 0558 0584 0587 0588 0593 0594 0601 0607 0615 0620 0621 0627 0661
0664 0674 0675 0676 0684 0690 0691 0693 0695 0696 0699 0707 0715 0823 0847 0956 1442 1788 1806 2157 2393 2660 2740
2834 2837 2839 2841 2842 2845 2846 2849 2850 2852 2862 2864 2865 2869 2936 2972 2974 2990 2992 3014 3031 4020 4022
4033 4039 4069 4095 4100 4111 4119 4148 4149 4163 4164 4170 4182 4185 4194 4244 4247 4250 4256 4257 4274 4302 4348
4349 4359 4361 4397 4435 4450 4451 4458 4474 4479 4506 4512 4517 4519 4526 4532 4548 4565 4588 4604 4609 4611 4618
4642 4646 4647 4665 4667 4817 4819 4859 4884
"""


def main(argv: Sequence[str]) -> None:
    """Read the labelled pages at `argv[0]` and write the two halves of the sample."""
    columns = ["id", "source_dataset", "license", "url", "text"]
    pages = {row["id"]: row for row in pq.read_table(argv[0], columns=columns).to_pylist()}
    chosen = [pages[f"wcxb-dev-{number}"] for number in CHOSEN.split()]
    assert all((page["source_dataset"], page["license"]) == ("wcxb-dev", "CC-BY-4.0") for page in chosen)
    shutil.rmtree(DATA / "c4", ignore_errors=True)
    shutil.rmtree(DATA / "fineweb", ignore_errors=True)
    write_c4(chosen[0::2], DATA / C4_FILE)
    write_fineweb(chosen[1::2], DATA / FINEWEB_FILE)


def write_c4(pages: Sequence[dict[str, Any]], file: Path) -> None:
    """Write pages as C4 does: one JSON object a line with text, timestamp and url."""
    lines = [
        json.dumps({"text": page["text"], "timestamp": _crawled(page["url"]), "url": page["url"]}, ensure_ascii=False)
        for page in pages
    ]
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as packed:
        packed.write("".join(f"{line}\n" for line in lines).encode())
    file.parent.mkdir(parents=True)
    file.write_bytes(buffer.getvalue())


def write_fineweb(pages: Sequence[dict[str, Any]], file: Path) -> None:
    """Write pages as FineWeb does: one Parquet row each, with the columns of the corpus."""
    rows = [
        {
            "text": page["text"],
            "id": f"<urn:uuid:{_uuid(page['url'])}>",
            "dump": "CC-MAIN-2025-51",
            "url": page["url"],
            "date": _crawled(page["url"]),
            "file_path": "s3://commoncrawl/crawl-data/CC-MAIN-2025-51/stand-in.warc.gz",
            "language": "en",
            "language_score": 1.0,
            "token_count": round(len(page["text"]) / 4.53),
        }
        for page in pages
    ]
    file.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), file, compression="zstd", compression_level=19)


def _crawled(url: str) -> str:
    seconds = int(hashlib.sha256(url.encode()).hexdigest(), 16) % (14 * 86_400)
    return (CRAWL_START + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _uuid(url: str) -> str:
    digest = hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


if __name__ == "__main__":
    main(sys.argv[1:])
