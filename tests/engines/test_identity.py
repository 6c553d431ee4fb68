"""Fingerprints: equal when the answers are, other when they may be, and cheap."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prox_spark.config import (
    RulesSettings,
    ScriptedSettings,
    TaggerSettings,
    TransformersSettings,
    VllmSettings,
    engine_settings,
)
from prox_spark.engines import fingerprint
from prox_spark.errors import EngineError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    for name in ("model.safetensors", "config.json", "tokenizer.json", "README.md"):
        (made / name).write_text(name)
    return made


def of_model(folder: Path, **settings: object) -> str:
    return fingerprint(TransformersSettings.model_validate({"kind": "transformers", "model": str(folder), **settings}))


def test_a_fingerprint_is_a_sha256_in_hex() -> None:
    found = fingerprint(TaggerSettings())
    assert len(bytes.fromhex(found)) == 32
    assert found == found.lower()


def test_the_rule_sets_count_and_their_order_does_not() -> None:
    assert fingerprint(RulesSettings(rules=("c4", "gopher"))) == fingerprint(RulesSettings(rules=("gopher", "c4")))
    assert fingerprint(RulesSettings(rules=("c4",))) != fingerprint(RulesSettings(rules=("gopher",)))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"kind": "tagger"}, "e897cc5f5122ed63594c9204fa91f83eec6e13157cb4fc05ac6af93f82bab325"),
        ({"kind": "rules"}, "bfffc5c6d9a489b78ee5eca41206a0110da6ff4918e269d7ed4b261c91c93a22"),
        ({"kind": "openai", "url": "http://h/v1", "model": "m"},
         "355c2aa49fce8742fda57e0e5442d86a42bf6ddbd35da80bffd9c9d1b237c914"),
        ({"kind": "openai", "url": "http://h/v1", "model": "m", "revision": "r", "tokenizer": "some/tok"},
         "38aad874149f2d56e4acb0ef25dcb77c8efb55a1c9ad07b6240df3f90c809915"),
        ({"kind": "transformers", "model": "some/model", "revision": COMMIT, "dtype": "bfloat16"},
         "dc0446b5a993e185c95600a3b6980f26cf8c692518e871c1805c59d64c6ff671"),
        ({"kind": "vllm", "model": "some/model", "revision": COMMIT},
         "62ff72b2d0020a0d0177da301992057c28ac9dfd0ce1f1c31c9e134c544720f6"),
    ],
)  # fmt: skip
def test_the_programs_of_the_first_versions_are_still_found(settings: dict[str, str], expected: str) -> None:
    assert fingerprint(engine_settings(settings)) == expected


def test_folders_have_the_fingerprints_of_the_first_versions(folder: Path, tmp_path: Path) -> None:
    assert of_model(folder) == "6dab4ead4eab6b197783a0bd04fb84a9394a5c7cdc33fcc6f0e2696e0f1bef14"
    in_vllm = fingerprint(VllmSettings(model=str(folder)))
    assert in_vllm == "feb95432d7a4fdcab019de0b8fd52929628fdb093c9e985a30eeeb1faf4653ca"
    (tmp_path / "answers.jsonl").write_text("keep")
    script = ScriptedSettings(answers=str(tmp_path / "answers.jsonl"))
    assert fingerprint(script) == "e010ed95f40984d6f3732307322d3461165f129148ab4f58211fe849b0384ec4"


def test_how_a_model_is_run_changes_no_fingerprint(folder: Path) -> None:
    fast = VllmSettings(model=str(folder), max_sequences=9, memory_share=0.5, speculation="ngram", own_process=True)
    assert fingerprint(fast) == fingerprint(VllmSettings(model=str(folder)))


def test_a_copy_of_a_model_elsewhere_has_the_same_fingerprint(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    assert of_model(folder) == of_model(tmp_path / "copy")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_changed_model_file_changes_it(folder: Path, name: str) -> None:
    before = of_model(folder)
    (folder / name).write_text(name.upper())
    os.utime(folder / name, ns=(1, 1))
    assert of_model(folder) != before


def test_a_changed_readme_does_not(folder: Path) -> None:
    before = of_model(folder)
    (folder / "README.md").write_text("more")
    assert of_model(folder) == before


def test_the_number_type_counts_and_how_it_is_run_does_not(folder: Path) -> None:
    assert of_model(folder, dtype="bfloat16") != of_model(folder, dtype="float32")
    assert of_model(folder, batch_size=1, device="cpu", threads=2) == of_model(folder)


def test_a_hub_model_is_its_name_and_commit() -> None:
    first = TransformersSettings(model="some/model", revision=COMMIT)
    other = TransformersSettings(model="some/model", revision=COMMIT[::-1])
    assert fingerprint(first) != fingerprint(other)


@pytest.mark.parametrize("revision", [None, "main", COMMIT[:8]])
def test_a_hub_model_must_be_pinned(revision: str | None) -> None:
    with pytest.raises(EngineError, match=r"engine\.revision must be the full commit"):
        fingerprint(TransformersSettings(model="some/model", revision=revision))


def test_a_folder_without_safetensors_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EngineError, match=r"no \.safetensors file"):
        of_model(folder)


def test_the_answers_of_a_script_count_and_its_place_does_not(tmp_path: Path) -> None:
    prints = []
    for name, text in (("a", "keep"), ("b", "keep"), ("c", "drop")):
        (tmp_path / name).write_text(text)
        prints.append(fingerprint(ScriptedSettings(answers=str(tmp_path / name))))
    assert prints[0] == prints[1] != prints[2]


def test_a_fingerprint_is_made_without_torch_or_transformers(folder: Path) -> None:
    program = (
        "import sys\n"
        "from prox_spark.config import TransformersSettings\n"
        "from prox_spark.engines import fingerprint\n"
        f"fingerprint(TransformersSettings(model={str(folder)!r}))\n"
        "assert not {'torch', 'transformers', 'tokenizers', 'pyspark'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
