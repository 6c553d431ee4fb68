"""Bytes out of files: opening them, and giving everything before the first broken byte."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import pyarrow as pa

from prox_spark.errors import TaskError
from prox_spark.sources.compression import FAST, ZSTD_INPUT, BrokenStream, Codec, Stream, codec

CHUNK = 1 << 20

MEMORY = 1 << 31
"""The largest window that zstd decompresses on any machine, as `zstd --long=31` writes it."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file that can be opened more than once.

    Attributes:
        path: As it is recorded in `source_file`.
        size: Bytes in the file.
        open: Open it, at its start; the file can seek.
        memory: Most bytes that its decompression may hold: the window of zstd, the dictionary of xz.
    """

    path: str
    size: int
    open: Callable[[], IO[bytes]]
    memory: int = MEMORY


def local_input(path: str, size: int) -> Input:
    """Give a file of this machine, or one that pyarrow reaches by its URI.

    A file that is gone when it is opened fails the task: what was listed is read, or the command says that it was not.
    """
    return Input(path, size, partial(_open, path))


def memory_input(path: str, content: Any) -> Input:
    """Give a file whose content is in memory already, as bytes or as an Arrow buffer."""
    return Input(path, len(content), partial(pa.BufferReader, content))


def head(source: Input) -> bytes:
    """Give the first bytes of a file."""
    with source.open() as file:
        return file.read(64)


def chunks(source: Input, *, start: int = 0) -> Iterator[bytes]:
    """Give the decompressed bytes of a file.

    Args:
        source: The file.
        start: Where to begin in a file that is not compressed; a compressed one is always given whole.

    Raises:
        BrokenStream: After everything before the break was given.
    """
    with source.open() as file:
        kind = codec(source.path, file.read(64))
        file.seek(start if kind == "plain" else 0)
        if kind == "plain":
            yield from iter(partial(file.read, CHUNK), b"")
            return
        given = 0
        stream = Stream(file, kind, FAST, memory=source.memory)
        try:
            while chunk := stream.read(CHUNK):
                given += len(chunk)
                yield chunk
            return
        except BrokenStream as error:
            broken = error
    yield from _salvage(source, kind, given)
    raise broken


def _salvage(source: Input, kind: Codec, given: int) -> Iterator[bytes]:
    """Give what lies between `given` bytes and the break.

    The call that meets the break loses what it had decompressed so far, so everything is decompressed a second time
    up to that call, and from there in the smallest steps. At most one byte is lost then.
    """
    with source.open() as file:
        stream = Stream(file, kind, zlib, step=ZSTD_INPUT, memory=source.memory)
        done = 0
        rest = []
        try:
            while done < given:
                chunk = stream.read(min(CHUNK, given - done))
                done += len(chunk)
                if done > given:
                    rest.append(chunk[given - done :])
            while chunk := stream.read(1):
                rest.append(chunk)
        except BrokenStream:
            pass
    if rest:
        yield b"".join(rest)


def _open(path: str) -> IO[bytes]:
    if not path.startswith("/"):
        from pyarrow.fs import FileSystem

        system, name = FileSystem.from_uri(re.sub("^s3[an]:", "s3:", path))
        return system.open_input_file(name)  # type: ignore[no-any-return]  # pyarrow is untyped
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError as error:
        raise TaskError(f"{path} is not on this worker; put it where all workers see it") from error
