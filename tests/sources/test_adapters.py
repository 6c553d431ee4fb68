"""Each source has its columns, its snapshot and its identity; an id depends on the record and on nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.source_files import line, read, reasons, texts, write

from prox_spark.errors import SourceError
from prox_spark.sources import SOURCES, adapter, check_snapshot, why_left_out
from prox_spark.sources.records import REASONS


@dataclass(frozen=True)
class Named:
    text_column: str = "text"
    url_column: str | None = "url"
    id_column: str | None = None


def ids(path: str, source: str = "c4", **options: Any) -> list[str | None]:
    return [record.doc_id for record in read(path, source, **options)]


def test_a_c4_record_keeps_all_it_has(tmp_path: Path) -> None:
    (record,) = read(write(tmp_path, "en/c4-train.00000-of-01024.json.gz", line("A page.")))
    assert (record.text, record.url, record.snapshot) == (b"A page.", "https://example.org/", "en")
    assert record.metadata == b'{"timestamp":"2019-04-25T12:57:54Z"}'
    assert re.fullmatch("[0-9a-f]{64}", record.doc_id or "")


@pytest.mark.parametrize(("folder", "snapshot"), [("en", "en"), ("c4/en.noclean", "en.noclean"), ("other", "default")])
def test_the_snapshot_of_c4_is_its_variant(tmp_path: Path, folder: str, snapshot: str) -> None:
    assert read(write(tmp_path, f"{folder}/a.json", line()))[0].snapshot == snapshot


def test_the_snapshot_of_fineweb_is_its_dump_or_that_of_the_path(tmp_path: Path) -> None:
    data = line(dump="CC-MAIN-2014-10") + line(dump="../../etc") + line(dump=7) + line()
    found = read(write(tmp_path, "CC-MAIN-2025-51/a.jsonl", data), "fineweb")
    assert [record.snapshot for record in found] == ["CC-MAIN-2014-10"] + ["CC-MAIN-2025-51"] * 3
    assert json.loads(found[1].metadata or b"")["dump"] == "../../etc"


def test_a_given_snapshot_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "en/a.json", line(dump="CC-MAIN-2014-10") + b"rubbish\n")
    assert {record.snapshot for record in read(path, "fineweb", snapshot="mine")} == {"mine"}


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "é", "x" * 101])
def test_a_snapshot_that_cannot_be_a_folder_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="a snapshot is named by letters"):
        check_snapshot(name)


def test_an_id_does_not_depend_on_file_snapshot_order_of_keys_or_way_of_writing(tmp_path: Path) -> None:
    record = {"text": "Café\nau lait", "timestamp": "2019-04-25T12:57:54Z", "url": "https://example.org/é"}
    turned = dict(reversed(record.items()))
    one = write(tmp_path, "en/a.json.gz", json.dumps(record).encode())
    other = write(tmp_path, "x/b.jsonl", b"\n\n" + json.dumps(turned, ensure_ascii=False, indent=None).encode())
    assert ids(one) == ids(other) == ids(one, snapshot="mine")


@pytest.mark.parametrize(
    "changed", [{"text": "b"}, {"url": "https://example.org/2"}, {"url": None}, {"timestamp": "x"}]
)
def test_another_text_url_or_timestamp_is_another_record(tmp_path: Path, changed: dict[str, str]) -> None:
    data = line("a") + line(**{"text": "a"} | changed)
    assert len(set(ids(write(tmp_path, "a.json", data)))) == 2


def test_a_generic_record_is_what_all_its_columns_say_unless_it_has_an_id(tmp_path: Path) -> None:
    data = b'{"id": 1, "text": "a", "n": 1.50}\n{"n": 1.5, "text": "a", "id": 1}\n{"id": 1, "text": "a", "n": 2}\n'
    path = write(tmp_path, "a.jsonl", data)
    by_all = [record.doc_id for record in read(path, adapter("jsonl", Named()))]
    by_id = [record.doc_id for record in read(path, adapter("jsonl", Named(id_column="id")))]
    assert by_all[0] == by_all[1] != by_all[2]
    assert len(set(by_id)) == 1


def test_the_columns_of_a_generic_source_are_options(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", b'{"body": "a", "link": "u", "text": "other", "key": "k"}\n{"body": "a"}')
    good, bad = read(path, adapter("jsonl", Named("body", "link", "key")))
    assert (good.text, good.url, good.metadata) == (b"a", "u", b'{"text":"other","key":"k"}')
    assert (bad.reason, bad.detail) == ("wrong_type", "the id column key must hold a value, got none")


def test_a_record_may_lack_its_url(tmp_path: Path) -> None:
    records = read(write(tmp_path, "a.json", b'{"text": "a"}\n{"text": "a", "url": null}\n'))
    assert [record.url for record in records] == [None, None]
    assert reasons(records) == []


def test_an_unknown_source_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SourceError, match=r"there is no source pile; known: c4, .*parquet"):
        adapter("pile")


def test_every_source_has_its_adapter() -> None:
    assert [adapter(name, Named()).name for name in SOURCES] == list(SOURCES)


@pytest.mark.parametrize(
    ("path", "readable"),
    [
        ("/d/a.json", True), ("/d/a.jsonl.zst", True), ("/d/a.ndjson.xz", True), ("/d/a.JSON.GZ", True),
        ("/d/a.parquet", True), ("/d/README.md", False), ("/d/_SUCCESS", False), ("/d/.a.json.crc", False),
        ("/d/_a.json", False), ("/d/a.json.gz.part", False), ("/d/a.gz", False),
    ],
)  # fmt: skip
def test_a_file_is_read_by_its_name(path: str, readable: bool) -> None:
    assert (why_left_out(adapter("c4"), path) is None) is readable


def test_a_file_that_the_user_names_is_read_whatever_its_name() -> None:
    assert why_left_out(adapter("c4"), "/d/part-00000", named=True) is None


def test_every_reason_is_one_of_the_list(tmp_path: Path) -> None:
    assert len(set(REASONS)) == len(REASONS)


@pytest.mark.parametrize(
    ("source", "folder", "number"),
    [("c4", "c4", 1102), ("fineweb", "fineweb", 584), ("openwebmath", "openwebmath", 333)],
)
def test_the_samples_are_read_whole(shared: Path, source: str, folder: str, number: int) -> None:
    paths = sorted(str(path) for path in (shared / "raw" / folder).rglob("*.*") if path.is_file())
    records = [record for path in paths for record in read(path, source)]
    assert (len(texts(records)), reasons(records)) == (number, [])
    assert len({record.doc_id for record in records}) == number


def test_folders_of_the_form_key_value_become_columns_and_the_snapshot(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "dump=CC-MAIN-2024-10/lang=de%2FAT/x=__HIVE_DEFAULT_PARTITION__/a.jsonl",
        line("a", lang="en") + line("b"),
    )
    one, two = read(path, "fineweb")
    assert json.loads(two.metadata or b"") == {
        "timestamp": "2019-04-25T12:57:54Z", "dump": "CC-MAIN-2024-10", "lang": "de/AT", "x": None,
    }  # fmt: skip
    assert json.loads(one.metadata or b"")["lang"] == "en"  # what the record itself says
    assert {record.snapshot for record in (one, two)} == {"CC-MAIN-2024-10"}
    assert read(write(tmp_path, "snapshot=7/a.jsonl", line()), "jsonl")[0].snapshot == "7"
    assert read(write(tmp_path, "snapshot=a b/a.jsonl", line()), "jsonl")[0].snapshot == "default"


def test_the_folder_of_a_record_is_no_part_of_its_id(tmp_path: Path) -> None:
    assert ids(write(tmp_path, "day=1/a.jsonl", line()), "jsonl") == ids(write(tmp_path, "a.jsonl", line()), "jsonl")


def test_nested_columns_are_named_by_their_path(tmp_path: Path) -> None:
    record = {"content": {"text": "a", "n": 1.50}, "metadata": {"web": {"url": "u"}}, "meta": {"id": 7}}
    named = adapter("jsonl", Named("content.text", "metadata.web.url", "meta.id"))
    (good,) = read(write(tmp_path, "a.jsonl", json.dumps(record).encode()), named)
    assert (good.text, good.url, good.reason) == (b"a", "u", None)
    assert good.metadata == b'{"content":{"n":1.5},"metadata":{"web": {"url": "u"}},"meta":{"id": 7}}'
    (row,) = read(parquet(tmp_path, "a.parquet", {name: [value] for name, value in record.items()}), named)
    assert (row.text, row.url, row.doc_id) == (good.text, good.url, good.doc_id)
    assert row.metadata == b'{"content":{"n":1.5},"metadata":{"web":{"url":"u"}},"meta":{"id":7}}'


def test_a_column_with_a_dot_in_its_name_comes_before_a_path(tmp_path: Path) -> None:
    data = b'{"a.b": "one", "a": {"b": "two"}}'
    assert texts(read(write(tmp_path, "a.jsonl", data), adapter("jsonl", Named("a.b")))) == ["one"]


@pytest.mark.parametrize("name", ["content.body", "content.text.more", "content"])
def test_a_path_that_leads_nowhere_is_missing(tmp_path: Path, name: str) -> None:
    record = {"content": {"text": "a"}}
    found = [
        *read(write(tmp_path, "a.jsonl", json.dumps(record).encode()), adapter("jsonl", Named(name))),
        *read(parquet(tmp_path, "a.parquet", {"content": [record["content"]]}), adapter("parquet", Named(name))),
    ]
    assert set(reasons(found)) <= {"missing_text", "wrong_type"} and len(reasons(found)) == 2


def parquet(folder: Path, name: str, columns: dict[str, list[object]]) -> str:
    pq.write_table(pa.table(columns), folder / name)
    return str(folder / name)
