"""What is read is what was given: every file once, by stated rules, and what is left out is counted with its reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prox_spark.sources import LEFT_OUT, adapter, why_left_out
from prox_spark.sources.folders import Found, expand, look, table_above

NAMES = [
    "a:b.jsonl", "50%.jsonl", "a%20b.jsonl", "a#b.jsonl", "a?b.jsonl", "[x].jsonl", "{y,z}.jsonl", "a,b.jsonl",
    "a;b.jsonl", " a b .jsonl", "a\\b.jsonl", "größe頁.jsonl", "it's \"q\".jsonl", "new\nline.jsonl", "*.jsonl",
]  # fmt: skip


def listed(*paths: object, source: str = "jsonl", lake: Path | None = None) -> Found:
    wanted = [one for path in paths for one in expand(str(path), str(path))]
    given = adapter(source)
    return look(wanted, lambda path, named: why_left_out(given, path, named=named), lake=str(lake) if lake else None)


def fill(folder: Path, *names: str) -> list[str]:
    """Write a small file under each name, and give their paths in order."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}\n")
    return sorted(str(folder / name) for name in names)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_name_in_its_folder_by_itself_and_in_a_pattern(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name.removesuffix(".jsonl")
    paths = fill(folder, name, "other.jsonl")
    assert sorted(listed(folder).files) == sorted(paths)
    assert list(listed(folder / name).files) == [str(folder / name)]
    if name != "*.jsonl":  # what is there is taken by its name
        assert sorted(listed(f"{folder}/*.jsonl").files) == sorted(paths)


def test_two_stars_are_any_number_of_folders(tmp_path: Path) -> None:
    paths = fill(tmp_path, "a.jsonl", "x/b.jsonl", "x/y/c.jsonl")
    fill(tmp_path, "x/y/d.json", "x/.z/e.jsonl")
    assert sorted(listed(f"{tmp_path}/**/*.jsonl").files) == paths
    assert sorted(listed(f"{tmp_path}/**/y").files) == [paths[2], f"{tmp_path}/x/y/d.json"]
    assert sorted(listed(f"{tmp_path}/{{x,z}}/**/[cd].jsonl").files) == [paths[2]]


def test_braces_and_folders_that_match_are_read_whole(tmp_path: Path) -> None:
    paths = fill(tmp_path, "2023/a.json", "2024/x/b.json", "2025/c.json")
    assert sorted(listed(f"{tmp_path}/202{{3,4}}").files) == paths[:2]
    assert sorted(listed(f"{tmp_path}/202[4-5]").files) == paths[1:]
    assert sorted(listed(f"{tmp_path}/{{2023/a,2025/c}}.json").files) == [paths[0], paths[2]]


def test_what_is_left_out_is_counted_with_its_reason_and_an_example(tmp_path: Path) -> None:
    (good, upper) = fill(tmp_path, "good.jsonl", "upper.JSONL")
    fill(
        tmp_path,
        ".hidden.jsonl",
        "_part.jsonl",
        "more.jsonl.br",
        "more.jsonl.lz4",
        "more.pq",
        "more.txt",
        "_tmp/a.jsonl",
    )
    os.symlink("nowhere", tmp_path / "gone.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    found = listed(tmp_path)
    assert sorted(found.files) == [good, upper]
    assert found.left_out == {"hidden": 3, "unknown_suffix": 4, "broken_link": 1, "not_a_file": 1}
    assert found.examples["unknown_suffix"] == f"{tmp_path}/more.jsonl.br"
    assert set(found.left_out) <= set(LEFT_OUT)


@pytest.mark.parametrize("name", ["_part.jsonl", ".hidden", "more.txt", "part-00000"])
def test_what_is_named_is_read(tmp_path: Path, name: str) -> None:
    (path,) = fill(tmp_path, name)
    assert list(listed(path).files) == [path]


def test_a_pattern_that_says_how_names_end_names_them(tmp_path: Path) -> None:
    (path,) = fill(tmp_path, "a.txt")
    assert list(listed(f"{tmp_path}/*.txt").files) == [path]
    assert list(listed(f"{tmp_path}/**/*.txt").files) == [path]
    assert listed(f"{tmp_path}/*").left_out == {"unknown_suffix": 1}


def test_links_are_followed_and_each_file_is_read_once(tmp_path: Path) -> None:
    paths = fill(tmp_path / "in", "b.jsonl", "x/y/c.jsonl")
    (outside,) = fill(tmp_path / "elsewhere", "d.jsonl")
    os.symlink("..", tmp_path / "in/x/up")
    os.symlink(tmp_path / "in", tmp_path / "in/x/y/root")
    os.symlink(paths[0], tmp_path / "in/a.jsonl")  # comes first, and is not the file's own name
    os.symlink(tmp_path / "elsewhere", tmp_path / "in/more")
    found = listed(tmp_path / "in")
    assert sorted(found.files) == [paths[0], f"{tmp_path}/in/more/d.jsonl", paths[1]]
    assert found.left_out == {"linked_twice": 3}
    assert sorted(listed(f"{tmp_path}/in/**/*.jsonl").files) == sorted(found.files)
    assert list(listed(tmp_path / "elsewhere", outside).files) == [outside]


def test_a_path_below_another_is_read_once(tmp_path: Path) -> None:
    paths = fill(tmp_path, "a.jsonl", "x/b.jsonl")
    found = listed(tmp_path, tmp_path / "x", paths[0])
    assert sorted(found.files) == paths
    assert found.hits == {str(tmp_path), f"{tmp_path}/x", paths[0]}
    assert not found.left_out


def test_what_this_package_wrote_is_no_source(tmp_path: Path) -> None:
    (page,) = fill(tmp_path, "pages.jsonl")
    fill(tmp_path, "lake/documents/_delta_log/0.json", "lake/programs/_delta_log/0.json", "lake/documents/a.parquet")
    fill(tmp_path, "out/manifest.json", "out/shard.00000.00000.jsonl.zst")
    found = listed(tmp_path)
    assert list(found.files) == [page]
    assert found.left_out == {"own_lake": 1, "own_export": 1}
    assert table_above(f"{tmp_path}/lake/documents/a.parquet") == (f"{tmp_path}/lake", "lake")


def test_the_lake_that_is_written_is_no_source_whatever_is_in_it(tmp_path: Path) -> None:
    (page,) = fill(tmp_path, "pages.jsonl")
    fill(tmp_path, "lake/a.jsonl")
    assert list(listed(tmp_path, lake=tmp_path / "lake").files) == [page]


def test_an_export_that_is_named_is_read_without_its_manifest(tmp_path: Path) -> None:
    shard = fill(tmp_path, "manifest.json", "shard.00000.00000.jsonl.zst")[1]
    assert list(listed(tmp_path).files) == [shard]


def test_tables_of_other_formats_are_not_taken_for_folders_of_files(tmp_path: Path) -> None:
    fill(tmp_path, "iceberg/metadata/v1.metadata.json", "iceberg/data/a.parquet", "hudi/.hoodie/x", "hudi/b.parquet")
    (delta,) = (path for path in fill(tmp_path, "delta/_delta_log/0.json", "delta/c.parquet") if "log" not in path)
    found = listed(tmp_path, source="parquet")
    assert list(found.files) == [delta]
    assert found.tables == {f"{tmp_path}/delta"}
    assert found.left_out == {"table": 2}
    assert table_above(f"{tmp_path}/iceberg/data/a.parquet") == (f"{tmp_path}/iceberg", "iceberg")


def test_a_name_that_is_no_utf8_is_left_out(tmp_path: Path) -> None:
    (good,) = fill(tmp_path, "a.jsonl")
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.jsonl", os.O_CREAT))
    found = listed(tmp_path)
    assert (list(found.files), found.left_out) == ([good], {"undecodable_name": 1})


def test_folders_that_may_not_be_listed_are_counted(tmp_path: Path) -> None:
    fill(tmp_path, "a.jsonl")
    (tmp_path / "secret").mkdir(mode=0)
    if os.access(tmp_path / "secret", os.R_OK):
        pytest.skip("root may list every folder")
    assert listed(tmp_path).left_out == {"unreadable": 1}
