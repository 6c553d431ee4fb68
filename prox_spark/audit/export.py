"""A version of the corpus as files in a folder, for training elsewhere; a folder with a manifest is whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from prox_spark.audit.diff import readable
from prox_spark.audit.manifest import claim, complete
from prox_spark.audit.tags import tags
from prox_spark.errors import UserError
from prox_spark.formats import FORMATS, Layout, Place
from prox_spark.formats.tokens import Packing
from prox_spark.formats.vocabulary import Vocabulary
from prox_spark.lake.ledger import Run
from prox_spark.lake.lineage import lineage
from prox_spark.lake.tables import Lake
from prox_spark.passes import Chain
from prox_spark.pipeline.progress import Progress, tell
from prox_spark.stages.export import COLUMNS, VERDICT, parts_for, write_shards
from prox_spark.version import __version__

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.formats import Format

SHARD_MB = 64
"""What MosaicML Streaming makes by default: a node downloads a shard whole before it reads a sample of it."""


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """The contents of an export, counted.

    Attributes:
        place: The folder.
        format: The format.
        version: The version of the corpus.
        documents: Documents in it.
        files: Shards.
        bytes: Their size.
        tokens: Tokens in them; 0 for formats of text.
        left_over: Tokens at the ends of parts that fill no sequence, and are in no file.
        written: False if the folder held the same export already.
        seconds: Wall time.
    """

    place: str
    format: str
    version: int
    documents: int
    files: int
    bytes: int
    tokens: int
    left_over: int
    written: bool
    seconds: float


def export(
    lake: Lake,
    version: str | int | None,
    to: str,
    *,
    format: str,  # noqa: A002  # the name of the command's option
    packing: Packing | None = None,
    dropped: bool = False,
    shard_mb: int = SHARD_MB,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportSummary:
    """Write the documents of a version into a folder, with a manifest; nothing passes through this process.

    The same version and options give the same files. A folder that holds this export already is left as it is, one
    in which it was cut short is completed.

    Args:
        lake: The lake.
        version: Number or tag; None takes the newest.
        to: The folder, which all workers must see; or a URI that pyarrow writes.
        format: One of `formats.FORMATS`.
        packing: For `tokens`: the tokenizer and the length of sequences.
        dropped: Write dropped documents too, without text, and `outcome` and `reason`; not for formats of training.
        shard_mb: Text (or tokens) of a shard in MiB, before compression.
        overwrite: Replace another export that the folder holds.
        progress: Told how far it is.

    Raises:
        UserError: The options do not fit, the folder holds something else, or cannot be written.
        RunError: The files are not all there afterwards.
    """
    clock = Run.start("export")
    layout = Layout(_known(format, packing, dropped=dropped), Place.at(to), shard_mb * 2**20, packing)
    number = readable(lake, version)
    about = _about(lake, number, layout, dropped=dropped)
    manifest = claim(layout.place, about, overwrite=overwrite)
    written = manifest is None
    if manifest is None:
        rows = rows_of(lake, number, dropped=dropped)
        documents = rows.count()
        if documents == 0:
            raise UserError(f"version {number} has no document with text: there is nothing to export")
        tell(progress, f"export {format}", 0, documents)
        files = write_shards(rows, layout, parts=parts_for(documents)).collect()
        manifest = _manifest(lake, number, layout, about, [row.asDict() for row in files])
        complete(layout, manifest, documents)
        tell(progress, f"export {format}", documents, documents)
    counts = manifest["counts"]
    return ExportSummary(
        place=layout.place.uri,
        format=format,
        version=number,
        documents=counts["documents"],
        files=counts["files"],
        bytes=counts["bytes"],
        tokens=counts["tokens"],
        left_over=counts["tokens_left_over"],
        written=written,
        seconds=clock.seconds,
    )


def packing(tokenizer: str | None, length: int | None) -> Packing | None:
    """Give how texts become tokens, as the command's options say it; None without a tokenizer.

    Raises:
        UserError: There is a length without a tokenizer.
        EngineError: The tokenizer cannot be loaded.
    """
    if tokenizer is None:
        if length is not None:
            raise UserError("--sequence-length needs --format tokens and --tokenizer")
        return None
    return Packing(Vocabulary.load(tokenizer), length)


def _known(format: str, packing: Packing | None, *, dropped: bool) -> Format:  # noqa: A002
    known = next((name for name in FORMATS if name == format), None)
    if known is None:
        raise UserError(f"--format must be one of {', '.join(FORMATS)}, got {format}")
    if (known == "tokens") != (packing is not None):
        raise UserError("--format tokens needs --tokenizer, and no other format takes one")
    if dropped and known in ("mds", "tokens"):
        raise UserError(
            f"dropped documents have no text to train on: --dropped is for parquet and jsonl.zst, not {known}"
        )
    return known


def rows_of(lake: Lake, number: int, *, dropped: bool = False) -> DataFrame:
    """Give the documents of a version as an export has them: without those that were forgotten since."""
    rows = lake.read("corpus", number)
    # Whoever was forgotten since stays away, also from the export of a version that still has the text.
    if not lake.read("runs").where("command = 'forget'").isEmpty():
        rows = rows.join(lake.read("documents").select("doc_id"), "doc_id", "left_semi")
    rows = rows if dropped else rows.where("text_sha256 IS NOT NULL")
    return rows.select(*COLUMNS, *(VERDICT if dropped else ()))


def _about(lake: Lake, number: int, layout: Layout, *, dropped: bool) -> dict[str, Any]:
    """Give what decides the files: two exports with the same values are the same."""
    run_id = next(version.commit.run_id for version in lake.versions("corpus") if version.version == number)
    forgotten = lake.read("runs").where("command = 'forget'").agg({"run_id": "max"}).first()
    about = {
        "format": layout.format,
        "version": number,
        "run_id": run_id,
        "forgotten_until": None if forgotten is None else forgotten[0],
        "dropped": dropped,
        "shard_bytes": layout.shard_bytes,
    }
    if layout.packing is not None:
        vocabulary = layout.packing.vocabulary
        about |= {"tokenizer": vocabulary.fingerprint, "sequence_length": layout.packing.length}
    return about


def _manifest(
    lake: Lake, number: int, layout: Layout, about: dict[str, Any], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    files = sorted((row for row in rows if row["path"] is not None), key=lambda row: row["path"])
    rest = [row for row in rows if row["path"] is None]
    names = ("bytes", "samples", "tokens")
    counts = {"files": len(files), **{name: sum(file[name] for file in files) for name in names}}
    counts |= {name: sum(row[name] for row in rows) for name in ("documents", "text_bytes")}
    counts["tokens_left_over"] = sum(row["tokens"] for row in rest)
    return {
        "export": about,
        "lake": lake.location,
        "version": number,
        "tags": sorted(name for name, tagged in tags(lake).items() if tagged == number),
        "made_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "package_version": __version__,
        "columns": _columns(layout, dropped=about["dropped"]),
        "tokenizer": _tokenizer(layout),
        "counts": counts,
        **_origin(lake, number),
        "files": files,
    }


def _columns(layout: Layout, *, dropped: bool) -> dict[str, str]:
    if described := layout.described:
        return dict(zip(described["column_names"], described["column_encodings"], strict=True))
    return dict.fromkeys((*COLUMNS, *(VERDICT if dropped else ())), "string")


def _tokenizer(layout: Layout) -> dict[str, Any] | None:
    if layout.packing is None:
        return None
    vocabulary = layout.packing.vocabulary
    return {
        "name": vocabulary.name,
        "fingerprint": vocabulary.fingerprint,
        "vocabulary_size": vocabulary.size,
        "end_of_text": {"id": vocabulary.end[0], "token": vocabulary.end[1]},
        "sequence_length": layout.packing.length,
        "dtype": vocabulary.dtype,
    }


def _origin(lake: Lake, number: int) -> dict[str, Any]:
    """Give the passes that the version went through, and the commands that made it, with configuration and models."""
    stands_on = lineage(lake.entries(), number)
    passes = json.loads(max((version.passes for version in stands_on), key=len, default=Chain()).to_json())
    keys = [item["fingerprint"] for item in passes]
    mine = lake.read("runs").where(f"corpus_version = {number} AND command <> 'tag'")
    theirs = lake.read("runs").where("command IN ('refine', 'apply')")
    theirs = theirs.where(theirs["fingerprint"].isin(keys)) if keys else theirs.limit(0)
    columns = ("run_id", "command", "pass_name", "fingerprint", "package_version", "conf")
    rows = mine.select(*columns).union(theirs.select(*columns)).distinct().orderBy("run_id").collect()
    last = mine.select("run_id").first()
    runs = [{**row.asDict(), "conf": json.loads(row["conf"] or "{}")} for row in rows]
    return {"passes": passes, "runs": [run for run in runs if last is None or run["run_id"] <= last[0]]}
