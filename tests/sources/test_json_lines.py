"""Lines of JSON come through to the byte, or are quarantined with a reason; a bad one costs only itself."""

from __future__ import annotations

import gzip
import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.source_files import PACKERS, line, read, read_slices, reasons, texts, write, write_raw

from prox_spark.sources import File, Slice, units
from prox_spark.sources.json_lines import parse
from prox_spark.sources.records import RAW_BYTES, BadRecord


def between(raw: bytes) -> bytes:
    """Put a line between two good ones."""
    return line("Before.") + raw + b"\n" + line("After.")


BAD = {
    "not JSON": (b'{"text": "a", ', "invalid_json"),
    "two values": (b'{"text": "a"} {"text": "b"}', "invalid_json"),
    "a bare control character": (b'{"text": "a\x00b"}', "invalid_json"),
    "a number that JSON has not": (b'{"text": "a", "score": NaN}', "invalid_json"),
    "nested beyond all bounds": (b'{"text": "a", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json"),
    "prose": (b"Once upon a time", "invalid_json"),
    "UTF-16": ('{"text": "a"}'.encode("utf-16-le"), "invalid_json"),
    "a list": (b'["a"]', "not_an_object"),
    "a string": (b'"a"', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "no text": (b'{"content": "a"}', "missing_text"),
    "no column at all": (b"{}", "missing_text"),
    "null text": (b'{"text": null}', "null_text"),
    "a number for text": (b'{"text": 7}', "wrong_type"),
    "an object for text": (b'{"text": {"a": "b"}}', "wrong_type"),
    "a list for text": (b'{"text": ["a", "b"]}', "wrong_type"),
    "a number for URL": (b'{"text": "a", "url": 7}', "wrong_type"),
    "Latin-1 in the text": ('{"text": "café"}'.encode("latin-1"), "undecodable_text"),
    "Latin-1 in the URL": ('{"text": "a", "url": "café"}'.encode("latin-1"), "undecodable_text"),
    "Latin-1 in another column": ('{"text": "a", "title": "café"}'.encode("latin-1"), "undecodable_text"),
    "Latin-1 in a column's name": ('{"text": "a", "é": 1}'.encode("latin-1"), "undecodable_text"),
    "an overlong sequence": (b'{"text": "\xc0\x80"}', "undecodable_text"),
    "an encoded surrogate": (b'{"text": "\xed\xa0\x80"}', "undecodable_text"),
    "half a character": (b'{"text": "\\ud83d"}', "lone_surrogate"),
    "two halves in the wrong order": (b'{"text": "\\ude00\\ud83d"}', "lone_surrogate"),
    "half a character elsewhere": (b'{"text": "a", "title": "\\udc00"}', "lone_surrogate"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_quarantined_and_its_neighbours_are_kept(tmp_path: Path, name: str) -> None:
    raw, reason = BAD[name]
    records = read(write(tmp_path, "a.json.gz", between(raw)))
    assert texts(records) == ["Before.", "After."]
    (bad,) = (record for record in records if record.reason)
    assert (bad.reason, bad.position, bad.raw, bad.raw_bytes) == (
        reason, len(line("Before.")), raw[:RAW_BYTES], len(raw),
    )  # fmt: skip
    assert bad.detail
    assert (bad.doc_id, bad.text, bad.metadata) == (None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\x00b",
        "a\r\nb\rc\n",
        "a\u2028b\u2029c\x85d\x0b\x0ce",
        "😀 \U0010ffff",
        "\ufeffa",
        "\t",
        'q"\\/',
        "\ufdd0\uffff",
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_text_comes_through_to_the_byte(tmp_path: Path, text: str, ascii_only: bool) -> None:
    data = json.dumps({"text": text}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    (record,) = read(write(tmp_path, "a.jsonl", data))
    assert record.text == text.encode()


@given(st.text(), st.booleans())
def test_every_text_that_utf8_can_hold_comes_through(text: str, ascii_only: bool) -> None:
    assert parse(json.dumps({"text": text}, ensure_ascii=ascii_only).encode(), "text")[0] == text.encode()


@given(st.binary())
def test_bytes_that_are_no_record_are_a_bad_record_and_never_an_error(data: bytes) -> None:
    with pytest.raises(BadRecord) as bad:
        parse(data, "text")
    assert bad.value.reason in ("invalid_json", "not_an_object", "missing_text", "undecodable_text")


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_other_columns_keep_the_bytes_of_their_source(value: object) -> None:
    written = json.dumps(value, ensure_ascii=False)
    columns = parse(f'{{"x": {written}, "text": "a"}}'.encode(), "text")[1]
    assert bytes(columns["x"]) == written.encode()


def test_a_line_of_5_mb_is_a_record_like_any_other(tmp_path: Path) -> None:
    text = "word " * 1_000_000
    assert texts(read(write(tmp_path, "a.json.gz", between(line(text).strip())))) == ["Before.", text, "After."]


def test_a_line_beyond_the_limit_is_quarantined_with_its_size(tmp_path: Path) -> None:
    long = line("x" * 10_000).strip()
    records = read(write(tmp_path, "a.json.gz", between(long)), limit=9_000)
    assert texts(records) == ["Before.", "After."]
    assert (records[1].reason, records[1].raw_bytes, records[1].raw) == ("too_large", len(long), long[:RAW_BYTES])


def test_lines_of_nothing_but_white_space_are_no_records(tmp_path: Path) -> None:
    data = b"\r\n" + line("a").strip() + b"\r\n\n  \t\n" + line("b").strip()
    assert texts(read(write(tmp_path, "a.json", data))) == ["a", "b"]


def test_a_byte_order_mark_is_no_part_of_the_first_record(tmp_path: Path) -> None:
    assert texts(read(write(tmp_path, "a.json.gz", b"\xef\xbb\xbf" + line("a") + line("b")))) == ["a", "b"]


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\n"])
@pytest.mark.parametrize("suffix", PACKERS)
def test_a_file_without_a_record_is_one_bad_record(tmp_path: Path, data: bytes, suffix: str) -> None:
    assert reasons(read(write(tmp_path, f"a.json{suffix}", data))) == ["empty_file"]


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_file_of_no_bytes_is_one_bad_record(tmp_path: Path, suffix: str) -> None:
    assert reasons(read(write_raw(tmp_path, f"a.json{suffix}", b""))) == ["empty_file"]


def test_what_came_before_the_end_of_a_truncated_file_is_kept(tmp_path: Path) -> None:
    pages = [line(f"Page {n}: {random.Random(n).random()}") for n in range(2000)]
    packed = gzip.compress(b"".join(pages))
    records = read(write_raw(tmp_path, "a.json.gz", packed[: len(packed) // 2]))
    *good, bad = records
    assert texts(good) == [json.loads(page)["text"] for page in pages[: len(good)]]
    assert 800 < len(good) < 1200
    assert (bad.reason, bad.position) == ("truncated_file", sum(map(len, pages[: len(good)])))
    assert bad.raw is not None and bad.raw == pages[len(good)][: len(bad.raw)]


def test_a_whole_record_at_the_end_of_a_truncated_file_is_kept_too(tmp_path: Path) -> None:
    packed = gzip.compress(line("a") + line("b").strip())
    records = read(write_raw(tmp_path, "a.json.gz", packed[:-8]))
    assert (texts(records), reasons(records)) == (["a", "b"], ["truncated_file"])
    assert records[-1].raw == b""


def test_damage_inside_a_file_costs_what_follows_and_is_reported_once(tmp_path: Path) -> None:
    pages = b"".join(line(f"Page {n}: {random.Random(n).random()}") for n in range(2000))
    packed = bytearray(gzip.compress(pages))
    packed[len(packed) // 2 : len(packed) // 2 + 500] = bytes(500)
    records = read(write_raw(tmp_path, "a.json.gz", bytes(packed)))
    assert reasons(records)[-1] == "corrupt_file"
    assert texts(records)[:700] == [f"Page {n}: {random.Random(n).random()}" for n in range(700)]


@pytest.mark.parametrize("unit", [1, 7, 50, 1000])
def test_units_of_a_plain_file_give_every_record_once(tmp_path: Path, unit: int) -> None:
    data = b"\n".join(line(f"Page {n}" * (n % 7)).strip() for n in range(60))
    path = write(tmp_path, "a.jsonl", data)
    bounds = [*range(0, len(data), unit), len(data)]
    parts = [Slice(File(path, len(data)), start, end) for start, end in pairwise(bounds)]
    assert read_slices(parts) == read(path)


def test_a_compressed_file_under_a_plain_name_is_read_once_by_its_first_slice(tmp_path: Path) -> None:
    data = gzip.compress(b"".join(line(f"Page {n}") for n in range(1000)))
    file = File(write_raw(tmp_path, "a.jsonl", data), len(data))
    middle = len(data) // 2
    assert len(read_slices([Slice(file, 0, middle), Slice(file, middle, len(data))])) == 1000


def test_a_plain_file_larger_than_a_unit_is_cut_and_a_compressed_one_is_not() -> None:
    files = [File("/a.jsonl", 100_000_000), File("/b.jsonl.gz", 100_000_000), File("/c.jsonl.gz", 100)]
    work = units(files, unit_bytes=10_000_000, splits=lambda path: path.endswith(".jsonl"))
    sizes = [[part.end - part.start for part in unit.slices] for unit in work]
    assert sizes == [[10_000_000]] * 10 + [[100_000_000], [100]]


def test_a_folder_is_quarantined_and_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    assert reasons(read_slices([Slice(File(str(tmp_path / "a.json"), 10), 0, 10)])) == ["unreadable_file"]


def test_byte_order_marks_inside_a_joined_file_are_no_part_of_its_records(tmp_path: Path) -> None:
    part = b"\xef\xbb\xbf" + line("a")
    data = part + part + b"\xef\xbb\xbf\n" + b"\xef\xbb\xbf" + part
    assert texts(read(write(tmp_path, "a.jsonl", data))) == ["a", "a", "a"]
    assert reasons(read(write(tmp_path, "a.jsonl", data))) == []


RECORDS = [{"text": f"Page {n}", "deep": {"n": n}} for n in range(3)]

OTHERS = {
    "an array": (json.dumps(RECORDS).encode(), "not_json_lines", "one JSON array"),
    "an array of many lines": (json.dumps(RECORDS, indent=1).encode(), "not_json_lines", "one JSON array"),
    "an array with an object a line": (
        b"[" + b",\n".join(json.dumps(record).encode() for record in RECORDS) + b"]",
        "not_json_lines",
        "one JSON array",
    ),
    "an array beyond what is looked at": (
        json.dumps([{"text": "long " * 1000}] * 1000, indent=1).encode(), "not_json_lines", "one JSON array",
    ),
    "objects of many lines": (
        b"\n".join(json.dumps(record, indent=1).encode() for record in RECORDS), "not_json_lines", "many lines",
    ),
    "UTF-16 with its mark": (json.dumps(RECORDS[0]).encode("utf-16"), "not_json_lines", "UTF-16"),
    "UTF-16 without": (json.dumps(RECORDS[0]).encode("utf-16-be"), "not_json_lines", "UTF-16"),
    "UTF-32": (json.dumps(RECORDS[0]).encode("utf-32"), "not_json_lines", "UTF-32"),
    "lz4": (b"\x04\x22\x4d\x18" + b"rubbish\n" * 9, "unknown_format", "an lz4 file"),
    "zip": (b"PK\x03\x04" + b"rubbish\n" * 9, "unknown_format", "a zip archive"),
    "tar": (b"a.jsonl".ljust(257, b"\0") + b"ustar\0" + b"00" + bytes(247) + line(), "unknown_format", "a tar archive"),
    "WARC": (b"WARC/1.0\r\nWARC-Type: warcinfo\r\n", "unknown_format", "a WARC file"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_no_json_lines_is_named_for_what_it_is_once(tmp_path: Path, name: str, suffix: str) -> None:
    data, reason, said = OTHERS[name]
    (bad,) = read(write(tmp_path, f"a.json{suffix}", data))
    assert (bad.reason, bad.position) == (reason, 0)
    assert said in (bad.detail or "")


@pytest.mark.parametrize("name", ["an array of many lines", "UTF-16 with its mark"])
def test_every_slice_of_such_a_file_knows_it_and_the_first_one_says_it(tmp_path: Path, name: str) -> None:
    data = OTHERS[name][0]
    file = File(write(tmp_path, "a.json", data), len(data))
    slices = [Slice(file, start, end) for start, end in pairwise([0, 5, 40, len(data)])]
    assert reasons(read_slices(slices)) == ["not_json_lines"]


@pytest.mark.parametrize("first", [b"[1, 2", b'{"text": "cut', b"\xff\xfe{", b'["a"]', b"[\n{", b"\0" * 300])
def test_damage_in_the_first_lines_costs_no_record_behind_them(tmp_path: Path, first: bytes) -> None:
    assert texts(read(write(tmp_path, "a.json", first + b"\n" + line("a") + line("b")))) == ["a", "b"]
