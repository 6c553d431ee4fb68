"""Whatever a model says in any grammar is read: no exception, no line outside of the chunk, and in linear time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_spark.chunks import Chunk, Numbering, Window, WordTokenizer, cut
from prox_spark.program import ChunkProgram, Execution, Operation, Policy, execute_operations, readers
from prox_spark.program.stored import Readings

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


def lines_run(work: Callable[[], object]) -> int:
    """Count the lines of Python that some work runs: the same on every machine, however busy."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


WORDS = [f"w{number:05d}" for number in range(6000)]
OPERATIONS: dict[str, Callable[[int], Operation]] = {
    "a string of one line each": lambda at: Operation("replace_str", 0, 0, WORDS[at], ""),
    "strings that overlap": lambda at: Operation("replace_str", 0, 0, f"{WORDS[at]} {WORDS[at + 1]}", ""),
    "ranges within ranges": lambda at: Operation("remove_lines", 1, 10_000_000 + at),
    "lines added": lambda at: Operation("add_line", 0, target=WORDS[at]),
    "pages written anew": lambda at: Operation("rewrite", target=WORDS[at]),
    "the same again": lambda at: Operation("remove_lines", at % 2, at % 2),
}
ANSWERS: dict[str, tuple[str, Callable[[int], str]]] = {
    "strings of refinex": ("refinex", lambda at: f"remove_str(1, '{WORDS[at]}')"),
    "ranges of np": ("np", lambda at: f"remove_lines(2, {10_000_000 + at})"),
    "verdicts behind ranges": ("np", lambda at: "keep_all()" if at % 2 else f"remove_lines(2, {at + 3})"),
    "ranges of ultrax": ("ultrax", lambda at: f"remove_lines(2, {10_000_000 + at})"),
    "ranges of rescraper": ("rescraper", lambda at: f"rm 2-{10_000_000 + at}"),
    "strings of rescraper": ("rescraper", lambda at: f'sub 1: "{WORDS[at]}"'),
}
LINES = " ".join(WORDS) + "\nA story." * 4


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_program_of_thousands_of_operations_is_executed_in_linear_time(name: str) -> None:
    policy = Policy(grammar="ultrax", rewrite="source_words", max_rejected_share=1.0, max_added_lines=10_000)

    def run(count: int) -> Execution:
        program = ChunkProgram(operations=tuple(map(OPERATIONS[name], range(count))))
        return execute_operations(LINES, [program], policy=policy)

    assert any(fate.status == "applied" for fate in run(500).operations)
    assert lines_run(partial(run, 2000)) < 5 * lines_run(partial(run, 500))


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_thousands_of_lines_is_read_in_linear_time(name: str) -> None:
    grammar, call = ANSWERS[name]
    shown = readers.Whole.of(LINES, number_base=1, nonblank=grammar == "rescraper")
    head = "<edit>\n<extract>\n<edit>\n" if grammar == "rescraper" else ""

    def run(count: int) -> list[Readings]:
        said = head + "\n".join(map(call, range(count)))
        return readers.read(grammar, LINES, [readers.Answer(shown, said)])

    assert run(500)[0].operations
    assert lines_run(partial(run, 2000)) < 5 * lines_run(partial(run, 500))
