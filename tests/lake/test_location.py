"""Folders, URIs and schemas of a catalog; what may become a lake and what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from prox_spark.errors import LakeError
from prox_spark.lake.location import absolute, check_place, database_of, is_catalog_schema


def test_a_folder_that_is_there_is_a_folder_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_catalog_schema("main.corpora")
    (tmp_path / "main.corpora").mkdir()
    assert not is_catalog_schema("main.corpora")


def test_a_uri_stays_as_it_is_and_a_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("s3a://bucket/lake/") == "s3a://bucket/lake"
    assert absolute("lake") == str(tmp_path / "lake")


def test_an_empty_folder_can_become_a_lake_and_a_full_one_cannot(tmp_path: Path) -> None:
    check_place(str(tmp_path), create=True)
    with pytest.raises(LakeError, match="there is no lake at"):
        check_place(str(tmp_path), create=False)
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(LakeError, match="is not empty and holds no lake"):
        check_place(str(tmp_path), create=True)
    (tmp_path / "documents").mkdir()
    check_place(str(tmp_path), create=False)


def test_a_file_is_no_lake(tmp_path: Path) -> None:
    (tmp_path / "lake").touch()
    with pytest.raises(LakeError, match="is a file; a lake is a folder"):
        check_place(str(tmp_path / "lake"), create=True)


def test_two_folders_of_one_name_have_databases_of_their_own() -> None:
    one, other = database_of("/a/My lake"), database_of("/b/My lake")
    assert one != other
    assert one.startswith("`spark_catalog`.`prox_my_lake_")
