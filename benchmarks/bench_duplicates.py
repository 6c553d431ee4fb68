"""Measure near-duplicates: signatures and the whole pass beside datasketch, copies found, extremes, growth.

python benchmarks/bench_duplicates.py [--megabytes 100 300 1000] [--copies 1000000]

The pages are the real ones of the sample. Copies are planted: single words, evenly spread, are replaced until two texts
have a chosen Jaccard similarity (tests/support/copies.py). For the growth of the whole pass most pages are made of new
words, so that they are like no other, and each tenth is a planted copy of an earlier one at 0.9. datasketch's MinHash
gets the same shingles' worth of work: 112 hashes of 64 bits of each run of five words, by its fastest call; its whole
pass is MinHashLSH with the same bands, in this process. Rates are of CPU seconds, with those of all processes.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench_scale import Memory, cpu_seconds

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
    """Make datasketch's MinHashes of texts."""
    for text in texts:
        minhash(text)


def minhash(text: str) -> Any:
    """Make datasketch's MinHash of the words of a text, in lower case."""
    from datasketch import MinHash

    words = WORD.findall(text.lower())
    runs = {" ".join(words[at : at + 5]).encode() for at in range(max(1, len(words) - 4))}
    signature = MinHash(num_perm=112)
    signature.update_batch(list(runs))
    return signature


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


def varied() -> Iterator[str]:
    """Give pages without end: of new words in the place of the old ones, and each tenth a copy of the one before."""
    from support.copies import planted

    chance, texts, last = random.Random(8), pages(100), ""
    for number in itertools.count():
        if number % 10 or not last:
            last = WORD.sub(rf"\g<0>{word(number)}", chance.choice(texts))
            yield last
        else:
            yield planted(last, 0.9, chance)


