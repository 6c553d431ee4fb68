"""Versions of the corpus compared by what small models learn from them: texts held out, leaks refused, tokens packed.

Spark finds what is judged on, keeps it out of what is learned, and packs each corpus as `export` does; the models are
trained by `training.ablation`. All of it lies in one folder, and a command that was cut off goes on in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from prox_spark.audit.arms import COLUMNS, Corpus, corpora
from prox_spark.config import AblateSettings
from prox_spark.errors import EngineError, UserError
from prox_spark.formats import Layout, Place, Written
from prox_spark.formats.tokens import Packing
from prox_spark.formats.vocabulary import Vocabulary
from prox_spark.lake import schema
from prox_spark.lake.tables import Lake
from prox_spark.pipeline.progress import Progress, tell
from prox_spark.stages.export import parts_for, write_shards
from prox_spark.training.ablation import (
    SIZES,
    Arm,
    Guard,
    HeldOut,
    Plan,
    learn_tokenizer,
    measure,
    read_texts,
    site_of,
    size_of,
)
from prox_spark.training.ablation.run import write_json
from prox_spark.training.ablation.texts import held_out as as_held_out
from prox_spark.training.ablation.texts import write_held_out
from prox_spark.training.ablation.tokens import SHARD_BYTES, keep_tokenizer

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

PREPARED = "prepared.json"
LEARNED_FROM = 2_000
"""Documents of each corpus that the tokenizer is learned from."""

MOST_JUDGED = 50_000
_DOCUMENT = StructType([StructField(name, StringType()) for name in ("doc_id", "said")])


def ablate(
    lake: Lake,
    names: Sequence[str],
    to: str,
    *,
    settings: AblateSettings,
    held_out: Sequence[str] = (),
    choices: str | None = None,
    tokenizer: str | None = None,
    leave_out: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train small models on corpora, judge them on texts that none has seen, and say how they differ.

    Args:
        lake: The lake.
        names: The corpora (`arms.corpora`); the others are compared with the first.
        to: The folder of the ablation, which all workers must see.
        settings: The section `ablate` of the configuration.
        held_out: Parquet files to judge on, each a set by itself; without any, a share of the lake's sites is held out,
            and every corpus is judged on their documents as every corpus has them.
        choices: A Parquet file with questions (`question`, `choices`, `answer`).
        tokenizer: A folder, or NAME@COMMIT on the hub; None learns one from the corpora.
        leave_out: Leave documents that show what is judged on out of all corpora, instead of refusing.
        progress: Told how far it is.

    Returns:
        The result, as `ablation.json` in the folder keeps it.

    Raises:
        UserError: A corpus is not there, the folder holds another ablation, or a corpus shows what is judged on.
        EngineError: torch or another library is not installed.
    """
    _check_libraries()
    place = Place.at(to)
    if not place.is_local:
        raise UserError(f"--to must be a folder that this machine mounts, got {to}: models read from it")
    if len(names) < 2:
        raise UserError("ablate compares at least two corpora")
    folder = Path(place.uri)
    arms = corpora(lake, names)
    about = _about(arms, held_out, tokenizer, settings, leave_out=leave_out)
    prepared = _prepared(folder, about)
    if prepared is None:
        tell(progress, "ablate: hold out", 0)
        prepared = _Preparation(lake, arms, folder, settings, tokenizer, progress).run(held_out, leave_out=leave_out)
        write_json(folder / PREPARED, {"about": about, **prepared}, indent=1)
    plan = Plan(
        tuple(Arm(**arm) for arm in prepared["arms"]), folder, size_of(settings), folder / "held-out.parquet",
        folder / "tokenizer", settings, None if choices is None else Path(choices),
        facts={"left_out": prepared["left_out"]},
    )  # fmt: skip
    return measure(plan, lambda name, done, of: tell(progress, f"ablate: {name}", done, of))


def _check_libraries() -> None:
    from importlib.util import find_spec

    for library in ("torch", "transformers", "accelerate"):
        if find_spec(library) is None:
            raise EngineError(f"ablate trains models with {library}: install the extra train of prox-spark")


