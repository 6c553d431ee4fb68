"""What a file is that holds no JSON lines: said once for the file, and not once for each of its lines."""

from __future__ import annotations

import json

import msgspec

from prox_spark.sources.records import BadRecord

BOM = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8; files that were joined have one at the start of each part."""

FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"\x04\x22\x4d\x18", "an lz4 file"),
    (b"\x02\x21\x4c\x18", "an lz4 file"),
    (b"\xff\x06\x00\x00sNaPpY", "a snappy file"),
    (b"\x89LZO\x00", "an lzop file"),
    (b"LZIP\x01", "an lzip file"),
    (b"\x1f\x9d", "a file of compress"),
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
    (b"ARROW1\x00\x00", "an Arrow file"),
    (b"SQLite format 3\x00", "an SQLite file"),
    (b"%PDF-", "a PDF file"),
    (b"WARC/", "a WARC file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
)
"""First bytes of files that people have beside their JSON lines."""

_UTF16 = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_WITHOUT_MARK = (b"{\0", b"\0{", b"[\0", b"\0[")
_TAR_MAGIC, _TAR_AT = b"ustar", 257

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DECODER = json.JSONDecoder()


def check(head: bytes) -> None:
    """Check that a file is one of JSON lines, as far as its first bytes say; a damaged one passes.

    Args:
        head: The first bytes, decompressed; up to about 1 MiB is enough.

    Raises:
        BadRecord: It is something else.
    """
    if _is_object(head.split(b"\n", 1)[0]):  # nearly every file
        return
    kind = next((kind for magic, kind in FOREIGN if head.startswith(magic)), None)
    if kind is None and head[_TAR_AT : _TAR_AT + 5] == _TAR_MAGIC:
        kind = "a tar archive"
    if kind is not None:
        raise BadRecord(
            "unknown_format", f"{kind}; read are JSON lines, plain or as gzip, zstd, bzip2 or xz, and Parquet"
        )
    if (wide := _wide(head)) is not None:
        raise BadRecord("not_json_lines", f"the file is {wide}: write it as UTF-8, as iconv does")
    _check_first_value(head)


def _check_first_value(head: bytes) -> None:
    begun = head.lstrip(BOM + b" \t\r\n")
    if begun[:1] not in (b"{", b"[") or any(map(_is_object, head.split(b"\n"))):
        return
    text = begun.decode("utf-8", "replace")
    is_array = begun.startswith(b"[")
    if is_array and not _value_ends(text, at=1 + len(text[1:]) - len(text[1:].lstrip())) and not _value_ends(text):
        return
    if is_array:
        raise BadRecord(
            "not_json_lines",
            "the file is one JSON array: write each of its objects on a line of its own, as jq -c '.[]' does",
        )
    if "\n" in text[: _value_ends(text)]:
        raise BadRecord("not_json_lines", "an object of the file takes many lines: write each on one, as jq -c . does")


def _value_ends(text: str, at: int = 0) -> int:
    """Give where the JSON value ends that begins at `at`, 0 if none ends in the text."""
    try:
        return _DECODER.raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        return 0


def _wide(head: bytes) -> str | None:
    """Name the encoding of a text whose characters take two or four bytes."""
    start = head[:400]
    if start.count(0) < len(start) // 5:
        return None
    marked = next((name for mark, name in _UTF16 if start.startswith(mark)), None)
    return marked or ("UTF-16" if start[:2] in _WITHOUT_MARK else None)


def _is_object(line: bytes) -> bool:
    try:
        _OBJECT.decode(line.lstrip(BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
