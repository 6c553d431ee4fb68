"""Decompression gives every byte before a break, in bounded pieces, and says what broke."""

from __future__ import annotations

import gzip
import lzma
import random
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from support.source_files import PACKERS, write, write_raw

from prox_spark.errors import TaskError
from prox_spark.sources.compression import BrokenStream, codec
from prox_spark.sources.streams import Input, chunks, local_input

WORDS = random.Random(7).choices([f"word{n}" for n in range(5000)], k=150_000)
TEXT = " ".join(WORDS).encode()
COMPRESSED = [suffix for suffix in PACKERS if suffix]


def given(path: str) -> tuple[bytes, str | None]:
    """Read a file as far as it goes."""
    found = bytearray()
    try:
        for chunk in chunks(local_input(path, Path(path).stat().st_size)):
            found += chunk
    except BrokenStream as error:
        return bytes(found), error.reason
    return bytes(found), None


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_file_comes_out_as_it_went_in(tmp_path: Path, suffix: str) -> None:
    assert given(write(tmp_path, f"a.json{suffix}", TEXT)) == (TEXT, None)


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_members_one_after_the_other_are_one_file(tmp_path: Path, suffix: str) -> None:
    pack = PACKERS[suffix]
    path = write_raw(tmp_path, f"a.json{suffix}", pack(TEXT) + pack(b"") + pack(b"x") + pack(TEXT))
    assert given(path) == (TEXT + b"x" + TEXT, None)


@pytest.mark.parametrize("suffix", COMPRESSED)
@pytest.mark.parametrize("kept", [0.999, 0.6, 0.3])
def test_a_truncated_file_gives_what_came_before(tmp_path: Path, suffix: str, kept: float) -> None:
    packed = PACKERS[suffix](TEXT)
    found, reason = given(write_raw(tmp_path, f"a.json{suffix}", packed[: int(len(packed) * kept)]))
    assert reason == "truncated_file"
    assert TEXT.startswith(found)
    # bzip2 gives whole blocks of 900 kB, xz and zstd keep at most a block back.
    assert len(found) >= len(TEXT) * kept - (900_000 if suffix == ".bz2" else 200_000)


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_gzip_file_that_lacks_a_part_of_its_checksum_gives_all_its_bytes(tmp_path: Path, cut: int) -> None:
    assert given(write_raw(tmp_path, "a.json.gz", gzip.compress(TEXT)[:-cut])) == (TEXT, "truncated_file")


