"""What a commit says of itself survives Delta's log, and what others wrote there is not taken for it."""

from __future__ import annotations

import json

import pytest

from prox_spark.lake.commits import Commit
from prox_spark.passes import Chain

CHAIN = Chain(('{"fingerprint": "1f", "name": "doc"}',))


@pytest.mark.parametrize("passes", [None, Chain(), CHAIN])
def test_a_commit_is_read_as_it_was_written(passes: Chain | None) -> None:
    commit = Commit("run-1", "refine", "doc", 3, passes, '{"a": 1}')
    assert Commit.from_json(commit.to_json()) == commit


def test_the_passes_are_json_inside_the_json_as_in_the_first_version() -> None:
    assert json.loads(Commit("run-1", "apply", passes=CHAIN).to_json())["passes"] == f"[{CHAIN.keys[0]}]"


@pytest.mark.parametrize("metadata", [None, "", "null", "nightly", "[1]", "7", '{"job": 1}', '{"run_id": "1", "x": 2}'])
def test_what_somebody_else_wrote_is_nothing(metadata: str | None) -> None:
    assert Commit.from_json(metadata) is None
