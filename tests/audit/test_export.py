"""A version becomes a folder of files that is whole when it has a manifest, and never mixes two exports."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.terminal import Terminal

from prox_spark.audit import forget, tags
from prox_spark.audit.export import export
from prox_spark.audit.manifest import MANIFEST, STARTED
from prox_spark.errors import UserError
from prox_spark.lake.tables import Lake
from prox_spark.pipeline import Step

pytestmark = pytest.mark.spark


def manifest_of(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def exported(folder: Path) -> dict[str, str]:
    """Give the texts of an export by document, in its order."""
    paths = [folder / file["path"] for file in manifest_of(folder)["files"]]
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    assert len({row["doc_id"] for row in rows}) == len(rows)
    return {row["doc_id"]: row["text"] for row in rows}


def texts(lake: Lake, version: int) -> dict[str, str]:
    rows = lake.read("corpus", version).where("text IS NOT NULL").orderBy("doc_id").collect()
    return {row["doc_id"]: row["text"] for row in rows}


def test_an_export_holds_the_texts_of_the_version_and_says_where_they_come_from(lake: Lake, tmp_path: Path) -> None:
    tags.tag(lake, "v1.0")
    steps: list[Step] = []
    to = tmp_path / "out"
    summary = export(lake, "v1.0", str(to), format="parquet", progress=steps.append)
    expected = texts(lake, 2)
    assert list(exported(to).items()) == list(expected.items())
    assert (summary.documents, summary.written) == (len(expected), True)
    assert [(step.done, step.total) for step in steps] == [(0, len(expected)), (len(expected), len(expected))]
    manifest = manifest_of(to)
    assert (manifest["version"], manifest["tags"]) == (2, ["v1.0"])
    assert [item["name"] for item in manifest["passes"]] == ["doc", "chunk"]
    assert all(len(item["fingerprint"]) == 64 for item in manifest["passes"])
    assert {run["command"] for run in manifest["runs"]} == {"refine", "apply"}
    assert {run["fingerprint"] for run in manifest["runs"]} >= {item["fingerprint"] for item in manifest["passes"]}
    assert manifest["counts"]["text_bytes"] == sum(len(text.encode()) for text in expected.values())
    for file in manifest["files"]:
        assert file["sha256"] == hashlib.sha256((to / file["path"]).read_bytes()).hexdigest()
    assert sorted(path.name for path in to.iterdir()) == sorted([MANIFEST, *(f["path"] for f in manifest["files"])])


def test_a_second_export_does_nothing_another_one_is_refused_and_a_foreign_folder_always(
    finished: Lake, tmp_path: Path
) -> None:
    to = tmp_path / "out"
    export(finished, 0, str(to), format="jsonl.zst")
    first = (to / MANIFEST).read_bytes()
    assert export(finished, 0, str(to), format="jsonl.zst").written is False
    assert (to / MANIFEST).read_bytes() == first
    with pytest.raises(UserError, match="holds another export"):
        export(finished, 2, str(to), format="parquet")
    assert export(finished, 2, str(to), format="parquet", overwrite=True).written is True
    assert exported(to) == texts(finished, 2)
    assert not list(to.glob("*.zst"))
    (to / manifest_of(to)["files"][0]["path"]).write_bytes(b"cut")
    with pytest.raises(UserError, match="is not what its manifest says"):
        export(finished, 2, str(to), format="parquet")
    (to / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"no export \(notes.txt\)"):
        export(finished, 2, str(to), format="parquet", overwrite=True)
    assert (to / "notes.txt").read_text() == "mine"


def test_what_was_cut_short_has_no_manifest_and_is_completed_by_the_same_command(
    finished: Lake, tmp_path: Path
) -> None:
    to = tmp_path / "out"
    export(finished, 2, str(to), format="mds")
    whole = {path.name: path.read_bytes() for path in to.iterdir() if path.name != MANIFEST}
    manifest = manifest_of(to)
    # As a kill leaves it: begun, some files, a part of one under its hidden name, no manifest.
    (to / MANIFEST).unlink()
    (to / STARTED).write_text(json.dumps(manifest["export"]))
    (to / "index.json").unlink()
    name = manifest["files"][0]["path"]
    (to / name).unlink()
    (to / f".{name}.0a1b2c3d.tmp").write_bytes(b"half")
    with pytest.raises(UserError, match="holds another export"):
        export(finished, 1, str(to), format="mds")
    assert export(finished, 2, str(to), format="mds").written is True
    assert {path.name: path.read_bytes() for path in to.iterdir() if path.name != MANIFEST} == whole
    assert manifest_of(to)["files"] == manifest["files"]


def test_who_was_forgotten_is_not_exported_from_an_old_version_either(lake: Lake, tmp_path: Path) -> None:
    to = tmp_path / "out"
    export(lake, 0, str(to), format="parquet")
    victim = next(iter(texts(lake, 0)))
    forget.forget(lake, [victim])
    with pytest.raises(UserError, match="holds another export"):
        export(lake, 0, str(to), format="parquet")
    export(lake, 0, str(to), format="parquet", overwrite=True)
    assert exported(to).keys() == texts(lake, 0).keys() - {victim}


def test_dropped_documents_come_with_their_reason_when_asked_for(finished: Lake, tmp_path: Path) -> None:
    export(finished, 2, str(tmp_path / "out"), format="parquet", dropped=True)
    rows = [row for path in (tmp_path / "out").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert len(rows) == 40
    gone = [row for row in rows if row["text"] is None]
    assert gone and all(row["outcome"] == "dropped" and row["reason"] for row in gone)


def test_the_command_says_what_it_wrote_and_what_does_not_fit(
    finished: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(finished.location, capsys)
    to = str(tmp_path / "out")
    said = terminal.json("export", "2", "--format", "jsonl.zst", "--to", to)
    assert (said["version"], said["place"], said["written"]) == (2, to, True)
    assert "it was there already" in terminal("export", "2", "--format", "jsonl.zst", "--to", to)
    for arguments, line in (
        (("--format", "csv", "--to", to), "--format must be one of parquet, jsonl.zst, mds, tokens, got csv"),
        (("--format", "tokens", "--to", to), "needs --tokenizer"),
        (("--sequence-length", "8", "--to", to), "needs --format tokens"),
        (("--format", "mds", "--dropped", "--to", to), "--dropped is for parquet and jsonl.zst"),
        (("--format", "parquet"), "--to must name the folder"),
        (("9", "--to", to), "there is no version 9"),
        (("--to", "/proc/none"), "cannot write to /proc/none"),
    ):
        assert line in terminal("export", *arguments, code=2)
