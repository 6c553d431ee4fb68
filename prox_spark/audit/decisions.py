"""What forgetting documents does to the decisions of passes that drop copies.

A copy of a text that is gone must not stay out because of it. So the decisions of its family are withdrawn: their
programs go, and their documents stand before the passes again, as if they had just been ingested. The next run decides
anew, without the forgotten text. Where another document has the very same text, the text is still there and its
decisions stand; they name that document from then on.

Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.duplicates import DOCUMENT, FAMILY, TWIN
from prox_spark.lake import ledger
from prox_spark.passes import NEAR_DUPLICATES, Chain, PastPass
from prox_spark.pipeline import catch_up
from prox_spark.spark.settings import as_rows
from prox_spark.stages.apply import first_programs
from prox_spark.stages.near_duplicates import arrivals

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from prox_spark.lake.tables import Lake

KEY = ["text_sha256", "pass_name", "fingerprint"]
"""What a program is stored under."""


def are_there(lake: Lake) -> bool:
    """Say whether a pass of the lake ever looked for copies."""
    return not _passes(lake).isEmpty()


def outdated(lake: Lake, ids: DataFrame, gone: DataFrame) -> DataFrame:
    """Find the decisions that name forgotten documents.

    Args:
        lake: The lake, with the documents still in it.
        ids: Column `doc_id` of the forgotten documents.
        gone: Column `text_sha256` of the texts that no other document has.

    Returns:
        `text_sha256`, `pass_name`, `fingerprint` and `chunks`: what the program says from now on, or NULL where it is
        withdrawn. Programs of the texts in `gone` are not among them.
    """
    decisions = _decisions(lake).join(gone, "text_sha256", "left_anti")
    of_family = ["pass_name", "fingerprint", "family"]
    broken = decisions.join(gone.withColumnRenamed("text_sha256", "twin"), "twin", "left_semi")
    # As rows, not as plans: there are as few as there are forgotten documents.
    families = as_rows(broken.select(*of_family).distinct())
    copies, originals = decisions.where("twin <> ''"), decisions.where("twin = ''")
    withdrawn = copies.join(families, of_family, "left_semi")
    standing = originals.unionByName(copies.join(families, of_family, "left_anti"))
    heirs = as_rows(_heirs(lake, standing, ids))
    renamed = standing
    for role in ("document", "family"):
        known = heirs.select("fingerprint", F.col("document").alias(role), F.col("heir").alias(f"{role}_heir"))
        renamed = renamed.join(known, ["fingerprint", role], "left")
    changed = renamed.where("coalesce(document_heir, family_heir) IS NOT NULL")
    chunks = F.transform("chunks", lambda chunk: chunk.withField("completion", _renamed(chunk["completion"])))
    nothing = F.lit(None).cast(lake.read("programs").schema["chunks"].dataType)
    rows = withdrawn.select(*KEY, nothing.alias("chunks")).unionByName(changed.select(*KEY, chunks.alias("chunks")))
    return as_rows(rows.dropDuplicates(KEY))  # MERGE takes one row for each


def _renamed(completion: Column) -> Column:
    for role in ("document", "family"):
        heir = F.coalesce(f"{role}_heir", role)
        completion = F.replace(completion, F.concat(F.lit(f"{role}="), role), F.concat(F.lit(f"{role}="), heir))
    return completion


def _passes(lake: Lake) -> DataFrame:
    """Give `pass_name` and `fingerprint` of the passes that drop copies, as the lines of `runs` name them."""
    key = [
        F.get_json_object("conf", f"$.pass.{name}").alias(alias)
        for name, alias in (("name", "pass_name"), ("fingerprint", "fingerprint"), (NEAR_DUPLICATES, "settings"))
    ]
    return lake.read("runs").select(*key).where("settings IS NOT NULL").drop("settings").distinct()


def _decisions(lake: Lake) -> DataFrame:
    """Give the programs of passes that drop copies, with the `document`, `twin` and `family` that they name."""
    completion = F.col("chunks")[0]["completion"]
    document, twin = (F.regexp_extract(completion, pattern, 1) for pattern in (DOCUMENT, TWIN))
    family = F.regexp_extract(completion, FAMILY, 1)
    programs = lake.read("programs").join(F.broadcast(_passes(lake)), ["pass_name", "fingerprint"], "left_semi")
    own = F.when(family == "", document).otherwise(family)
    return programs.select(*KEY, "chunks", document.alias("document"), twin.alias("twin"), own.alias("family"))


def _heirs(lake: Lake, decisions: DataFrame, ids: DataFrame) -> DataFrame:
    """Give the earliest of the other documents with the text, as `heir`, for each forgotten `document` of a pass."""
    orphans = decisions.join(ids.withColumnRenamed("doc_id", "document"), "document", "left_semi")
    documents = lake.read("documents")
    # Behind a pass that edits, it is `corpus` that has the text.
    texts = documents.select("doc_id", "text_sha256").union(lake.read("corpus").select("doc_id", "text_sha256"))
    others = texts.join(ids, "doc_id", "left_anti").join(arrivals(documents, "all"), "doc_id")
    rows = orphans.select("fingerprint", "document", "text_sha256").join(others, "text_sha256")
    return rows.groupBy("fingerprint", "document").agg(F.min_by("doc_id", "arrival").alias("heir"))


def returning(lake: Lake, rows: DataFrame) -> DataFrame:
    """Find the rows that were dropped as copies, and that the decisions of today do not drop, or for another reason.

    Args:
        lake: The lake.
        rows: Rows of `corpus`, of any version.

    Returns:
        Column `doc_id`.
    """
    frames = [rows.select("doc_id").limit(0)]
    by_chain: dict[Chain, list[str]] = {}
    for run_id, chain in ledger.chains(lake).items():
        by_chain.setdefault(chain, []).append(run_id)
    for chain, run_ids in by_chain.items():
        mine, passes = rows.where(F.col("run_id").isin(run_ids)), chain.passes()
        ends = (index for index, pass_ in enumerate(passes, 1) if pass_.near_duplicates is not None)
        frames += [_let_go(lake, mine, passes[:end]) for end in ends]
    return reduce(lambda one, other: one.union(other), frames)


def _let_go(lake: Lake, rows: DataFrame, passes: Sequence[PastPass]) -> DataFrame:
    """Find those of rows that the last of `passes` dropped and would not drop today."""
    *before, pass_ = passes
    dropped = rows.where((F.col("outcome") == "dropped") & (F.col("pass_name") == pass_.name))
    documents = lake.read("documents").join(dropped.select("doc_id"), "doc_id", "left_semi")
    texts = catch_up.texts_before(lake, before, documents).select("doc_id", "text_sha256")
    first = F.col("chunks")[0]
    is_copy = F.exists(first["ops"], lambda operation: operation["op"] == "drop_doc")
    is_repeated = F.regexp_extract(first["completion"], DOCUMENT, 1) != F.col("doc_id")
    today = F.when(is_copy, "drop_doc").when(is_repeated, "duplicate")
    told = dropped.select("doc_id", "reason").join(texts, "doc_id")
    decided = told.join(first_programs(lake.read("programs"), pass_), "text_sha256", "left")
    return decided.where(~F.col("reason").eqNullSafe(today)).select("doc_id")