def test_a_wrong_gzip_checksum_is_reported_after_all_bytes_but_the_last(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    found, reason = given(write_raw(tmp_path, "a.json.gz", bytes(packed)))
    assert (found, reason) == (TEXT[: len(found)], "corrupt_file")
    assert len(found) >= len(TEXT) - 1


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_overwritten_bytes_in_the_middle_give_what_came_before(tmp_path: Path, suffix: str) -> None:
    packed = bytearray(PACKERS[suffix](TEXT))
    middle = len(packed) // 2
    packed[middle : middle + 2000] = random.Random(1).randbytes(2000)
    found, reason = given(write_raw(tmp_path, f"a.json{suffix}", bytes(packed)))
    assert reason == "corrupt_file"
    agreeing = next((n for n, (a, b) in enumerate(zip(found, TEXT, strict=False)) if a != b), len(found))
    assert agreeing >= len(TEXT) * 0.5 - (900_000 if suffix == ".bz2" else 200_000)


def test_the_break_is_found_to_the_byte_whatever_library_reads_first(tmp_path: Path) -> None:
    packed = gzip.compress(TEXT)
    expected = gzip_prefix(packed[: len(packed) // 2])
    assert given(write_raw(tmp_path, "a.json.gz", packed[: len(packed) // 2]))[0] == expected


def gzip_prefix(packed: bytes) -> bytes:
    """Decompress as far as it goes, a byte at a time."""
    import zlib

    inner = zlib.decompressobj(31)
    return b"".join(inner.decompress(packed[n : n + 1]) for n in range(len(packed)))


def test_zeros_after_the_last_member_are_padding_and_anything_else_is_damage(tmp_path: Path) -> None:
    packed = gzip.compress(b"a\n")
    assert given(write_raw(tmp_path, "a.json.gz", packed + bytes(5000))) == (b"a\n", None)
    assert given(write_raw(tmp_path, "b.json.gz", packed + b"rubbish")) == (b"a\n", "corrupt_file")


def test_zstd_skippable_frames_hold_nothing(tmp_path: Path) -> None:
    skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    packed = skippable + zstandard.compress(b"a\n") + skippable + zstandard.compress(b"b\n")
    assert given(write_raw(tmp_path, "a.json.zst", packed)) == (b"a\nb\n", None)


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_bytes_that_are_not_compressed_at_all_are_corrupt(tmp_path: Path, suffix: str) -> None:
    assert given(write_raw(tmp_path, f"a.json{suffix}", b"not compressed, not JSON"))[1] == "corrupt_file"


def test_the_first_bytes_win_over_a_name_that_does_not_fit(tmp_path: Path) -> None:
    assert given(write_raw(tmp_path, "a.json.gz", b'{"text": "plain"}\n')) == (b'{"text": "plain"}\n', None)
    assert given(write_raw(tmp_path, "a.json", gzip.compress(TEXT))) == (TEXT, None)
    assert codec("a.json.gz", b"") == "gzip"


@pytest.mark.parametrize(
    ("suffix", "members", "bound"), [(".gz", 1, 30), (".bz2", 1, 30), (".xz", 1, 30), (".zst", 5, 140)]
)
def test_memory_does_not_grow_with_what_a_small_file_expands_to(
    tmp_path: Path, suffix: str, members: int, bound: int
) -> None:
    path = write_raw(tmp_path, f"bomb.json{suffix}", PACKERS[suffix](bytes(60_000_000)) * members)
    tracemalloc.start()
    size = sum(len(chunk) for chunk in chunks(local_input(path, Path(path).stat().st_size)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 60_000_000 * members
    assert peak < bound * 1_000_000


def test_a_file_that_the_worker_does_not_see_fails_the_task(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="put it where all workers see it"):
        list(chunks(local_input(str(tmp_path / "gone.json"), 1)))


def test_a_file_system_that_pyarrow_knows_is_read_by_its_uri(tmp_path: Path) -> None:
    path = write(tmp_path, "a b.json.gz", TEXT)
    assert b"".join(chunks(local_input(Path(path).as_uri(), Path(path).stat().st_size))) == TEXT


def test_a_plain_file_can_be_read_from_the_middle(tmp_path: Path) -> None:
    source: Input = local_input(write(tmp_path, "a.json", b"0123456789"), 10)
    assert b"".join(chunks(source, start=4)) == b"456789"


def framed(data: bytes, window_log: int) -> bytes:
    """Compress into a frame that asks for a window of so many bits, as `zstd --long` does, and says no size."""
    options = zstandard.ZstdCompressionParameters(window_log=window_log, write_content_size=0)
    compressor = zstandard.ZstdCompressor(compression_params=options).compressobj()
    return compressor.compress(data) + compressor.flush()


def test_zstd_frames_with_large_windows_are_read(tmp_path: Path) -> None:
    packed = framed(b"a\n", 28) + framed(b"b\n", 20) + framed(b"c\n", 30)
    assert given(write_raw(tmp_path, "a.json.zst", packed)) == (b"a\nb\nc\n", None)


@pytest.mark.parametrize(
    "packed",
    [
        framed(b"b\n", 27),
        lzma.compress(b"b\n", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 27}]),
    ],
)
def test_a_stream_that_needs_more_memory_than_the_bound_says_so_and_keeps_what_came_before(
    tmp_path: Path, packed: bytes
) -> None:
    suffix, before = (".zst", framed(b"a\n", 20)) if packed[:1] == b"\x28" else (".xz", lzma.compress(b"a\n"))
    path = write_raw(tmp_path, f"a.json{suffix}", before + packed)
    source = replace(local_input(path, Path(path).stat().st_size), memory=1 << 26)
    found = chunks(source)
    assert next(found) == b"a\n"
    with pytest.raises(BrokenStream) as broken:
        list(found)
    assert broken.value.reason == "too_large"
    assert "needs 134217728 bytes of memory; ingest.max_window_bytes is 67108864" in broken.value.detail
