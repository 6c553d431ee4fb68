"""Rows of Parquet files come through with exact values; damage costs a row, a row group or a file, never the job."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
import random
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.source_files import read, read_slices, reasons, texts, write_raw

from prox_spark.sources import File, Reader, Record, Slice, adapter
from prox_spark.sources.parquet_pages import dictionary, page
from prox_spark.sources.parquet_values import column_values


def write(folder: Path, table: pa.Table | dict[str, Any], name: str = "a.parquet", **options: Any) -> str:
    path = folder / name
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path, **options)
    return str(path)


def pages(number: int) -> pa.Table:
    made = random.Random(3)
    return pa.table(
        {
            "text": [f"Page {n}: {made.random()}" for n in range(number)],
            "url": [f"https://example.org/{n}" for n in range(number)],
            "score": [made.random() for _ in range(number)],
        }
    )


def about(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record.metadata or b"")
    return found


def not_utf8(values: list[bytes | None], kind: pa.DataType | None = None) -> pa.Array:
    """Make a string column out of any bytes, as careless writers do."""
    return pa.array(values, pa.binary()).view(kind or pa.string())


def test_a_row_is_a_record_with_its_row_number(tmp_path: Path) -> None:
    table = pages(2500)
    records = read(write(tmp_path, table, row_group_size=1000), "parquet")
    assert texts(records) == table["text"].to_pylist()
    assert [record.position for record in records] == list(range(2500))
    assert [about(record)["score"] for record in records] == table["score"].to_pylist()
    assert records[7].url == "https://example.org/7"


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_every_kind_of_string_is_text(tmp_path: Path, kind: pa.DataType) -> None:
    values = pa.array(["a", "Größe\x00\r\n\u2028", "", "a"]).cast(kind)
    assert texts(read(write(tmp_path, {"text": values}), "parquet")) == ["a", "Größe\x00\r\n\u2028", "", "a"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([2**63 - 1, -(2**63)]), [b"9223372036854775807", b"-9223372036854775808"]),
        (pa.array([2**64 - 1], pa.uint64()), [b"18446744073709551615"]),
        (pa.array([0.1, 1e300, -0.0]), [b"0.1", b"1e300", b"-0.0"]),
        (pa.array([math.nan, math.inf, -math.inf]), [b'"NaN"', b'"Infinity"', b'"-Infinity"']),
        (pa.array([{"a": [math.nan, 1.5]}]), [b'{"a":["NaN",1.5]}']),
        (pa.array([True, None]), [b"true", b"null"]),
        (pa.array([decimal.Decimal("1.10"), None]), [b'"1.10"', b"null"]),
        (pa.array([b"\x00\xff"]), [b'"' + base64.b64encode(b"\x00\xff") + b'"']),
        (pa.array([datetime.date(2024, 2, 29)]), [b'"2024-02-29"']),
        (pa.array([1709168523004000], pa.timestamp("us")), [b'"2024-02-29T01:02:03.004000"']),
        (pa.array([1], pa.timestamp("ns", "UTC")), [b'"1970-01-01T00:00:00.000000001Z"']),
        (pa.array([0], pa.timestamp("s", "Europe/Berlin")), [b'"1970-01-01T00:00:00Z"']),
        (pa.array([2**31 - 1, 0], pa.date32()), [b'"<value out of range: 2147483647>"', b'"1970-01-01"']),
        (pa.array([datetime.timedelta(days=1, seconds=2)]), [b'"P1DT2S"']),
        (pa.array(["é\u2028", None]), ['"é\u2028"'.encode(), b"null"]),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), [b'[["k",1]]']),
        (pa.array([[{"a": None, "b": "x"}]]), [b'[{"a":null,"b":"x"}]']),
        (pa.array([None, None]), [b"null", b"null"]),
        (not_utf8([b"ok", b"\xff"]), [b'"ok"', b"\xff"]),
    ],
)
def test_values_become_json_without_loss(column: pa.Array, expected: list[bytes]) -> None:
    assert column_values(column) == expected


def test_bad_rows_are_quarantined_and_their_neighbours_are_kept(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": not_utf8([b"a", None, "é".encode("latin-1"), b"x" * 101, b"b", b"c"]),
            "url": not_utf8([b"u", b"u", b"u", b"u", b"\xff", b"u"]),
            "n": [0, 1, 2, 3, 4, 5],
        }
    )
    records = read(write(tmp_path, table), "parquet", limit=100)
    assert texts(records) == ["a", "c"]
    bad = [record for record in records if record.reason]
    assert [(record.reason, record.position) for record in bad] == [
        ("null_text", 1), ("undecodable_text", 2), ("too_large", 3), ("undecodable_text", 4),
    ]  # fmt: skip
    assert (bad[0].raw, bad[1].raw, bad[2].raw_bytes) == (b'{"url":"u","n":1}', "é".encode("latin-1"), 101)


@pytest.mark.parametrize(
    ("columns", "reason", "detail"),
    [
        ({"text": [1, 2]}, "wrong_type", "text: must be a string, found int64"),
        ({"text": [b"a", b"b"]}, "wrong_type", "text: must be a string, found binary"),
        ({"body": ["a", "b"]}, "missing_text", "there is no column text; found body"),
        ({"text": pa.array([], pa.string())}, "empty_file", "there is no row in it"),
    ],
)
def test_a_file_without_texts_is_one_bad_record(
    tmp_path: Path, columns: dict[str, Any], reason: str, detail: str
) -> None:
    (bad,) = read(write(tmp_path, columns), "parquet")
    assert (bad.reason, bad.detail, bad.position) == (reason, detail, 0)


@pytest.mark.parametrize("keep", [4, 500, -1, -9])
def test_a_file_whose_footer_is_cut_off_is_one_bad_record(tmp_path: Path, keep: int) -> None:
    data = Path(write(tmp_path, pages(100))).read_bytes()
    (bad,) = read(write_raw(tmp_path, "b.parquet", data[:keep]), "parquet")
    assert (bad.reason, bad.raw_bytes) == ("unreadable_file", len(data[:keep]))


def test_a_footer_whose_row_groups_have_other_rows_than_it_says_is_no_silence(tmp_path: Path) -> None:
    data = Path(write(tmp_path, pages(1))).read_bytes()
    about = b"\x16\x02\x19\x1c\x19"  # one row (zigzag) in all, before the list of row groups
    at = data.rindex(b"\x16\x02", 0, data.rindex(b"ARROW:schema"))  # the same number at the end of the row group
    assert about in data and at > data.index(about)
    damaged = data[:at] + b"\x16\x00" + data[at + 2 :]
    (bad,) = read(write_raw(tmp_path, "b.parquet", damaged), "parquet")
    assert (bad.reason, bad.detail) == (
        "unreadable_rows", "the footer says that there are 1 rows, and its row groups have 0"
    )  # fmt: skip


def test_a_file_of_no_bytes_is_empty_and_one_of_text_is_unreadable(tmp_path: Path) -> None:
    assert reasons(read(write_raw(tmp_path, "a.parquet", b""), "parquet")) == ["empty_file"]
    assert reasons(read(write_raw(tmp_path, "b.parquet", b"not Parquet"), "parquet")) == ["unreadable_file"]


@pytest.mark.parametrize("compression", ["snappy", "zstd", "gzip"])
def test_a_damaged_row_group_costs_itself_and_not_the_file(tmp_path: Path, compression: str) -> None:
    path = write(tmp_path, pages(3000), row_group_size=1000, compression=compression, write_page_checksum=True)
    data = bytearray(Path(path).read_bytes())
    about_text = pq.ParquetFile(path).metadata.row_group(1).column(0)
    at = about_text.data_page_offset + about_text.total_compressed_size // 2
    data[at : at + 100] = bytes(byte ^ 0x55 for byte in data[at : at + 100])
    records = read(write_raw(tmp_path, "b.parquet", bytes(data)), "parquet")
    good = [record.position for record in records if not record.reason]
    assert {*range(1000), *range(2000, 3000)} <= set(good)
    assert reasons(records) == ["unreadable_rows"]
    (bad,) = (record for record in records if record.reason)
    assert 1000 <= bad.position < 2000


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_damaged_the_job_goes_on(tmp_path: Path, seed: int) -> None:
    made = random.Random(seed)
    data = bytearray(Path(write(tmp_path, pages(2000), row_group_size=500)).read_bytes())
    for _ in range(made.randint(1, 20)):
        data[made.randrange(4, len(data))] = made.randrange(256)
    records = read(write_raw(tmp_path, "b.parquet", bytes(data)), "parquet")
    assert records


def test_slices_of_a_file_give_every_row_group_once(tmp_path: Path) -> None:
    path = write(tmp_path, pages(3000), row_group_size=100)
    size = Path(path).stat().st_size
    bounds = [0, size // 3, size // 2, size // 2 + 1, size]
    parts = [Slice(File(path, size), start, end) for start, end in pairwise(bounds)]
    assert read_slices(parts, "parquet") == read(path, "parquet")


def test_only_the_first_slice_reports_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    file = File(write_raw(tmp_path, "a.parquet", b"not Parquet"), 11)
    assert reasons(read_slices([Slice(file, 0, 5), Slice(file, 5, 11)], "parquet")) == ["unreadable_file"]


def test_a_parquet_file_under_another_name_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    assert len(read(write(tmp_path, pages(3), "part-00000"), "parquet")) == 3


def test_json_and_parquet_forms_of_one_record_have_one_id(tmp_path: Path) -> None:
    row = {"text": "Größe", "url": "https://example.org/", "id": "<urn:uuid:1>", "date": "2023-03-20T09:12:33Z",
           "dump": "CC-MAIN-2023-14", "language_score": 0.975}  # fmt: skip
    (one,) = read(write(tmp_path, {name: [value] for name, value in row.items()}), "fineweb")
    (two,) = read(write_raw(tmp_path, "a.jsonl", json.dumps(row).encode()), "fineweb")
    assert (one.doc_id, one.snapshot, about(one)) == (two.doc_id, two.snapshot, about(two))


def test_int96_timestamps_of_any_year_are_true_to_the_nanosecond(tmp_path: Path) -> None:
    seconds = [1714566615, 253402300799, -30610224000, -4874991000]  # 2024, 9999, 1000, 1815
    path = write(tmp_path, {"text": ["a", "b", "c", "d", "e"], "at": pa.array([*seconds, None], pa.timestamp("s"))},
                 use_deprecated_int96_timestamps=True)  # fmt: skip
    assert [about(record)["at"] for record in read(path, "parquet")] == [
        "2024-05-01T12:30:15.000000000", "9999-12-31T23:59:59.000000000", "1000-01-01T00:00:00.000000000",
        "1815-07-09T11:50:00.000000000", None,
    ]  # fmt: skip


def test_nanoseconds_of_int96_timestamps_are_kept(tmp_path: Path) -> None:
    column = pa.array([1_714_566_615_123_456_789, -1], pa.timestamp("ns"))
    path = write(tmp_path, {"text": ["a", "b"], "at": column}, use_deprecated_int96_timestamps=True)
    assert [about(record)["at"] for record in read(path, "parquet")] == [
        "2024-05-01T12:30:15.123456789", "1969-12-31T23:59:59.999999999",
    ]  # fmt: skip


def test_int96_timestamps_inside_of_other_values_are_true_to_the_microsecond(tmp_path: Path) -> None:
    column = pa.array([{"at": 253402300799}, {"at": 0}], pa.struct([("at", pa.timestamp("s"))]))
    alone = pa.array([253402300799, 0], pa.timestamp("s"))
    path = write(tmp_path, {"text": ["a", "b"], "in": column, "at": alone}, use_deprecated_int96_timestamps=True)
    assert [about(record) for record in read(path, "parquet")] == [
        {"in": {"at": "9999-12-31T23:59:59"}, "at": "9999-12-31T23:59:59.000000000"},
        {"in": {"at": "1970-01-01T00:00:00"}, "at": "1970-01-01T00:00:00.000000000"},
    ]


def twice(names: list[str], *columns: list[Any]) -> pa.Table:
    return pa.Table.from_arrays([pa.array(column) for column in columns], names=names)


def test_a_second_column_of_one_name_is_told_apart(tmp_path: Path) -> None:
    table = twice(["text", "score", "score", "url"], ["a", "b"], [1, 2], [0.5, None], ["u", "v"])
    records = read(write(tmp_path, table), "parquet")
    assert [about(record) for record in records] == [{"score": 1, "score#2": 0.5}, {"score": 2, "score#2": None}]
    assert [record.url for record in records] == ["u", "v"]


@pytest.mark.parametrize("name", ["text", "url"])
def test_a_second_column_with_the_name_of_text_or_url_is_named(tmp_path: Path, name: str) -> None:
    (bad,) = read(write(tmp_path, twice(["text", "url", name], ["a"], ["u"], ["x"])), "parquet")
    assert (bad.reason, bad.detail) == ("duplicate_column", f"2 columns are called {name}")


def test_floats_in_a_dictionary_keep_what_json_has_no_number_for() -> None:
    column = pa.array([math.nan, 1.5]).dictionary_encode()
    assert column_values(column) == [b'"NaN"', b"1.5"]


def test_memory_is_bounded_by_what_rows_decode_to_and_not_by_what_they_take_in_the_file(tmp_path: Path) -> None:
    text = "x" * 1_000_000
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array([text]))
    path = write(tmp_path, {"text": column}, row_group_size=2000)
    size = Path(path).stat().st_size
    assert size < 200_000  # 2 GB of text
    before = pa.total_allocated_bytes()
    records = iter(Reader(adapter("parquet"), None, 1 << 26).slices([Slice(File(path, size), 0, size)]))
    assert (next(records).text or b"")[:3] == b"xxx"
    assert pa.total_allocated_bytes() - before < 700_000_000
    assert sum(1 for _ in records) == 1999


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"\x15\x00\x15\xfe\xff\x7f", "a page of text says 1048575 bytes"),
        (b"\x1b\x00\x15\xfe\xff\x7f", "no page of text begins at byte 4"),
    ],
)
def test_a_page_that_cannot_be_what_it_says_is_not_decoded(tmp_path: Path, header: bytes, said: str) -> None:
    path = write(tmp_path, pages(2000), use_dictionary=False, compression="none", row_group_size=1000)
    data = Path(path).read_bytes()
    assert data[4:7] == b"\x15\x00\x15" and data[9] < 128  # a data page, and its size in three bytes
    records = read(write_raw(tmp_path, "b.parquet", data[:4] + header + data[10:]), "parquet")
    (bad,) = (record for record in records if record.reason)
    assert bad.reason == "unreadable_rows" and said in (bad.detail or "") and len(records) == 1001


def test_a_number_that_does_not_end_is_no_header_of_a_page_and_takes_no_time_to_see() -> None:
    begun = time.process_time()
    assert page(b"\x15" + b"\xff" * (1 << 20)) is None
    assert time.process_time() - begun < 2  # it grew with the square of the bytes: 20 s for these


@pytest.mark.parametrize("crc", [False, True])
def test_the_size_of_a_dictionary_is_read_from_its_page(tmp_path: Path, crc: bool) -> None:
    values = [f"{n:09d}" * 40 for n in range(500)]
    path = write(tmp_path, {"text": values * 4}, compression="zstd", write_page_checksum=crc)
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    header = Path(path).read_bytes()[column.dictionary_page_offset :][:32]
    assert dictionary(header) == (sum(len(value) + 4 for value in values), len(values))
