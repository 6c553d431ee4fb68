"""Fingerprints: equal when the answers are, other when they may be, and cheap."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prox_spark.config import EngineSettings
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
    return fingerprint(EngineSettings.model_validate({"kind": "transformers", "model": str(folder), **settings}))


def test_a_fingerprint_is_a_sha256_in_hex() -> None:
    found = fingerprint(EngineSettings())
    assert len(bytes.fromhex(found)) == 32
    assert found == found.lower()


def test_the_rule_sets_count_and_their_order_does_not() -> None:
    assert fingerprint(EngineSettings(kind="rules", rules=("c4", "gopher"))) == fingerprint(
        EngineSettings(kind="rules", rules=("gopher", "c4"))
    )
    assert fingerprint(EngineSettings(kind="rules", rules=("c4",))) != fingerprint(
        EngineSettings(kind="rules", rules=("gopher",))
    )


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
    first = EngineSettings(kind="transformers", model="some/model", revision=COMMIT)
    other = EngineSettings(kind="transformers", model="some/model", revision=COMMIT[::-1])
    assert fingerprint(first) != fingerprint(other)


@pytest.mark.parametrize("revision", [None, "main", COMMIT[:8]])
def test_a_hub_model_must_be_pinned(revision: str | None) -> None:
    with pytest.raises(EngineError, match=r"engine\.revision must be the full commit"):
        fingerprint(EngineSettings(kind="transformers", model="some/model", revision=revision))


def test_a_folder_without_safetensors_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EngineError, match=r"no \.safetensors file"):
        of_model(folder)


def test_the_answers_of_a_script_count_and_its_place_does_not(tmp_path: Path) -> None:
    prints = []
    for name, text in (("a", "keep"), ("b", "keep"), ("c", "drop")):
        (tmp_path / name).write_text(text)
        prints.append(fingerprint(EngineSettings(kind="scripted", answers=str(tmp_path / name))))
    assert prints[0] == prints[1] != prints[2]


def test_a_fingerprint_is_made_without_torch_or_transformers(folder: Path) -> None:
    program = (
        "import sys\n"
        "from prox_spark.config import EngineSettings\n"
        "from prox_spark.engines import fingerprint\n"
        f"fingerprint(EngineSettings(kind='transformers', model={str(folder)!r}))\n"
        "assert not {'torch', 'transformers', 'tokenizers', 'pyspark'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
