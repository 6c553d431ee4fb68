"""Whose a folder of an export is, without a lake: empty, begun, whole, damaged, or somebody else's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prox_spark.audit.manifest import MANIFEST, STARTED, claim, complete
from prox_spark.errors import RunError, UserError
from prox_spark.formats import FORMATS, Layout, Place

ABOUT = {"version": 2, "format": "parquet"}
SHARD = "shard.00000.00000.parquet"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    assert "parquet" in FORMATS
    return Layout("parquet", Place.at(str(tmp_path / "export")), 2**20, None)


def manifest(size: int = 3) -> dict[str, Any]:
    return {
        "export": ABOUT,
        "counts": {"documents": 1},
        "files": [{"path": SHARD, "bytes": size, "sha256": "0" * 64}],
    }


def folder(layout: Layout) -> Path:
    return Path(layout.place.uri.removeprefix("file://"))


def names(layout: Layout) -> set[str]:
    return {path.name for path in folder(layout).iterdir()}


def written(layout: Layout) -> None:
    assert claim(layout.place, ABOUT, overwrite=False) is None
    (folder(layout) / SHARD).write_bytes(b"abc")
    complete(layout, manifest(), 1)


def test_an_empty_place_is_claimed_with_what_will_stand_there(layout: Layout) -> None:
    assert claim(layout.place, ABOUT, overwrite=False) is None
    assert json.loads((folder(layout) / STARTED).read_text()) == ABOUT


def test_a_whole_export_is_the_manifest_and_nothing_else_is_left_over(layout: Layout) -> None:
    written(layout)
    assert names(layout) == {SHARD, MANIFEST}
    whole = claim(layout.place, ABOUT, overwrite=False)
    assert whole is not None
    assert whole["files"][0]["path"] == SHARD


def test_the_same_export_cut_short_goes_on_with_what_is_there(layout: Layout) -> None:
    claim(layout.place, ABOUT, overwrite=False)
    (folder(layout) / SHARD).write_bytes(b"abc")
    assert claim(layout.place, ABOUT, overwrite=False) is None
    assert names(layout) == {SHARD, STARTED}


def test_another_export_is_kept_unless_it_may_go(layout: Layout) -> None:
    written(layout)
    other = ABOUT | {"version": 3}
    with pytest.raises(UserError, match="holds another export"):
        claim(layout.place, other, overwrite=False)
    assert claim(layout.place, other, overwrite=True) is None
    assert names(layout) == {STARTED}


def test_what_is_no_export_is_never_removed(layout: Layout) -> None:
    folder(layout).mkdir()
    (folder(layout) / "thesis.txt").touch()
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"no export \(thesis\.txt\)"):
            claim(layout.place, ABOUT, overwrite=overwrite)
    assert names(layout) == {"thesis.txt"}


def test_a_damaged_export_says_so(layout: Layout) -> None:
    written(layout)
    (folder(layout) / SHARD).write_bytes(b"a")
    with pytest.raises(UserError, match="is not what its manifest says"):
        claim(layout.place, ABOUT, overwrite=False)


def test_files_that_this_machine_does_not_see_are_an_error_and_leave_no_manifest(layout: Layout) -> None:
    claim(layout.place, ABOUT, overwrite=False)
    with pytest.raises(UserError, match="as this machine sees it"):
        complete(layout, manifest(), 1)
    with pytest.raises(RunError, match="1 documents were written of 2"):
        complete(layout, manifest(), 2)
    assert MANIFEST not in names(layout)
