"""Readers of grammars other than ProX's: numbers as they are shown, windows that overlap, answers that are wrong."""

from __future__ import annotations

import pytest

from prox_spark.chunks import Chunk
from prox_spark.program.execute import execute
from prox_spark.program.operations import Operation, Policy, Problem
from prox_spark.program.readers import GRAMMARS, Answer, Whole, read
from prox_spark.program.stored import Readings

TEXT = "a\nb\nc\nd\ne\nf"
SECOND = Chunk(1, 2, 5, "", 0, own_start=4, own_end=5, number_base=1)  # shows the lines 3 to 6, owns 5 and 6


def ops(grammar: str, answer: str, chunk: Chunk | Whole | None = None) -> tuple[list[Operation], list[str]]:
    (readings,) = read(grammar, TEXT, [Answer(chunk or Whole.of(TEXT), answer)])
    return list(readings.operations), [problem.reason for problem in readings.problems]


def removal(start: int, end: int) -> Operation:
    return Operation("remove_lines", start, end)


def test_np_removes_the_lines_that_the_shown_numbers_mean() -> None:
    assert ops("np", "remove_lines(1, 2)\nremove_lines(6, 9)") == ([removal(0, 1), removal(5, 8)], [])


def test_a_range_is_clipped_to_the_lines_that_a_window_owns_and_one_before_them_is_another_windows() -> None:
    assert ops("np", "remove_lines(4, 5)\nremove_lines(3, 4)", SECOND) == ([removal(4, 4)], ["other_window"])
    assert ops("np", "remove_lines(1, 5)", SECOND)[0][0].line_start == 0  # not shown: the executor refuses it


def test_np_says_a_verdict_once_and_knows_no_strings() -> None:
    assert ops("np", 'keep_all()\nkeep_all()\nnormalize("a", "")') == ([Operation("keep_chunk")], ["unknown_operation"])


def test_dropping_a_window_removes_its_own_lines_and_dropping_a_text_drops_it() -> None:
    assert ops("np", "drop_doc()", SECOND) == ([removal(4, 5)], [])
    assert ops("np", "drop_doc()") == ([Operation("drop_doc")], [])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("[[1, 1], [3, 4]]", [removal(1, 1), removal(4, 5)]),
        ("[[3, 4], [1, 2]]", [removal(4, 5)]),
        ("[[1, 99999999999999]]", [Operation("keep_chunk")]),
        ("NA", [Operation("drop_doc")]),
        ("", []),
    ],
)
def test_keep_ranges_remove_what_no_range_keeps(answer: str, expected: list[Operation]) -> None:
    assert ops("keep_ranges", answer) == (expected, [])


@pytest.mark.parametrize("answer", ["[[1, 2]", "[[1, 2], ]", "[[" * 5000, "keep 1-2", "[[2, 1]]", "[]", "[[70, 80]]"])
def test_an_answer_that_is_no_list_of_ranges_says_nothing(answer: str) -> None:
    operations, problems = ops("keep_ranges", answer)
    assert not operations
    assert len(problems) == 1


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_a_text_without_answers_has_no_readings_and_stays(grammar: str) -> None:
    assert read(grammar, TEXT, []) == []
    assert execute(TEXT, [], policy=Policy(grammar=grammar)).text == TEXT


def test_scores_are_finite_numbers() -> None:
    assert [one.value for one in ops("score", "score(2.75)\nscore(-1e-3)\nscore(3)")[0]] == [2.75, -0.001, 3.0]
    assert ops("score", "score(nan)\nscore(1e999)\n2.5") == (
        [],
        ["not_an_operation", "bad_arguments", "not_an_operation"],
    )


def test_a_line_of_another_window_does_not_count_against_a_stored_program() -> None:
    readings = Readings(problems=(Problem(0, "other_window", "rm 9"), Problem(1, "truncated", "rm")))
    assert Readings.of(readings.columns()) == readings
    assert Readings.of(readings.columns()).program("rm 9\nrm", 2, 4, 7).problems == 1
