"""Measure near-duplicates: signatures in MB a second and core beside datasketch, how many copies are found, growth.

python benchmarks/bench_duplicates.py [--megabytes 25 50 100] [--without-spark]

The pages are the real ones of the sample. Copies are planted: single words, evenly spread, are replaced until two texts
have a chosen Jaccard similarity (tests/support/copies.py). For the growth of the whole pass most pages are made of new
words, so that they are like no other, and each tenth is a planted copy of an earlier one at 0.9. datasketch's MinHash
gets the same shingles' worth of work: 112 hashes of 64 bits of each run of five words, by its fastest call.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench_scale import cpu_seconds

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
SAMPLE = ROOT / "prox_spark" / "demo" / "data" / "c4" / "en.noclean"
WORD = re.compile(r"[^\W_]+")


def pages(least: int = 0) -> list[str]:
    """Read the pages of the sample that have so many words."""
    lines = [line for file in sorted(SAMPLE.glob("*.gz")) for line in gzip.decompress(file.read_bytes()).splitlines()]
    texts = [json.loads(line)["text"] for line in lines]
    return [text for text in texts if len(WORD.findall(text)) >= least]


def megabytes(texts: list[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


def rate(texts: list[str], sign: Callable[[list[str]], object]) -> float:
    """Give the MB a second of one core, the best of three."""
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        sign(texts)
        seconds.append(time.process_time() - begin)
    return megabytes(texts) / min(seconds)


def with_datasketch(texts: list[str]) -> None:
    """Make datasketch's MinHashes of the words of texts, in lower case."""
    from datasketch import MinHash

    for text in texts:
        words = WORD.findall(text.lower())
        runs = {" ".join(words[at : at + 5]).encode() for at in range(max(1, len(words) - 4))}
        MinHash(num_perm=112).update_batch(list(runs))


def speed() -> None:
    """Print the rate of signatures beside datasketch's."""
    from prox_spark.duplicates import SignatureSettings
    from prox_spark.duplicates.signatures import signatures

    texts = pages()
    ours = rate(texts * 4, lambda given: signatures(given, SignatureSettings()))
    theirs = rate(texts, with_datasketch)
    print("| signatures, one core | MB a second |\n|---|---:|")
    print(f"| prox_spark | {ours:.1f} |\n| datasketch | {theirs:.1f} |\n", flush=True)


def curve() -> None:
    """Print how many planted copies meet, are dropped, and meet in theory."""
    import numpy as np
    from support.copies import planted

    from prox_spark.duplicates import SignatureSettings, chance_of_meeting
    from prox_spark.duplicates.signatures import signatures, similarities

    settings, chance = SignatureSettings(), random.Random(4)
    print("| similarity | pairs | meet, in theory | meet | dropped at 0.75 |\n|---|---:|---:|---:|---:|")
    for wanted in (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0):
        pairs = [(text, planted(text, wanted, chance)) for text in pages(200) for _ in range(10)]
        similar = np.array(similarities(pairs, settings))
        one, other = (signatures(list(side), settings).bands for side in zip(*pairs, strict=True))
        meets = (one == other).any(axis=1)
        theory = np.mean([chance_of_meeting(value, settings) for value in similar])
        dropped = np.mean(meets & (similar >= 0.75))
        print(
            f"| {similar.mean():.3f} | {len(pairs)} | {theory:.1%} | {meets.mean():.1%} | {dropped:.1%} |", flush=True
        )
    print()


def varied(size: int) -> Iterator[str]:
    """Give pages of about so many bytes: of new words in the place of the old ones, and each tenth a copy."""
    from support.copies import planted

    chance, texts, written, last = random.Random(8), pages(50), 0, ""
    for number in range(1 << 30):
        if written >= size:
            return
        text = last
        if number % 10 or not last:
            letters = "".join("abcdefghij"[int(digit)] for digit in str(number))  # digits would count as the same
            text = WORD.sub(rf"\g<0>{letters}", chance.choice(texts))
            last = text
        else:
            text = planted(last, 0.9, chance)
        written += len(text)
        yield text


def one_size(lake: Any, size: int, folder: Path, config: Any) -> dict[str, float]:
    """Take so many bytes of text through the pass, and give seconds and CPU seconds of refine and apply."""
    from prox_spark import pipeline

    path = folder / f"{size}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(varied(size)):
            file.write(json.dumps({"url": f"https://a.example/{number}", "text": text}) + "\n")
    pipeline.ingest(lake, "jsonl", [str(path)], snapshot="one")
    found: dict[str, float] = {}
    for name, step in (("refine", pipeline.refine), ("apply", pipeline.apply)):
        begin, worked = time.monotonic(), cpu_seconds()
        summary: Any = step(lake, "copies", config=config)
        found |= {f"{name}_seconds": time.monotonic() - begin, f"{name}_cpu": cpu_seconds() - worked}
        if name == "refine":
            found |= {"texts": summary.texts, "copies": summary.near_duplicates}
    return found


def growth(sizes: list[int]) -> None:
    """Print what the whole pass takes at several sizes, each in a lake of its own."""
    from prox_spark import Lake, config, session

    item = {"name": "copies", "kind": "near_duplicates"}
    configuration = config.load(overrides=[f"passes=[{json.dumps(item)}]"])
    spark = session(spark_master="local[2]", spark_driver_memory="3g")
    print("| MB of text | texts | copies found | refine: seconds (of CPU) | apply: seconds (of CPU) |")
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="prox-spark-duplicates-") as name:
        folder = Path(name)
        for at, size in enumerate((2, *sizes)):  # the first is not told: Spark compiles while it runs
            lake = Lake.open(spark, str(folder / f"lake-{at}"))
            row = one_size(lake, size * 1_000_000, folder, configuration)
            if at:
                print(
                    f"| {size} | {row['texts']:,} | {row['copies']:,} | {row['refine_seconds']:.1f} "
                    f"({row['refine_cpu']:.1f}) | {row['apply_seconds']:.1f} ({row['apply_cpu']:.1f}) |",
                    flush=True,
                )
    spark.stop()


def main() -> None:
    """Measure one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[25, 50, 100])
    parser.add_argument("--without-spark", action="store_true")
    given = parser.parse_args()
    if os.getsid(0) != os.getpid():  # CPU seconds are those of the session's processes
        if os.fork():
            os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
        os.setsid()
    speed()
    curve()
    if not given.without_spark:
        growth(sorted(given.megabytes))


if __name__ == "__main__":
    main()
