"""Which runs left their rows where in a chain."""

from __future__ import annotations

from prox_spark.passes import Chain
from prox_spark.pipeline.catch_up import runs_by_passes_done

CHAIN = Chain(("doc", "chunk"))


def test_rows_of_an_ingest_have_everything_before_them() -> None:
    assert runs_by_passes_done(CHAIN, {"ingest": Chain()}) == {0: ["ingest"]}


def test_rows_that_went_further_than_the_chain_are_at_its_end() -> None:
    assert runs_by_passes_done(CHAIN, {"more": Chain(("doc", "chunk", "third"))}) == {2: ["more"]}


def test_rows_that_went_through_other_passes_are_in_no_group() -> None:
    chains = {"other": Chain(("other",)), "late": Chain(("doc", "other")), "doc": Chain(("doc",)), "2": Chain(("doc",))}
    assert runs_by_passes_done(CHAIN, chains) == {1: ["doc", "2"]}