def _about(
    arms: Sequence[Corpus], held_out: Sequence[str], tokenizer: str | None, settings: AblateSettings, *, leave_out: bool
) -> dict[str, Any]:
    """Give what decides the texts to learn from and to judge on."""
    return {
        "arms": [[arm.name, arm.key] for arm in arms],
        "held_out": [[path, Path(path).stat().st_size if Path(path).is_file() else None] for path in held_out],
        "held_out_share": None if held_out else settings.held_out_share,
        "held_out_mb": settings.held_out_mb,
        "size": settings.size,
        "tokenizer": tokenizer,
        "leave_out": leave_out,
    }


def _prepared(folder: Path, about: dict[str, Any]) -> dict[str, Any] | None:
    """Read what an earlier command prepared; None where there is nothing yet.

    Raises:
        UserError: It prepared something else.
    """
    path = folder / PREPARED
    if not path.is_file():
        return None
    prepared: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    different = [key for key, value in about.items() if prepared["about"].get(key) != value]
    if different:
        raise UserError(f"{folder} holds an ablation with other {different[0]}: name another folder with --to")
    return prepared


class _Preparation:
    """The part of an ablation that Spark does: corpora into what is judged on and packed tokens to learn from."""

    def __init__(
        self, lake: Lake, arms: Sequence[Corpus], folder: Path, settings: AblateSettings, tokenizer: str | None,
        progress: Progress | None,
    ) -> None:  # fmt: skip
        self._lake, self._arms, self._folder, self._settings = lake, arms, folder, settings
        self._tokenizer, self._progress = tokenizer, progress

    def run(self, held_out: Sequence[str], *, leave_out: bool) -> dict[str, Any]:
        """Give the packed arms, and how many documents were left out for which reason."""
        Place.at(str(self._folder)).create()
        judged = self._given(held_out) if held_out else self._split()
        if not judged:
            raise UserError("there is no text to judge on")
        write_held_out(judged, self._folder / "held-out.parquet")
        leaks = self._leaks(Guard.of(judged))
        reasons = {row["said"]: int(row["count"]) for row in leaks.groupBy("said").count().collect()}
        if reasons and held_out and not leave_out:
            raise UserError(self._refusal(leaks, reasons))
        vocabulary = self._vocabulary()
        return {"arms": [asdict(arm) for arm in self._packed(leaks, vocabulary)], "left_out": reasons}

    def _given(self, paths: Sequence[str]) -> list[HeldOut]:
        judged = []
        for path in paths:
            room = self._settings.held_out_mb * 1e6
            texts = []
            for text in read_texts(path):
                room -= len(text.text.encode())
                if room < 0:
                    break
                texts.append(text)
            judged += as_held_out(Path(path).stem, texts)
        return judged

    def _split(self) -> list[HeldOut]:
        """Hold out documents of some sites that all corpora have, as each of them has them."""
        if not all(arm.is_version for arm in self._arms):
            raise UserError("corpora in files have no sites in common with the lake: give texts with --held-out")
        share = self._settings.held_out_share
        first, *others = self._arms
        chosen = first.rows.select("doc_id", "url", "text").mapInArrow(partial(_on_held_sites, share=share), _DOCUMENT)
        for number, arm in enumerate((first, *others)):
            text = arm.rows.select("doc_id", F.col("text").alias(f"text_{number}"))
            chosen = chosen.join(text, "doc_id")
        rows = chosen.orderBy("doc_id").limit(MOST_JUDGED).toLocalIterator()
        judged, room = [], self._settings.held_out_mb * 1e6
        for row in rows:
            room -= len(row["text_0"].encode())
            if room < 0:
                break
            judged += [
                HeldOut(f"as {arm.name} has them", row["doc_id"], row["said"], row[f"text_{number}"])
                for number, arm in enumerate(self._arms)
            ]
        if not judged:
            raise UserError(
                f"no document of all corpora is on the {share:.1%} of sites to hold out: raise ablate.held_out_share, "
                "or give texts with --held-out; documents need a url for the first"
            )
        return judged

    def _leaks(self, guard: Guard) -> DataFrame:
        """Find the documents that show what is judged on, in any corpus, and write them down: each is read once."""
        place = f"{self._folder}/leaks"
        place = place if place.startswith("/Volumes/") else f"file://{place}"
        found = None
        for arm in self._arms:
            rows = arm.rows.select("doc_id", "url", "text").mapInArrow(partial(_leaking, guard=guard), _DOCUMENT)
            found = rows if found is None else found.union(rows)
        assert found is not None
        tell(self._progress, "ablate: look for leaks", 0)
        # Of several reasons the first counts.
        found.groupBy("doc_id").agg(F.min("said").alias("said")).write.mode("overwrite").parquet(place)
        return self._lake.spark.read.parquet(place)

    def _refusal(self, leaks: DataFrame, reasons: dict[str, int]) -> str:
        said = ", ".join(f"{count:,} by {reason}" for reason, count in sorted(reasons.items()))
        some = ", ".join(row["doc_id"][:12] for row in leaks.orderBy("doc_id").limit(3).collect())
        return (
            f"documents to learn from show what is judged on ({said}; such as {some}): --leave-out leaves them out of "
            "all corpora"
        )

    def _vocabulary(self) -> Vocabulary:
        """Load the tokenizer, or learn one; either is kept in the folder."""
        tell(self._progress, "ablate: tokenizer", 0)
        folder = self._folder / "tokenizer"
        if self._tokenizer is None:
            samples = [
                [
                    row["text"]
                    for row in arm.rows.select("doc_id", "text").orderBy("doc_id").limit(LEARNED_FROM).collect()
                ]
                for arm in self._arms
            ]
            return learn_tokenizer(samples, SIZES[self._settings.size].vocabulary, folder)
        vocabulary = Vocabulary.load(self._tokenizer)
        keep_tokenizer(vocabulary, folder)
        return vocabulary

    def _packed(self, leaks: DataFrame, vocabulary: Vocabulary) -> Iterator[Arm]:
        length = SIZES[self._settings.size].context
        for number, arm in enumerate(self._arms):
            folder = self._folder / "arms" / str(number)
            rows = arm.rows.select(*COLUMNS).join(leaks, "doc_id", "left_anti")
            documents = rows.count()
            tell(self._progress, f"ablate: pack {arm.name}", 0, documents)
            layout = Layout("tokens", Place.at(str(folder)), SHARD_BYTES, Packing(vocabulary, length))
            layout.place.create()
            files = write_shards(rows, layout, parts=parts_for(documents)).collect()
            packed = Arm.of(arm.name, folder, [Written(**file.asDict()) for file in files])
            if not packed.tokens:
                raise UserError(f"{arm.name} has no {length} tokens to learn from")
            yield Arm(**{**asdict(packed), "read": arm.refined / packed.tokens})


def _on_held_sites(batches: Iterable[pa.RecordBatch], share: float) -> Iterator[pa.RecordBatch]:
    """Give the documents of the sites that are held out, with their sites."""
    import mmh3

    def is_held(site: str) -> bool:
        return site != "" and mmh3.hash(site, 17, signed=False) < share * (1 << 32)

    for batch in batches:
        sites = [site_of(url) for url in batch.column("url").to_pylist()]
        held = [
            (id_, site) for id_, site in zip(batch.column("doc_id").to_pylist(), sites, strict=True) if is_held(site)
        ]
        yield _said(held)


def _leaking(batches: Iterable[pa.RecordBatch], guard: Guard) -> Iterator[pa.RecordBatch]:
    """Give the documents that show what is judged on, with the reason."""
    for batch in batches:
        rows = zip(*(batch.column(name).to_pylist() for name in ("doc_id", "url", "text")), strict=True)
        leaks = ((id_, guard.leak(text, site_of(url))) for id_, url, text in rows)
        yield _said([(id_, leak) for id_, leak in leaks if leak is not None])


def _said(rows: Sequence[tuple[str, str]]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist(
        [{"doc_id": id_, "said": said} for id_, said in rows], schema=schema.arrow(_DOCUMENT)
    )
