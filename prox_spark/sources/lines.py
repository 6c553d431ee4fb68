"""Lines out of a stream of bytes, with their offsets; a line ends at `\\n` and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from prox_spark.sources.compression import BrokenStream
from prox_spark.sources.records import RAW_BYTES


class Line(NamedTuple):
    """One line.

    Attributes:
        position: Offset of its first byte.
        raw: Its bytes without the line end; the first few only, when it is longer than the limit.
        size: Its length.
        broken: Why the stream ends inside this line, which is then the last one.
    """

    position: int
    raw: bytes
    size: int
    broken: BrokenStream | None = None


def lines(
    chunks: Iterable[bytes], *, limit: int, start: int = 0, end: int | None = None, inside: bool = False
) -> Iterator[Line]:
    r"""Cut chunks of bytes into lines.

    >>> [(line.position, line.raw) for line in lines([b"a\nb", b"c\r\n\n", b"d"], limit=100)]
    [(0, b'a'), (2, b'bc\r'), (6, b''), (7, b'd')]

    Args:
        chunks: The bytes from `start` on.
        limit: Longer lines are not held in memory.
        start: Offset of the first byte.
        end: Only lines that begin before this offset; None takes all.
        inside: The first line begins before `start`: leave it to whoever reads that.
    """
    last = float("inf") if end is None else end
    position = start
    part = _Part(0 if inside else limit)
    for chunk in _until_break(chunks):
        if isinstance(chunk, BrokenStream):
            yield part.line(position, chunk)
            return
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            line = part.closed(position, piece)
            if not inside:
                yield line
            else:
                inside, part.limit = False, limit
            position += line.size + 1
            if position >= last:
                return
        part.add(rest)
        if inside and position + part.size >= last:
            return
    if part.size and not inside:
        yield part.line(position)


class _Part:
    """The begun line at the end of a chunk, of which no more than `limit` bytes are held."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._held: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        self._held.append(piece)
        if self.size > self.limit:
            self._held = [b"".join(self._held)[:RAW_BYTES]]

    def closed(self, position: int, piece: bytes) -> Line:
        """End the line with its last piece."""
        if not self._held and len(piece) <= self.limit:
            return Line(position, piece, len(piece))
        self.add(piece)
        line = self.line(position)
        self.size, self._held = 0, []
        return line

    def line(self, position: int, broken: BrokenStream | None = None) -> Line:
        return Line(position, b"".join(self._held), self.size, broken)


def _until_break(chunks: Iterable[bytes]) -> Iterator[bytes | BrokenStream]:
    try:
        yield from chunks
    except BrokenStream as error:
        yield error
