"""Measure whether training on refined pages pays: raw pages, C4's rule for lines, the tagger, the lines people marked.

python benchmarks/evidence.py [--tokens 1000000] [--batch 16] [--seeds 3] [--size nano] [--write]

It reads web_lines_train.parquet, web_lines_dev.parquet and doc_quality_dev.parquet in the folder that PROX_SPARK_SHARED
names (without it: ../shared/data beside the project). The arms are 636 pages of CleanEval and 527 of L3S-GN1, whose
licences allow research and no redistribution, so they do not come with the project. Judged on are the main content of
WCXB pages (CC BY 4.0) and documents that people voted to keep (DCLM, MIT).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from prox_spark import config, profiles
from prox_spark.engines import create
from prox_spark.evaluation import GoldPage, read
from prox_spark.program import execute
from prox_spark.training import ablation
from prox_spark.training.ablation import Arm, Guard, HeldOut, Text
from prox_spark.training.ablation.page import plot, plot_cost, summary
from prox_spark.training.ablation.texts import held_out, write_held_out

SHARED = Path(os.environ.get("PROX_SPARK_SHARED", Path(__file__).resolve().parents[2] / "shared" / "data"))
PAGE = Path(__file__).resolve().parents[1] / "docs" / "evidence.md"
BEGIN, END = "<!-- make evidence writes from here -->", "<!-- to here -->"
PICTURE = "![Bits a byte more or less than the raw pages, with intervals](images/evidence.svg)"
BATCH = 32
ASKED = {"rules": ("rules", "rules-chunk"), "tagger": ("tagger", "tiny-chunk")}


def main() -> None:
    """Print the result, beside the one in the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("runs/evidence"), help="the folder of the runs")
    parser.add_argument("--size", choices=list(ablation.SIZES), default="nano")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="that a run trains on")
    parser.add_argument("--batch", type=int, help="sequences of a step; otherwise the size's")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--judged-mb", type=float, default=1.0, help="of each set, at most")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to compare with")
    parser.add_argument("--write", action="store_true", help="write the result into the page")
    asked = parser.parse_args()
    if not SHARED.is_dir():
        sys.exit(f"{SHARED} is not at hand: PROX_SPARK_SHARED must name the folder with web_lines_train.parquet, "
                 "web_lines_dev.parquet and doc_quality_dev.parquet")  # fmt: skip
    settings = config.AblateSettings(
        size=asked.size, tokens=asked.tokens, batch=asked.batch, seeds=asked.seeds, threads=asked.threads,
        save_every=1000,
    )  # fmt: skip
    plan = plan_of(asked.to, settings, asked.judged_mb)
    result = ablation.measure(plan, lambda name, done, of: print(f"[{done}/{of}] {name}", file=sys.stderr, flush=True))
    written = summary(result)
    print(f"{written}\n{asked.page} says:\n\n{said(asked.page)}")
    if asked.write:
        write(asked.page, written, plot(result))


