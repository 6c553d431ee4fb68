"""A version of the corpus as files in a folder, for training elsewhere; a folder with a manifest is whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from prox_spark.audit.diff import readable
from prox_spark.audit.tags import tags
from prox_spark.errors import RunError, UserError
from prox_spark.formats import FORMATS, Layout, Place, index
from prox_spark.formats.mds import INDEX
from prox_spark.formats.place import UNFINISHED
from prox_spark.formats.tokens import Packing
from prox_spark.formats.vocabulary import Vocabulary
from prox_spark.lake.ledger import Run
from prox_spark.lake.lineage import lineage
from prox_spark.lake.tables import Lake
from prox_spark.passes import Chain
from prox_spark.pipeline.progress import Progress, Step
from prox_spark.stages import export as writing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.formats import Format

MANIFEST, STARTED = "manifest.json", "manifest.json.unfinished"
SHARD = re.compile(r"shard\.\d{5,}\.\d{5,}\.(parquet|jsonl\.zst|mds)")
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
    progress: Progress = lambda _: None,
) -> ExportSummary:
    """Write the documents of a version into a folder, with a manifest; nothing passes through this process.

    The same version and options give the same files. A folder that holds this export already is left as it is, one
    in which it was cut short is completed.

    Args:
        lake: The lake.
        version: Number or tag; None takes the newest.
        to: The folder, which all workers must see; or a URI that pyarrow writes.
        format: One of `shards.FORMATS`.
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
    done = _claim(layout.place, about, overwrite=overwrite)
    if done is None:
        rows = _rows(lake, number, dropped=dropped)
        documents = rows.count()
        if documents == 0:
            raise UserError(f"version {number} has no document with text: there is nothing to export")
        step = Step(f"export {format}", 0, documents)
        progress(step)
        files = writing.export(rows, layout, parts=writing.parts_for(documents)).collect()
        done = _manifest(lake, number, layout, about, [row.asDict() for row in files])
        _complete(layout, done, documents)
        progress(Step(step.stage, documents, documents))
        written = True
    else:
        written = False
    counts = done["counts"]
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


def _rows(lake: Lake, number: int, *, dropped: bool) -> DataFrame:
    rows = lake.read("corpus", number)
    # Whoever was forgotten since stays away, also from the export of a version that still has the text.
    if not lake.read("runs").where("command = 'forget'").isEmpty():
        rows = rows.join(lake.read("documents").select("doc_id"), "doc_id", "left_semi")
    rows = rows if dropped else rows.where("text_sha256 IS NOT NULL")
    return rows.select(*writing.COLUMNS, *(writing.VERDICT if dropped else ()))


def _about(lake: Lake, number: int, layout: Layout, *, dropped: bool) -> dict[str, Any]:
    """Give what decides the files: two exports with the same values are the same."""
    run_id = next(made.commit.run_id for made in lake.versions("corpus") if made.version == number)
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


def _claim(place: Place, about: Mapping[str, Any], *, overwrite: bool) -> dict[str, Any] | None:
    """Make the folder ours, or give the manifest of this same export, if the folder holds it.

    Raises:
        UserError: The folder holds something else.
    """
    there = place.sizes()
    strange = sorted(name for name in there if not _is_ours(name))
    if strange or (there and not {MANIFEST, STARTED} & there.keys()):
        named = strange[0] if strange else sorted(there)[0]
        raise UserError(f"{place.uri} holds something that is no export ({named}): choose an empty folder with --to")
    found = _read(place, MANIFEST, there)
    if found is not None and found.get("export") == about:
        missing = [file["path"] for file in found["files"] if there.get(file["path"]) != file["bytes"]]
        if not missing:
            return found
        if not overwrite:
            raise UserError(f"{missing[0]} in {place.uri} is not what its manifest says; --overwrite writes it again")
    started = _read(place, STARTED, there)
    is_other = found is not None or (started is not None and started != about)
    if is_other and not overwrite:
        raise UserError(f"{place.uri} holds another export; choose another folder with --to, or add --overwrite")
    if there and is_other:
        for name in sorted(there, key=lambda name: (name != MANIFEST, name)):  # without it the folder is not whole
            place.delete(name)
    place.create()
    place.write(STARTED, json.dumps(about).encode())
    return None


def _is_ours(name: str) -> bool:
    hidden = UNFINISHED.fullmatch(name)
    bare = hidden[1] if hidden else name
    return bare in (MANIFEST, STARTED, INDEX) or SHARD.fullmatch(bare) is not None


def _read(place: Place, name: str, there: Mapping[str, int]) -> dict[str, Any] | None:
    if name not in there:
        return None
    try:
        found = json.loads(place.read(name))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


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
        "package_version": _package_version(),
        "columns": _columns(layout, dropped=about["dropped"]),
        "tokenizer": _tokenizer(layout),
        "counts": counts,
        **_origin(lake, number),
        "files": files,
    }


def _package_version() -> str:
    from prox_spark.version import __version__

    return __version__


def _columns(layout: Layout, *, dropped: bool) -> dict[str, str]:
    if described := layout.described:
        return dict(zip(described["column_names"], described["column_encodings"], strict=True))
    return dict.fromkeys((*writing.COLUMNS, *(writing.VERDICT if dropped else ())), "string")


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


def _complete(layout: Layout, manifest: dict[str, Any], documents: int) -> None:
    """Check that all is there, write the index, and the manifest last."""
    place = layout.place
    if (found := manifest["counts"]["documents"]) != documents:
        raise RunError(f"{found} documents were written of {documents}: run the command again")
    there = place.sizes()
    missing = [file["path"] for file in manifest["files"] if there.get(file["path"]) != file["bytes"]]
    if missing:
        raise UserError(
            f"{len(missing)} of {len(manifest['files'])} files are not in {place.uri} as this machine sees it: "
            "--to must be a folder that all workers share, or a URI"
        )
    if described := layout.described:
        place.write(INDEX, index(manifest["files"], described))
    keep = {file["path"] for file in manifest["files"]} | {STARTED, INDEX if layout.described else STARTED}
    for name in there.keys() - keep:  # of tasks that were killed half way
        place.delete(name)
    digest = hashlib.sha256("".join(file["sha256"] for file in manifest["files"]).encode()).hexdigest()
    place.write(MANIFEST, json.dumps({**manifest, "sha256": digest}, indent=1, ensure_ascii=False).encode())
    place.delete(STARTED)
