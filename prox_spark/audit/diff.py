"""Two versions of the corpus side by side: counts by source, operation and reason, and documents to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pyspark.sql import functions as F

from prox_spark.audit.documents import find
from prox_spark.audit.retention import retention
from prox_spark.audit.rows import CorpusRow, DocumentPair, SampledRow, dicts
from prox_spark.audit.tags import resolve
from prox_spark.errors import UserError
from prox_spark.lake import views
from prox_spark.lake.lineage import lineage
from prox_spark.lake.tables import Lake
from prox_spark.spark.settings import kept
from prox_spark.stages.diff import differences, operations, reasons, tally

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CHANGED = ("edited", "dropped", "restored")


@dataclass(frozen=True, slots=True)
class Diff:
    """The differences of two versions, as frames that are computed when they are asked.

    Attributes:
        a: Number of the first version.
        b: Number of the second one.
        documents: One row per document, see `stages.diff.differences`.
        total: One row of counts by change, and words.
        by_source: The same for each source and snapshot.
        by_reason: Documents that `b` has dropped and `a` has not, by pass and reason.
        by_operation: Operations that `b` stands on and `a` does not, by pass, name and fate.
    """

    a: int
    b: int
    documents: DataFrame
    total: DataFrame
    by_source: DataFrame
    by_reason: DataFrame
    by_operation: DataFrame

    def summary(self) -> dict[str, Any]:
        """Compute the counts, as plain values; documents are not among them."""
        with kept(self.documents):
            return {
                "a": self.a,
                "b": self.b,
                **dicts(self.total)[0],
                "by_source": dicts(self.by_source),
                "by_reason": dicts(self.by_reason),
                "by_operation": dicts(self.by_operation),
            }


def diff(lake: Lake, a: str | int, b: str | int | None = None) -> Diff:
    """Compare two versions, each named by number, tag or `latest`.

    Raises:
        UserError: There is no such version, or its files are gone.
    """
    first, second = (readable(lake, version) for version in (a, b))
    documents = differences(lake.read("corpus", first), lake.read("corpus", second))
    return Diff(
        first,
        second,
        documents,
        total=tally(documents),
        by_source=tally(documents, "source", "snapshot"),
        by_reason=reasons(documents),
        by_operation=operations(edits_between(lake, first, second)),
    )


def edits_between(lake: Lake, a: int, b: int) -> DataFrame:
    """Give the operations that version `b` stands on and version `a` does not; the columns of the view `edits`."""
    entries = lake.entries()
    before = {version.version for version in lineage(entries, a)}
    since = [version for version in lineage(entries, b) if version.version not in before]
    return lake.spark.sql(views.edits(lake.name, since))


def sample(
    lake: Lake, compared: Diff, count: int, *, largest: bool = False, seed: int = 0, changes: tuple[str, ...] = CHANGED
) -> list[SampledRow]:
    """Draw changed documents with their texts before and after.

    Args:
        lake: The lake.
        compared: The differences.
        count: How many.
        largest: Take those whose number of words changed most; else they are drawn at random.
        seed: Another number draws others; the same one draws the same.
        changes: What must have become of them.
    """
    change = F.abs(F.col("words_after") - F.col("words_before"))
    order = [F.desc(change), F.col("doc_id")] if largest else [F.xxhash64("doc_id", F.lit(seed)), F.col("doc_id")]
    drawn = compared.documents.where(F.col("change").isin(*changes)).orderBy(*order).limit(count)
    chosen = dicts(drawn)
    ids = [row["doc_id"] for row in chosen]
    texts = {"before": _texts(lake, compared.a, ids), "after": _texts(lake, compared.b, ids)}
    pairs = [{**row, **{name: text.get(row["doc_id"]) for name, text in texts.items()}} for row in chosen]
    return cast("list[SampledRow]", pairs)


def document(lake: Lake, doc_id: str, a: str | int, b: str | int | None = None) -> DocumentPair:
    """Give one document in two versions.

    Raises:
        UserError: There is no such document or version.
    """
    source = find(lake, doc_id)
    first, second = (readable(lake, version) for version in (a, b))
    before, after = (_row(lake, version, source["doc_id"]) for version in (first, second))
    return {"doc_id": source["doc_id"], "url": source["url"], "a": first, "b": second, "before": before, "after": after}


def _row(lake: Lake, version: int, doc_id: str) -> CorpusRow | None:
    found = dicts(lake.read("corpus", version).where(F.col("doc_id") == doc_id).limit(1))
    return cast("CorpusRow", found[0]) if found else None


def readable(lake: Lake, version: str | int | None) -> int:
    """Give the number of a version that can still be read.

    Raises:
        UserError: There is none of that name, or its files are gone.
    """
    number = resolve(lake, version)
    if not retention(lake, "corpus").is_readable(number):
        raise UserError(f"version {number} can be read no more: its files were removed by maintenance or a purge")
    return number


def _texts(lake: Lake, version: int, ids: list[str]) -> dict[str, str | None]:
    rows = lake.read("corpus", version).where(F.col("doc_id").isin(ids)).select("doc_id", "text").collect()
    return {row["doc_id"]: row["text"] for row in rows}