def word(number: int) -> str:
    """Write a number in letters, as all digits count as the same."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def write(path: Path, texts: Iterator[str], first: int, size: int) -> int:
    """Write pages as lines of JSON until they hold so many bytes of text; give the number of the next page."""
    with path.open("w", encoding="utf-8") as file:
        while size > 0:
            text = next(texts)
            size -= len(text.encode())
            file.write(json.dumps({"url": f"https://a.example/{first}", "text": text}) + "\n")
            first += 1
    return first


def through(lake: Any, paths: list[Path], config: Any) -> dict[str, Any]:
    """Take pages through the pass, and give what it decided, and seconds and CPU seconds of each step."""
    from prox_spark import pipeline

    def ingest() -> Any:
        return pipeline.ingest(lake, "jsonl", list(map(str, paths)), snapshot="one")

    steps: dict[str, Callable[[], Any]] = {"ingest": ingest}
    steps |= {name: partial(getattr(pipeline, name), lake, "copies", config=config) for name in ("refine", "apply")}
    row: dict[str, Any] = {}
    for name, step in steps.items():
        begin, worked = time.monotonic(), cpu_seconds()
        summary = step()
        row |= {f"{name}_seconds": time.monotonic() - begin, f"{name}_cpu": cpu_seconds() - worked, name: summary}
    return row


def spent(row: dict[str, Any], *names: str) -> str:
    return " | ".join(f"{row[f'{name}_seconds']:.1f} ({row[f'{name}_cpu']:.1f})" for name in names)


def settings(**keys: object) -> Any:
    from prox_spark import config

    item = {"name": "copies", "kind": "near_duplicates", "near_duplicates": keys}
    return config.load(overrides=[f"passes=[{json.dumps(item)}]"])


def extremes(spark: Any, folder: Path, copies: int) -> None:
    """Print what a lake takes that holds one page many times, a page of one word, and one without any."""
    from prox_spark import Lake

    path, page = folder / "extremes.jsonl", pages(200)[0]
    write(path, itertools.repeat(page), 0, copies * len(page.encode()))
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({"url": text, "text": text}) + "\n" for text in ("Word.", "word", "?!"))
    lake = Lake.open(spark, str(folder / "extremes"))
    row = through(lake, [path], settings(exact="drop"))
    numbers = f"{copies + 3:,} | {row['refine'].texts:,} | {row['apply'].kept:,}"
    print("| documents | texts | kept | ingest: seconds (of CPU) | refine | apply |\n|---:|---:|---:|---:|---:|---:|")
    print(f"| {numbers} | {spent(row, 'ingest', 'refine', 'apply')} |\n", flush=True)
    path.unlink()
    shutil.rmtree(lake.location)


def whole_with_datasketch(texts: list[str]) -> tuple[float, int]:
    """Find copies as datasketch does, with the same bands; give CPU seconds, and the texts that repeat an earlier one.

    Texts that share a band are taken for copies: their similarity is not measured, and nothing is stored.
    """
    from datasketch import MinHashLSH

    begin = time.process_time()
    index, parents = MinHashLSH(num_perm=112, params=(14, 8)), list(range(len(texts)))
    for number, text in enumerate(texts):
        signature = minhash(text)
        for other in index.query(signature):
            one, two = root(parents, number), root(parents, other)
            parents[max(one, two)] = min(one, two)
        index.insert(number, signature, check_duplication=False)
    copies = sum(root(parents, number) != number for number in range(len(texts)))
    return time.process_time() - begin, copies


def root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = number = parents[parents[number]]
    return number


def growth(spark: Any, folder: Path, sizes: list[int]) -> None:
    """Print what the whole pass takes at several sizes, each in a lake of its own, the first beside datasketch."""
    few = folder / "few.jsonl"
    write(few, varied(), 0, 2_000_000)
    measured(spark, folder, [few])  # Spark compiles while it runs
    print("| MB of text | texts | planted | found | refine: seconds (of CPU) | apply | refine, MB a second and core |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    texts, number, paths, beside = varied(), 0, list[Path](), ""
    for less, size in itertools.pairwise((0, *sizes)):
        paths.append(folder / f"{size}.jsonl")
        number = write(paths[-1], texts, number, (size - less) * 1_000_000)
        row = measured(spark, folder, paths)
        refined = row["refine"]
        print(
            f"| {size} | {refined.texts:,} | {(number - 1) // 10:,} | {refined.near_duplicates:,} "
            f"| {spent(row, 'refine', 'apply')} | {size / row['refine_cpu']:.1f} |",
            flush=True,
        )
        beside = beside or side_by_side(size, row, paths[0])
    print(f"\n{beside}", flush=True)


def measured(spark: Any, folder: Path, paths: list[Path]) -> dict[str, Any]:
    """Take pages through the pass in a lake that goes afterwards."""
    from prox_spark import Lake

    lake = Lake.open(spark, str(folder / f"lake-{paths[-1].stem}"))
    row = through(lake, paths, settings())
    shutil.rmtree(lake.location)
    return row


def side_by_side(size: int, row: dict[str, Any], path: Path) -> str:
    """Write the rates of the whole pass beside that of datasketch on the same texts."""
    with path.open(encoding="utf-8") as file:
        seconds, copies = whole_with_datasketch([json.loads(line)["text"] for line in file])
    lines = [
        f"| the whole pass, {size} MB | MB a second and core | copies |",
        "|---|---:|---:|",
        f"| prox_spark, refine | {size / row['refine_cpu']:.1f} | {row['refine'].near_duplicates:,} |",
        f"| prox_spark, refine and apply | {size / (row['refine_cpu'] + row['apply_cpu']):.1f} "
        f"| {row['apply'].dropped:,} |",
        f"| datasketch, MinHashLSH | {size / seconds:.1f} | {copies:,} |",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="*", default=[100, 300, 1000])
    parser.add_argument("--copies", type=int, default=1_000_000, help="of one page; 0 leaves them out")
    given = parser.parse_args()
    if os.getsid(0) != os.getpid():  # CPU seconds are those of the session's processes
        if os.fork():
            os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
        os.setsid()
    speed()
    curve()
    if not (given.megabytes or given.copies):
        return
    from prox_spark import session

    memory = Memory()
    memory.start()
    spark = session(spark_master="local[2]", spark_driver_memory="3g")
    with tempfile.TemporaryDirectory(prefix="prox-spark-duplicates-") as name:
        if given.copies:
            extremes(spark, Path(name), given.copies)
            memory.look()
            print(f"peaks so far, in MB: {told(memory.peaks)}\n", flush=True)
        if given.megabytes:
            growth(spark, Path(name), sorted(given.megabytes))
    print(f"\npeaks, in MB: {told(memory.stop())}")
    spark.stop()


def told(peaks: dict[str, float]) -> str:
    return ", ".join(f"{kind} {peak:,.0f}" for kind, peak in sorted(peaks.items()))


if __name__ == "__main__":
    main()
