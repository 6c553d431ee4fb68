"""The corpora that `ablate` compares, as a user names them: versions, tags, chains of passes, and files of others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.audit.diff import readable
from prox_spark.audit.export import rows_of
from prox_spark.audit.tags import NEWEST, tags
from prox_spark.errors import UserError
from prox_spark.lake.lineage import Entry, lineage
from prox_spark.lake.tables import Lake
from prox_spark.passes import Chain

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

COLUMNS = ("doc_id", "source", "snapshot", "url", "text", "metadata")


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus to compare.

    Attributes:
        name: As the user gave it.
        rows: Its documents: the columns that an export takes.
        key: What decides them: the version with its run, or the file.
        refined: Tokens that models read and wrote to make it; 0 where no model did, or nobody knows.
    """

    name: str
    rows: DataFrame
    key: str
    refined: int

    @property
    def is_version(self) -> bool:
        """Say whether it is of the lake, so that a document has the same id in all such corpora."""
        return self.key.startswith("version ")


def corpora(lake: Lake, names: Sequence[str]) -> list[Corpus]:
    """Find the corpora; one that is named twice is there twice.

    Args:
        lake: The lake.
        names: A number, a tag, `latest`; passes as `doc+chunk`, for the newest version that went through these and no
            others; or `NAME=FILE` for Parquet files with a column `text`, and maybe `doc_id` or `id` and `url`.

    Raises:
        UserError: There is no such version or file.
    """
    entries = lake.entries()
    return [_corpus(lake, entries, name, shown) for name, shown in zip(names, _shown_names(names), strict=True)]


def _shown_names(names: Sequence[str]) -> list[str]:
    """Give what tables call the corpora: a file by the name before its `=`, the second of one name by its number.

    >>> _shown_names(["doc", "wiki=a.parquet", "wiki=b.parquet", "doc"])
    ['doc', 'wiki', 'wiki (2)', 'doc (2)']
    """
    labels = [name.partition("=")[0] for name in names]
    earlier = [labels[:place].count(label) for place, label in enumerate(labels)]
    return [f"{label} ({count + 1})" if count else label for label, count in zip(labels, earlier, strict=True)]


def _corpus(lake: Lake, entries: Sequence[Entry], name: str, shown: str) -> Corpus:
    _, is_file, path = name.partition("=")
    if is_file:
        return Corpus(shown, _of_files(lake, path), f"file {path}", 0)
    number = _version(lake, entries, name)
    run_id = next(version.commit.run_id for version in lake.versions("corpus") if version.version == number)
    forgotten = lake.read("runs").where("command = 'forget'").count()
    key = f"version {number} of {run_id} after {forgotten} forgets"
    chain = next((version.passes for version in lineage(entries, number)), Chain())
    return Corpus(shown, rows_of(lake, number), key, _refined(lake, chain))


def _version(lake: Lake, entries: Sequence[Entry], name: str) -> int:
    if name in NEWEST or re.fullmatch("[0-9]+", name) or name in tags(lake):
        return readable(lake, name)
    wanted = name.split("+")
    numbers = [
        entry.corpus_version
        for entry in entries
        if entry.corpus_version is not None and [part.name for part in entry.passes.passes()] == wanted
    ]
    if not numbers:
        chains = {"+".join(part.name for part in entry.passes.passes()) for entry in entries if len(entry.passes)}
        raise UserError(
            f"{name} is no version, no tag and no chain of passes of {lake.location}; chains are: "
            f"{', '.join(sorted(chains)) or 'none yet'}; files are given as NAME=FILE"
        )
    return readable(lake, max(numbers))


def _refined(lake: Lake, chain: Chain) -> int:
    """Count the tokens that models read and wrote for the passes of a version."""
    keys = [part.fingerprint for part in chain.passes()]
    if not keys:
        return 0
    runs = lake.read("runs").where("command = 'refine'").where(F.col("fingerprint").isin(keys))
    tokens = F.coalesce("prompt_tokens", F.lit(0)) + F.coalesce("output_tokens", F.lit(0))
    total = runs.agg(F.sum(tokens)).first()
    return int(total[0] or 0) if total is not None else 0


def _of_files(lake: Lake, path: str) -> DataFrame:
    from pyspark.errors import AnalysisException

    try:
        rows = lake.spark.read.parquet(path)
    except AnalysisException as error:
        raise UserError(f"cannot read {path} as Parquet: {str(error).splitlines()[0][:200]}") from error
    if "text" not in rows.columns:
        raise UserError(f"{path} has no column text; it has {', '.join(rows.columns)}")
    key = next((name for name in ("doc_id", "id") if name in rows.columns), None)
    name = F.coalesce(F.col(key or "text").cast("string"), "text")
    # A part of an export is a range of ids as hashes: any other name of a document becomes one.
    id_ = F.when(name.rlike("^[0-9a-f]{64}$"), name).otherwise(F.sha2(name, 256))
    url = next((F.col(name) for name in ("url", "domain") if name in rows.columns), F.lit(None))
    nothing = (F.lit(None).cast("string").alias(name) for name in ("source", "snapshot", "metadata"))
    named = rows.where("text IS NOT NULL").select(
        id_.alias("doc_id"), *nothing, url.cast("string").alias("url"), F.col("text").cast("string").alias("text")
    )
    return named.select(*COLUMNS)
