"""Chains of passes: written as before, read back, compared, and turned into what executes their programs again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prox_spark import config as configuration
from prox_spark.errors import ConfigError, LakeError
from prox_spark.passes import Chain, resolve, up_to
from prox_spark.program import Policy


def test_a_chain_is_written_as_lakes_of_version_0_1_0_have_it_and_read_back() -> None:
    passes = resolve(configuration.load())
    chain = Chain.of(passes)
    assert chain.to_json() == json.dumps([pass_.key for pass_ in passes], sort_keys=True)
    assert Chain.from_json(chain.to_json()) == chain
    assert Chain.from_json(json.dumps([pass_.key for pass_ in passes], indent=1)) == chain


def test_the_passes_of_a_chain_are_those_that_it_was_made_of() -> None:
    passes = resolve(configuration.load())
    past = Chain.of(passes).passes()
    assert [(item.name, item.fingerprint, item.level, item.policy) for item in past] == [
        (item.name, item.fingerprint, item.level, item.policy) for item in passes
    ]


@pytest.mark.parametrize(
    "key", ['{"name": "doc"}', '{"name": "doc", "fingerprint": "1", "level": "x", "policy": {"y": 1}}']
)
def test_a_chain_that_does_not_say_enough_is_an_error_of_the_lake(key: str) -> None:
    with pytest.raises(LakeError, match="another version of prox_spark"):
        Chain((key,)).passes()


def test_the_passes_up_to_one_are_those_before_it_and_itself() -> None:
    config = configuration.load()
    assert [item.name for item in up_to(config, "doc")] == ["doc"]
    assert [item.name for item in up_to(config, "chunk")] == ["doc", "chunk"]
    with pytest.raises(ConfigError, match="nothing"):
        up_to(config, "nothing")


@pytest.mark.parametrize(
    ("engine", "profile", "message"),
    [
        (
            "{kind: classifier, model: m}",
            "tiny-doc",
            "an engine of kind classifier gives scores: take the profile score",
        ),
        ("{kind: rules}", "score-doc", "the profile score-doc needs engine.kind classifier or fasttext, got rules"),
    ],
)
def test_scores_and_programs_are_not_taken_for_each_other(engine: str, profile: str, message: str) -> None:
    config = configuration.load(overrides=[f"passes=[{{name: a, profile: {profile}, engine: {engine}}}]"])
    with pytest.raises(ConfigError, match=message):
        resolve(config)


def test_a_score_cannot_be_forced_into_a_grammar() -> None:
    config = configuration.load(overrides=["passes=[{name: a, profile: score-doc, constrain: true}]"])
    with pytest.raises(ConfigError, match="constrain is for programs: the profile score-doc asks a classifier"):
        resolve(config)


def test_reference_mode_is_refused_where_no_executor_is_published(tmp_path: Path) -> None:
    for name in ("system.txt", "answers.jsonl"):
        (tmp_path / name).write_text("{}")
    brought = f"system_file: '{tmp_path}/system.txt'"
    passes = f"passes=[{{name: a, profile: refinex, {brought}, policy: {{mode: reference}}}}]"
    with pytest.raises(ConfigError, match="pass a: no executor is published for refinex; mode must be strict"):
        resolve(
            configuration.load(overrides=["engine.kind=scripted", f"engine.answers={tmp_path}/answers.jsonl", passes])
        )


def test_a_policy_is_recorded_as_before_where_nothing_newer_is_set() -> None:
    names = ["mode", "min_source_chars", "max_matches", "max_growth", "max_rejected_share", "min_words"]
    assert list(Policy().key()) == [*names, "min_kept_share"]
    changed = Policy(grammar="ultrax", insert="accept").key()
    assert {name: changed[name] for name in changed if name not in Policy().key()} == {
        "grammar": "ultrax",
        "insert": "accept",
    }
