"""The wheel for a cluster: it leaves the platform's Spark alone and is a wheel that pip accepts."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a cluster wheel made from a small ordinary one: building the real one needs the network."""
    spec = importlib.util.spec_from_file_location("cluster_wheel", ROOT / "deploy" / "wheel.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("wheels")
    ordinary = folder / "prox_spark-1.2.3-py3-none-any.whl"
    info = "prox_spark-1.2.3.dist-info"
    metadata = (
        "Metadata-Version: 2.4\nName: prox-spark\nVersion: 1.2.3\nRequires-Dist: delta-spark<4.4.1,>=4.0\n"
        "Requires-Dist: pyspark<4.3,>=4.0\nRequires-Dist: pydantic>=2.7\nRequires-Dist: torch>=2; extra == 'hf'\n\n"
        "Requires-Dist: pyspark in the text stays.\nVersion: 1.2.3\n"
    )
    with zipfile.ZipFile(ordinary, "w") as archive:
        archive.writestr("prox_spark/__init__.py", "answer = 42\n")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    made: Path = module.without_spark(ordinary, folder / "dist")
    return made


def test_it_asks_for_everything_but_spark_and_delta(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("prox_spark-1.2.3+cluster.dist-info/METADATA").decode()
    head = HeaderParser().parsestr(text)
    assert head["Version"] == "1.2.3+cluster"
    assert head.get_all("Requires-Dist") == ["pydantic>=2.7", "torch>=2; extra == 'hf'"]
    assert text.endswith("Requires-Dist: pyspark in the text stays.\nVersion: 1.2.3\n")


def test_its_record_names_every_file_with_its_hash(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        record = next(name for name in archive.namelist() if name.endswith("RECORD"))
        rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(archive.read(record).decode()))}
        assert set(rows) == set(archive.namelist())
        for name, (digest, size) in rows.items():
            if name != record:
                content = archive.read(name)
                expected = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                assert (digest, size) == (f"sha256={expected}", str(len(content)))


def test_pip_installs_it(wheel: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(tmp_path), str(wheel)], check=True)
    assert (tmp_path / "prox_spark" / "__init__.py").read_text(encoding="utf-8") == "answer = 42\n"