def plan_of(folder: Path, settings: config.AblateSettings, judged_mb: float) -> ablation.Plan:
    """Pack the arms and what is judged on."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = [*held_out("WCXB", some(wcxb(), judged_mb)), *held_out("voted", some(voted(), judged_mb))]
    write_held_out(documents, folder / "held-out.parquet")
    corpora, left_out = arms(documents)
    size = ablation.size_of(settings)
    print(f"{', '.join(f'{name}: {len(texts):,} pages' for name, texts in corpora.items())}; left out: {left_out}")
    samples = [[text.text for text in texts] for texts in corpora.values()]
    vocabulary = ablation.learn_tokenizer(samples, size.vocabulary, folder / "tokenizer")
    packed = []
    for name, texts in corpora.items():
        written = ablation.pack(texts, folder / "arms" / name, vocabulary, size.context)
        packed.append(Arm.of(name, folder / "arms" / name, written))
    return ablation.Plan(
        tuple(packed), folder, size, folder / "held-out.parquet", folder / "tokenizer", settings,
        facts={"left_out": left_out},
    )  # fmt: skip


def arms(judged: Sequence[HeldOut]) -> tuple[dict[str, list[Text]], dict[str, int]]:
    """Make the four corpora; a page that shows in any of them what is judged on is in none."""
    pages = [*read(SHARED / "web_lines_train.parquet", ["cleaneval-en"]), *read(SHARED / "web_lines_dev.parquet")]
    corpora = {"raw": dict(_texts(pages, lambda page: "\n".join(page.lines)))}
    for name, (kind, profile) in ASKED.items():
        corpora[name] = dict(_refined(pages, kind, profile))
    corpora["gold"] = dict(_texts(pages, _marked))
    guard = Guard.of(judged)
    leaks = {
        text.id: leak
        for texts in corpora.values()
        for text in texts.values()
        if (leak := guard.leak(text.text, text.site)) is not None
    }
    kept = {name: [text for text in texts.values() if text.id not in leaks] for name, texts in corpora.items()}
    return kept, dict(Counter(leaks.values()))


def _texts(pages: Iterable[GoldPage], text_of: Callable[[GoldPage], str]) -> Iterator[tuple[str, Text]]:
    # In the order of a hash, as an export is: no data set and no site is together.
    for page in sorted(pages, key=lambda page: hashlib.sha256(page.id.encode()).digest()):
        if text := text_of(page):
            yield page.id, Text(page.id, page.domain, text)


def _marked(page: GoldPage) -> str:
    return "\n".join(line for line, keep in zip(page.lines, page.keep, strict=True) if keep)


def _refined(pages: Sequence[GoldPage], kind: str, profile_name: str) -> Iterator[tuple[str, Text]]:
    profile = profiles.find(profile_name)
    engine = create(config.load(overrides=[f"engine.kind={kind}"]).engine)
    texts: dict[str, str] = {}
    for start in range(0, len(pages), BATCH):
        part = pages[start : start + BATCH]
        prompted = [profiles.prompts(profile, "\n".join(page.lines), engine.tokenizer) for page in part]
        answers = iter(engine.generate([prompt for chunks in prompted for _, prompt in chunks if prompt is not None]))
        for page, chunks in zip(part, prompted, strict=True):
            program = [(chunk, next(answers).text if prompt else "") for chunk, prompt in chunks]
            texts[page.id] = execute("\n".join(page.lines), program).text or ""
    engine.close()
    yield from _texts(pages, lambda page: texts[page.id])


def wcxb() -> list[Text]:
    """Give the main content of the WCXB pages."""
    table = pq.read_table(SHARED / "web_lines_train.parquet", columns=["id", "source_dataset", "domain", "gold_text"])
    rows = [row for row in table.to_pylist() if row["source_dataset"] == "wcxb-dev"]
    return [Text(row["id"], row["domain"], row["gold_text"]) for row in rows]


def voted() -> list[Text]:
    """Give the documents that people voted to keep."""
    rows = pq.read_table(SHARED / "doc_quality_dev.parquet", columns=["id", "text", "keep_doc"]).to_pylist()
    return [Text(str(row["id"]), "", row["text"]) for row in rows if row["keep_doc"]]


def some(texts: Iterable[Text], limit_mb: float) -> list[Text]:
    """Take texts in the order of a hash, up to so many MB."""
    taken, room = [], limit_mb * 1e6
    for text in sorted(texts, key=lambda text: hashlib.sha256(text.id.encode()).digest()):
        room -= len(text.text.encode())
        if room < 0:
            break
        taken.append(text)
    return taken


def said(page: Path) -> str:
    """Give the result that a page holds."""
    _, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    return rest.partition(END)[0].strip()


def write(page: Path, written: str, drawn: str) -> None:
    """Put a result in the place of the one in a page, with its pictures."""
    images = page.parent / "images"
    (images / "evidence.svg").write_text(drawn, encoding="utf-8")
    (images / "refining-pays.svg").write_text(plot_cost(), encoding="utf-8")
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{written.strip()}\n\n{PICTURE}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
