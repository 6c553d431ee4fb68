"""Lines end at `\\n` and nowhere else, keep their offsets, and are never held beyond the limit."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from prox_spark.sources.lines import Line, lines

DATA = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\n\n", b"\xe2\x80\xa8", b"\x0b", b"\x85"])).map(b"".join)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(DATA, st.integers(1, 9))
def test_lines_are_those_between_newlines_whatever_the_chunks(data: bytes, size: int) -> None:
    found = list(lines(cut(data, size), limit=1000))
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert [line.raw for line in found] == expected
    assert all(data[line.position : line.position + line.size] == line.raw for line in found)


@given(DATA, st.lists(st.integers(0, 60)), st.integers(1, 9))
def test_slices_together_give_every_line_once(data: bytes, cuts: list[int], size: int) -> None:
    bounds = sorted({0, len(data), *(at for at in cuts if at < len(data))})
    found: list[Line] = []
    for start, end in pairwise(bounds):
        begin = max(0, start - 1)
        found += lines(cut(data[begin:], size), limit=1000, start=begin, end=end, inside=start > 0)
    assert found == list(lines([data], limit=1000))


@given(st.integers(1, 5000), st.integers(1, 700))
def test_a_line_beyond_the_limit_is_measured_and_its_beginning_kept(size: int, chunk: int) -> None:
    data = b"ok\n" + b"x" * size + b"\nok\n"
    first, long, last = lines(cut(data, chunk), limit=10)
    assert (first.raw, last.raw) == (b"ok", b"ok")
    assert long == Line(3, (b"x" * size)[:4096], size)
