"""The configuration: layers, bounds, and errors that name key, found value and what is allowed."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from prox_spark.config import (
    Config,
    PolicySettings,
    RulesSettings,
    TransformersSettings,
    VllmSettings,
    as_kind,
    base_file,
    load,
)
from prox_spark.config.engines import SETTINGS_OF
from prox_spark.errors import ConfigError
from prox_spark.program.operations import Policy

ROOT = Path(__file__).resolve().parent.parent


MODEL = "engine={kind: transformers, model: m, %s}"


def failure(*overrides: str, files: tuple[Path, ...] = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        load(files, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(tmp_path: Path, text: str, name: str = "my.yaml") -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def keys_of(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


def test_base_yaml_holds_exactly_the_defaults_of_the_models() -> None:
    assert load() == Config()
    engine = yaml.safe_load(base_file().read_text(encoding="utf-8"))["engine"]
    for cls in SETTINGS_OF.values():
        own = {key: field.default for key, field in cls.model_fields.items() if not field.is_required()}
        documented = {key: tuple(engine[key]) if isinstance(engine[key], list) else engine[key] for key in own}
        assert own | {"kind": "tagger"} == documented


def test_base_yaml_holds_every_key() -> None:
    tree = yaml.safe_load(base_file().read_text(encoding="utf-8"))
    config = Config()
    assert set(tree) == keys_of(Config)
    assert set(tree["engine"]) == {key for cls in SETTINGS_OF.values() for key in cls.model_fields}
    for section in ("ingest", "refine"):
        assert set(tree[section]) == keys_of(type(getattr(config, section)))
    first = tree["passes"][0]
    assert set(first) == keys_of(type(config.passes[0]))
    assert set(first["policy"]) == keys_of(PolicySettings)


def test_every_key_of_base_yaml_has_a_comment_above_it() -> None:
    lines = base_file().read_text(encoding="utf-8").split("\n")
    bare = [
        line
        for above, line in itertools.pairwise(lines)
        if re.match(r"\s*(?:- )?[a-z_]+:", line) and not above.lstrip().startswith("#")
    ]
    # The second pass shows the shortest form; its two keys are explained at the first.
    assert bare == ["  - name: chunk", "    profile: tiny-chunk"]


def test_local_yaml_is_a_valid_configuration() -> None:
    assert load([ROOT / "conf" / "local.yaml"]).refine.wave_texts < load().refine.wave_texts


def test_local_yaml_leaves_the_master_to_the_session_which_tries_a_failed_task_again() -> None:
    assert "spark.master" not in load([ROOT / "conf" / "local.yaml"]).spark


def test_policy_settings_are_the_fields_and_defaults_of_policy() -> None:
    assert PolicySettings().model_dump() | {"grammar": "prox"} == dataclasses.asdict(Policy())


def test_a_later_file_and_then_an_override_wins(tmp_path: Path) -> None:
    first = written(tmp_path, "engine: {kind: transformers, model: m, batch_size: 2, threads: 2}\n", "first.yaml")
    second = written(tmp_path, "engine: {batch_size: 3}\n", "second.yaml")
    assert load([first, second]).engine.batch_size == 3
    assert load([first, second]).engine.threads == 2
    assert load([first, second], ["engine.batch_size=4"]).engine.batch_size == 4


def test_an_empty_file_or_section_changes_nothing(tmp_path: Path) -> None:
    assert load([written(tmp_path, "")]) == load()
    assert load([written(tmp_path, "engine:\n  # batch_size: 4\n")]) == load()


def test_an_override_is_yaml_and_finds_a_pass_by_name_or_number() -> None:
    config = load(overrides=["passes.chunk.policy.min_words=50", "passes.0.policy.min_kept_share=0.2"])
    assert config.passes[1].policy.min_words == 50
    assert config.passes[0].policy.min_kept_share == 0.2
    assert load(overrides=["engine={kind: transformers, model: a}", "engine.model=b"]).engine.model == "b"
    assert load(overrides=["engine.rules=[c4]", "engine.kind=rules"]).engine.rules == ("c4",)


def test_an_override_may_hold_equals_signs() -> None:
    assert load(overrides=["lake=s3a://bucket/x=1"]).lake == "s3a://bucket/x=1"


@pytest.mark.parametrize("key", ["spark.sql.shuffle.partitions", "spark.spark.sql.shuffle.partitions"])
def test_a_spark_setting_goes_by_its_own_name(key: str) -> None:
    assert load(overrides=[f"{key}=8"]).spark == {"spark.sql.shuffle.partitions": "8"}


def test_spark_settings_are_written_as_spark_reads_them(tmp_path: Path) -> None:
    file = written(tmp_path, "spark:\n  spark.ui.enabled: true\n  spark.memory.fraction: 0.5\n")
    assert load([file]).spark == {"spark.ui.enabled": "true", "spark.memory.fraction": "0.5"}


def test_off_is_a_word_where_words_are_asked_for_and_false_where_a_flag_is(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("engine: {kind: vllm, model: m, speculation: off, prefix_caching: On}\ningest: {id_column: no}\n")
    config = load([file], ["passes=[{name: doc, profile: prox-web-doc, parity: yes}]"])
    assert isinstance(config.engine, VllmSettings)
    assert (config.engine.speculation, config.engine.prefix_caching) == ("off", True)
    assert (config.ingest.id_column, config.passes[0].parity) == ("no", True)


def test_a_pass_takes_from_the_engine_what_it_does_not_say_itself() -> None:
    config = load(overrides=["engine.device=cpu", "passes.doc.engine={kind: transformers, model: m}"])
    own = config.engine_of(config.find_pass("doc"))
    assert (own.kind, own.model, own.device) == ("transformers", "m", "cpu")
    assert config.engine_of(config.find_pass("chunk")) == config.engine


def test_a_key_of_another_kind_is_an_error_that_names_the_kinds_that_have_it() -> None:
    message = failure("engine.kind=vllm", "engine.model=m", "engine.batch_size=8")
    assert message.startswith(
        "engine.batch_size is not a setting of the engine vllm, but of auto, transformers, classifier; known"
    )
    message = failure("engine.max_sequences=8")
    assert message.startswith("engine.max_sequences is not a setting of the engine tagger, but of auto, vllm; known")
    message = failure("passes.doc.engine={kind: rules, model: m}")
    assert message.startswith("passes.doc.engine.model is not a setting of the engine rules, but of auto, tagger")


def test_a_layer_with_another_kind_takes_over_only_the_keys_that_the_kind_has(tmp_path: Path) -> None:
    file = written(tmp_path, "engine: {kind: vllm, model: m, max_sequences: 8, threads: 2}\n")
    assert load([file], ["engine.kind=rules"]).engine == RulesSettings()
    assert load([file], ["engine.kind=transformers"]).engine == TransformersSettings(model="m", threads=2)
    assert load([file], ["passes.doc.engine={kind: rules}"]).passes[0].engine == RulesSettings()
    assert "max_sequences" in failure("engine.kind=transformers", "engine.max_sequences=9", files=(file,))


def test_auto_has_the_keys_of_both_engines_that_it_chooses_from() -> None:
    engine = load(overrides=["engine={kind: auto, model: m, batch_size: 4, max_sequences: 9, threads: 2}"]).engine
    assert as_kind(engine, "vllm") == VllmSettings(model="m", max_sequences=9, threads=2)
    assert as_kind(engine, "transformers") == TransformersSettings(model="m", batch_size=4, threads=2)


def test_what_load_gave_loads_again_as_the_same(tmp_path: Path) -> None:
    config = load(overrides=["engine={kind: scripted, answers: a.jsonl}", "passes.doc.engine.kind=rules"])
    assert load([written(tmp_path, yaml.safe_dump(config.model_dump(mode="json")))]) == config


def test_engine_settings_are_a_key_and_survive_pickling() -> None:
    settings = TransformersSettings(model="m")
    assert {settings: 1}[pickle.loads(pickle.dumps(settings))] == 1
    with pytest.raises(ValueError, match="frozen"):
        settings.batch_size = 2  # what is tested


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (MODEL % "batch_size: 0", "engine.batch_size must be at least 1, got 0"),
        (MODEL % "batch_size: '5'", "engine.batch_size must be a whole number, got '5'"),
        (MODEL % "batch_size: 1.5", "engine.batch_size must be a whole number, got 1.5"),
        (MODEL % "batch_size: true", "engine.batch_size must be a whole number, got true"),
        (
            "engine.kind=vlm",
            "engine.kind must be one of auto, tagger, rules, transformers, scripted, vllm, openai, classifier, "
            "fasttext, got 'vlm'",
        ),
        ("engine={kind: rules, rules: [c4, c5]}", "engine.rules.1 must be one of c4, gopher, fineweb, got 'c5'"),
        ("engine={kind: rules, rules: []}", "engine.rules must be a list of at least one, got a list of 0"),
        ("engine=rules", "engine must be a section of keys, got 'rules'"),
        ("engine.kind=transformers", "engine.model must be given when kind is transformers, got nothing"),
        ("engine.kind=scripted", "engine.answers must be given when kind is scripted, got nothing"),
        ("passes.doc.policy.min_kept_share=2", "passes.doc.policy.min_kept_share must be at most 1, got 2"),
        ("passes.doc.policy.max_growth=0", "passes.doc.policy.max_growth must be more than 0, got 0"),
        ("passes.doc.policy.max_growth=.nan", "passes.doc.policy.max_growth must be"),
        ("passes.0.name=Doc", "passes.0.name must be lower-case letters, digits, - and _"),
        ("passes.1.name=doc", "passes must have different names, got doc twice"),
        ("passes=[]", "passes must be a list of at least one, got a list of 0"),
        ("passes=[{name: a}]", "passes.a.profile is missing"),
        ("lake=7", "lake must be text, got 7"),
        ("lake=''", "lake must be not empty, got ''"),
        ("ingest.shards=2000000", "ingest.shards must be at most 1048576, got 2000000"),
        ("refine.wave_texts=-1", "refine.wave_texts must be at least 1, got -1"),
    ],
)
def test_an_impossible_value_is_named_with_what_is_allowed(override: str, message: str) -> None:
    assert failure(override).startswith(message)


@pytest.mark.parametrize(
    ("override", "near"),
    [
        ("engine.batchsize=3", "engine.batchsize is not a setting; did you mean engine.batch_size?"),
        ("engin.kind=rules", "engin is not a setting; did you mean engine?"),
        ("passes.0.policy.min_wrds=3", "did you mean passes.doc.policy.min_words?"),
        ("passes.doc.engine.modle=x", "did you mean passes.doc.engine.model?"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_and_all_known_ones(override: str, near: str) -> None:
    message = failure(override)
    assert near in message
    assert "known keys" in message


def test_a_pass_that_is_not_there_is_answered_with_those_that_are() -> None:
    assert "known: doc, chunk" in failure("passes.dco.profile=x")
    with pytest.raises(ConfigError, match="there is no pass 'dco' in the configuration; passes are: doc, chunk"):
        load().find_pass("dco")


@pytest.mark.parametrize("override", ["engine.batch_size", "=3", ""])
def test_an_override_without_key_or_value_says_its_form(override: str) -> None:
    assert "--set takes key=value" in failure(override)


def test_a_key_below_a_value_is_an_error() -> None:
    assert failure("lake.name=x") == "there is no key lake.name: lake is a value, not a section"


@pytest.mark.parametrize(
    "key",
    ["spark.hadoop.fs.s3a.secret.key", "spark.hadoop.fs.s3a.access.key", "spark.ssl.keyPassword"],
)
def test_a_secret_is_refused_without_repeating_it(key: str) -> None:
    message = failure(f"{key}=hunter2")
    assert "must not hold secrets" in message
    assert "hunter2" not in message


def test_a_spark_setting_must_be_one_of_spark(tmp_path: Path) -> None:
    file = written(tmp_path, "spark: {driver.memory: 2g}\n")
    assert "names that begin with spark., got driver.memory" in failure(files=(file,))


def test_broken_yaml_names_file_and_line(tmp_path: Path) -> None:
    file = written(tmp_path, "lake: here\nengine: [\n")
    assert failure(files=(file,)).startswith(f"{file}, line 3: this is not YAML")


def test_a_key_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path, "engine:\n  kind: rules\n  kind: scripted\n")
    assert failure(files=(file,)) == f"{file}, line 3: this is not YAML: the key kind stands twice"


@pytest.mark.parametrize("text", ["just text", "- a\n- b\n", "1: 2\n"])
def test_a_file_without_keys_is_an_error(tmp_path: Path, text: str) -> None:
    assert "must hold keys and values" in failure(files=(written(tmp_path, text),))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \x00", b"[a]: 1", b"a: !!python/object:os.system x", b"{"])
def test_a_file_that_is_no_yaml_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    assert str(file) in failure(files=(file,))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert f"cannot read the configuration {tmp_path / 'no.yaml'}" in failure(files=(tmp_path / "no.yaml",))


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    assert f"cannot read the configuration {tmp_path}" in failure(files=(tmp_path,))


def test_all_that_is_wrong_is_said_at_once() -> None:
    message = failure(MODEL % "batch_size: 0", "refine.wave_texts=0")
    assert "engine.batch_size" in message
    assert "refine.wave_texts" in message


def test_nothing_that_load_was_given_is_changed(tmp_path: Path) -> None:
    base: dict[str, Any] = yaml.safe_load(base_file().read_text(encoding="utf-8"))
    load(overrides=["passes.doc.policy.min_words=5"])
    assert yaml.safe_load(base_file().read_text(encoding="utf-8")) == base
    assert load() == Config()
