"""Whatever a model says in any grammar is read: no exception, no line outside of the chunk, and in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_spark.chunks import Chunk, Numbering, Window, WordTokenizer, cut
from prox_spark.program import readers

TEXT = "Title\n\nHome | About\n  It rained.\r\nThe river rose over 'its' \"banks\".\n\nThe end.\n"
PIECES = [
    *(
        "keep_all()",
        "remove_all()",
        "remove_lines(",
        "replace_str(",
        "add_line(",
        "remove_str(",
        "score(",
        "keep_doc()",
    ),
    *("<keep>", "<edit>", "<delete>", "<rewrite>", "<extract>", "rm ", "sub ", "<think>", "</think>", "[[", "]]", "NA"),
    *(
        "\n",
        "\r",
        " ",
        ",",
        ")",
        "'",
        '"',
        "\\",
        "\\x",
        "\\u12",
        "-",
        ":",
        "#",
        "1",
        "3-9",
        "٣",
        "rained",
        "e999",
        "nan",
    ),
    *("\x00", "\ud800", "\u2028", "2-10000000", "9" * 40, "null"),
]
CHUNKS = [
    cut(TEXT, WordTokenizer(), Numbering("<lid:{n}>", 1), Window(60, overlap=0.4)),
    cut(TEXT, WordTokenizer(), Numbering("<lid:{n}> ", 1, shown="nonblank_stripped"), None),
    cut(TEXT, WordTokenizer(), Numbering("[{n}]", 1, over="window"), Window(40)),
]
LONG = [
    "remove_lines(1, 2)\n" * 20_000,
    "remove_lines(" * 40_000,
    "replace_str(1, '" + "\\" * 300_000,
    "add_line(1, 1, 'x')\n" * 20_000,
    "<edit>\n<extract>\n" + "rm 1-10000000\n" * 20_000 + "<edit>\nsub 1: " + '"' * 200_000,
    "<rewrite>\n<extract>\n<rewrite>\n" + "word " * 80_000,
    "[" * 300_000,
    "score(" + "9" * 300_000 + ")",
    "9" * 300_000 + ", " * 100_000,
    "<think>" * 40_000,
]


@pytest.mark.parametrize("grammar", readers.GRAMMARS)
@given(
    said=st.lists(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), min_size=10, max_size=10),
    cuts=st.sampled_from(CHUNKS),
    reason=st.sampled_from(["stop", "length", None]),
)
@settings(max_examples=60)
def test_every_answer_is_read(grammar: str, said: list[str], cuts: list[Chunk], reason: str | None) -> None:
    answers = [readers.Answer(chunk, text, reason) for chunk, text in zip(cuts, said[: len(cuts)], strict=True)]
    readings = readers.read(grammar, TEXT, answers)
    assert len(readings) == len(answers)
    for reading in readings:
        numbers = [operation.line_start for operation in reading.operations if operation.line_start is not None]
        assert all(-(2**31) <= number < 2**31 for number in numbers)
        assert all(len(problem.text) <= 200 for problem in reading.problems)


@pytest.mark.parametrize("grammar", readers.GRAMMARS)
def test_long_answers_take_linear_time(grammar: str) -> None:
    (chunk,) = cut(TEXT, WordTokenizer(), Numbering("<lid:{n}> ", 1), None)
    began = time.process_time()
    for said in LONG:
        readers.read(grammar, TEXT, [readers.Answer(chunk, said, "stop")])
    assert time.process_time() - began < 20


@pytest.mark.parametrize("grammar", readers.GRAMMARS)
def test_a_chunk_without_an_answer_has_no_program(grammar: str) -> None:
    answers = [readers.Answer(chunk, None) for chunk in CHUNKS[0]]
    assert all(not reading.operations for reading in readers.read(grammar, TEXT, answers))
