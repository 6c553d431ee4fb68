"""Refine a pass that no engine writes: new texts get a signature, then all of them their decision in one commit."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from pyspark.sql import Observation
from pyspark.sql import functions as F

from prox_spark import passes, tracking
from prox_spark.duplicates import signature_fingerprint
from prox_spark.lake import ledger
from prox_spark.lake.ledger import Run
from prox_spark.lake.rows import is_of
from prox_spark.lake.tables import Lake
from prox_spark.passes import AnyPass, NearDuplicatesPass
from prox_spark.pipeline import catch_up
from prox_spark.pipeline._summary import RefineSummary
from prox_spark.pipeline.progress import Progress, tell
from prox_spark.spark.settings import as_rows, kept, observed
from prox_spark.stages import near_duplicates, similarity

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.config import Config

WAVE_TEXTS = 1_000_000
"""Signatures of a wave: a core writes about 2,000 a second, so that an interruption costs minutes of few cores."""

CHARACTERS_PER_TOKEN = 4.53
"""As FineWeb's own token counts give it on real pages (docs/scale.md)."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a refine of such a pass decided.

    Attributes:
        texts: Texts that got a program.
        copies: Of these, near-duplicates of earlier ones.
        documents: Documents with these texts.
        characters_saved: Characters of the copies: what passes behind this one need not read.
    """

    texts: int
    copies: int
    documents: int
    characters_saved: int

    @property
    def tokens_saved(self) -> int:
        """Say about how many tokens they are."""
        return round(self.characters_saved / CHARACTERS_PER_TOKEN)


def refine_near_duplicates(
    lake: Lake, chain: tuple[AnyPass, ...], pass_: NearDuplicatesPass, config: Config, progress: Progress | None
) -> RefineSummary:
    """Decide on the texts without a program, and record the run."""
    run = Run.start("refine", pass_name=pass_.name, conf=passes.conf(config, chain))
    stage = f"refine {pass_.name}"
    before = lake.newest("programs")
    texts, in_shards = catch_up.texts(lake, chain, shards := ledger.shards(lake, default=config.ingest.shards))
    decided = lake.read("programs").where(is_of(pass_)).select("text_sha256", "chunks")
    arrived = near_duplicates.arrivals(lake.read("documents"), pass_.settings.scope)
    new = near_duplicates.new_texts(texts, arrived, decided)
    with kept(new):
        total = new.count()
        tell(progress, stage, 0, total)
        if not total:
            return RefineSummary(run.run_id, pass_.name, 0, 0, 0, 0, 0, run.seconds, engine=passes.NEAR_DUPLICATES)
        waves = _write_signatures(lake, run, texts, new, pass_, shards if in_shards else 1)
        known = near_duplicates.known_texts(decided, arrived)
        counts = _write_programs(lake, run, chain, pass_, new, known, before)
    tell(progress, stage, total, total)
    summary = RefineSummary(
        run.run_id,
        pass_.name,
        texts=counts.texts,
        waves=waves,
        errors=0,
        prompt_tokens=0,
        output_tokens=0,
        seconds=run.seconds,
        duplicates_saved=counts.documents - counts.texts,
        engine=passes.NEAR_DUPLICATES,
        near_duplicates=counts.copies,
        tokens_saved=counts.tokens_saved,
    )
    columns = ("texts", "near_duplicates", "duplicates_saved", "tokens_saved", "waves")
    row = ledger.record(
        lake, run, fingerprint=pass_.fingerprint, counts={name: getattr(summary, name) for name in columns}
    )
    tracking.log(config.mlflow, tracking.written(lake.location, row, tracking.settings_of(config)))
    return summary


def _signed(lake: Lake, pass_: NearDuplicatesPass) -> DataFrame:
    fingerprint = signature_fingerprint(passes.signature_settings(pass_.settings))
    return lake.read("signatures").where(F.col("fingerprint") == fingerprint)


def _write_signatures(
    lake: Lake, run: Run, texts: DataFrame, new: DataFrame, pass_: NearDuplicatesPass, shards: int
) -> int:
    """Write the signatures that texts lack, some in each commit; give the number of commits."""
    lake.create("signatures")
    lacking = new.select("text_sha256", "doc_id").join(
        _signed(lake, pass_).select("text_sha256"), "text_sha256", "left_anti"
    )
    # By the document that brought a text first: a page that is there a million times is read once.
    sources = texts.join(lacking.select("doc_id"), "doc_id", "left_semi")
    waves = min(ceil(lacking.count() / WAVE_TEXTS), shards)
    for wave in range(waves):
        mine = (
            sources
            if waves == 1
            else sources.where(F.col("shard").between(wave * shards // waves, (wave + 1) * shards // waves - 1))
        )
        rows = near_duplicates.signatures(mine, passes.signature_settings(pass_.settings), run_id=run.run_id)
        lake.append_after("signatures", rows, run.commit(wave), after=lake.newest("signatures"))
    return waves


def _write_programs(
    lake: Lake,
    run: Run,
    chain: tuple[AnyPass, ...],
    pass_: NearDuplicatesPass,
    new: DataFrame,
    known: DataFrame,
    before: int | None,
) -> Counts:
    """Find the copies among the new texts and write the programs of all of them in one commit."""
    settings, signed = pass_.settings, _signed(lake, pass_)
    pairs = as_rows(near_duplicates.candidates(new, known, signed))
    if settings.measure == "shingles":
        texts = catch_up.texts_before(lake, chain[:-1])
        measure = similarity.by_shingles(passes.signature_settings(settings))
        pairs = similarity.with_similarity(pairs, texts, measure)
    else:
        pairs = similarity.with_estimate(pairs, signed)
    copies = near_duplicates.with_root(as_rows(near_duplicates.twins(pairs, settings.threshold)))
    measured = new.join(signed.select("text_sha256", "characters"), "text_sha256")
    programs = near_duplicates.programs(measured, known, copies, pass_, run_id=run.run_id)
    observation = Observation()
    is_copy = F.col("is_copy")
    observed_rows = programs.observe(
        observation,
        F.count(F.lit(1)).alias("texts"),
        F.count_if(is_copy).alias("copies"),
        F.coalesce(F.sum("copies"), F.lit(0)).alias("documents"),
        F.coalesce(F.sum(F.when(is_copy, F.col("characters"))), F.lit(0)).alias("characters_saved"),
    )
    lake.append_after("programs", observed_rows, run.commit(), after=before)
    return Counts(**observed(observation))
