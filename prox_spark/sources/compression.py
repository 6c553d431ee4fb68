"""Streaming decompression of gzip, zstd, bzip2 and xz, of one member or many, in pieces of bounded size."""

from __future__ import annotations

import bz2
import lzma
import zlib
from types import ModuleType
from typing import IO, Any, Literal, Protocol

import zstandard

FAST: ModuleType
"""The library that gunzips: the same bytes, 2.5 times as fast where isal is installed."""

try:
    from isal import isal_zlib as FAST
except ImportError:
    FAST = zlib

Codec = Literal["plain", "gzip", "zstd", "bzip2", "xz"]

INPUT = 1 << 18
HEADER = 18
"""Bytes of a member that say how much memory it needs: a zstd frame header has up to 18, xz says it in 17."""

XZ_MARGIN = 1 << 20
"""What xz holds beside its dictionary."""

ZSTD_INPUT = 1 << 12
"""zstd has no bound on its output: 4 KiB of input give at most 128 MiB, and that only in a file made to do so."""

SUFFIXES: dict[str, Codec] = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bzip2", ".xz": "xz"}
MAGIC: tuple[tuple[bytes, Codec], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)


class BrokenStream(Exception):
    """The place where a compressed stream breaks; caught by the reader of the file, never leaves this room."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def codec(path: str, head: bytes) -> Codec:
    """Name the compression of a file: its name says it, unless its first bytes say otherwise.

    >>> codec("a.json.gz", b"\\x1f\\x8b\\x08"), codec("a.json", b"\\x1f\\x8b\\x08"), codec("a.json.gz", b'{"text"')
    ('gzip', 'gzip', 'plain')
    """
    named = next((kind for suffix, kind in SUFFIXES.items() if path.lower().endswith(suffix)), None)
    begun = next((kind for magic, kind in MAGIC if head.startswith(magic)), None)
    if named is None:
        return begun or "plain"
    looks_plain = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    return "plain" if looks_plain else begun or named


class _Member(Protocol):
    """One compressed member (frame, stream) of a file, in the form that all four formats can be brought to."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused(self) -> bytes: ...
    @property
    def hungry(self) -> bool: ...
    def feed(self, data: bytes, size: int) -> bytes: ...


class _Zlib:
    def __init__(self, library: Any) -> None:
        self._inner = library.decompressobj(31)

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused(self) -> bytes:
        return bytes(self._inner.unused_data)

    @property
    def hungry(self) -> bool:
        return not self._inner.unconsumed_tail

    def feed(self, data: bytes, size: int) -> bytes:
        tail = self._inner.unconsumed_tail
        return bytes(self._inner.decompress(tail + data if tail else data, size))


class _Zstd:
    hungry = True

    def __init__(self, memory: int) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=memory).decompressobj()

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused(self) -> bytes:
        return self._inner.unused_data

    def feed(self, data: bytes, size: int) -> bytes:
        return self._inner.decompress(data) if data else b""


class _Standard:
    """The members of bz2 and lzma, which have the same interface."""

    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused(self) -> bytes:
        return self._inner.unused_data

    @property
    def hungry(self) -> bool:
        return self._inner.needs_input

    def feed(self, data: bytes, size: int) -> bytes:
        return self._inner.decompress(data, size)


class Stream:
    """A compressed file of one or more members.

    Zeros after the last member are padding; anything else there is damage.
    """

    def __init__(self, file: IO[bytes], kind: Codec, library: Any, *, memory: int, step: int = INPUT) -> None:
        self._file = file
        self._kind = kind
        self._library = library
        self._memory = memory
        self._step = ZSTD_INPUT if kind == "zstd" else step
        self._member: _Member | None = None
        self._waiting = b""
        self._members = 0

    def read(self, size: int) -> bytes:
        """Give about `size` bytes or fewer (zstd: or more), none at the end.

        Raises:
            BrokenStream: The stream is damaged or ends too early.
        """
        step = min(size, self._step) if self._kind == "zstd" else self._step
        while self._member is not None or self._begin(step):
            member = self._member
            assert member is not None
            data, self._waiting = self._waiting, b""
            hungry = member.hungry
            if hungry and not data:
                data = self._file.read(step)
            out = self._feed(member, data, size)
            if member.eof:
                self._waiting, self._member = member.unused, None
            if out:
                return out
            if hungry and not data and not member.eof:
                raise BrokenStream("truncated_file", f"the file ends inside its {self._kind} stream")
        return b""

    def _feed(self, member: _Member, data: bytes, size: int) -> bytes:
        try:
            return member.feed(data, size)
        except (zlib.error, FAST.error, zstandard.ZstdError, lzma.LZMAError, OSError, EOFError) as error:
            raise BrokenStream("corrupt_file", f"{self._kind}: {error}") from error

    def _begin(self, step: int) -> bool:
        """Begin the next member, if there is one."""
        waiting = self._waiting
        while len(waiting) < HEADER and (more := self._file.read(step)):
            waiting += more
            if self._members and not waiting.strip(b"\0"):
                waiting = b""
        if self._members:
            waiting = waiting.lstrip(b"\0") or b""
        self._waiting = waiting
        if not waiting:
            return False
        if self._members and not _begins(waiting, self._kind):
            raise BrokenStream("corrupt_file", f"what follows the {self._kind} stream is not {self._kind}")
        self._members += 1
        if (needed := _needed(waiting, self._kind)) > self._memory:
            detail = (
                f"its {self._kind} stream needs {needed} bytes of memory; ingest.max_window_bytes is {self._memory}"
            )
            raise BrokenStream("too_large", detail)
        self._member = _member(self._kind, self._library, self._memory)
        return True


def _begins(data: bytes, kind: Codec) -> bool:
    if kind == "zstd" and data[1:4] == b"\x2a\x4d\x18" and 0x50 <= data[0] <= 0x5F:
        return True  # a skippable frame
    magic = next(magic for magic, known in MAGIC if known == kind)
    return data.startswith(magic) or magic.startswith(data)


def _needed(data: bytes, kind: Codec) -> int:
    """Give the bytes of memory that the first bytes of a member ask for, 0 where they do not say."""
    try:
        if kind == "zstd":
            return zstandard.get_frame_parameters(data[:HEADER]).window_size
        if kind == "xz" and data[13:14] == b"\0":
            return _xz_dictionary(data[14:HEADER])
    except (zstandard.ZstdError, ValueError):  # damage, which decompression will name
        pass
    return 0


def _xz_dictionary(filters: bytes) -> int:
    """Give the size of the dictionary of an xz block that has one filter, LZMA2, as nearly all have."""
    if filters[:2] != b"\x21\x01":
        return 0
    bits = filters[2] & 0x3F
    return (2 | bits & 1) << (bits // 2 + 11)


def _member(kind: Codec, library: Any, memory: int) -> _Member:
    match kind:
        case "gzip":
            return _Zlib(library)
        case "zstd":
            return _Zstd(memory)
        case "bzip2":
            return _Standard(bz2.BZ2Decompressor())
        case _:
            return _Standard(lzma.LZMADecompressor(memlimit=memory + XZ_MARGIN))
