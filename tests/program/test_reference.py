"""Reference mode: the published behaviour byte for byte, and the three places where it is made safe."""

from __future__ import annotations

from typing import Any

import pytest

from prox_spark.program import Operation, Policy, chunk_program, execute, execute_operations, parse, parse_reference
from prox_spark.program.reference import GROWTH_FACTOR, GROWTH_FLOOR, count_errors

LONG = "\n".join(f"line {number} of the page with ten words in it" for number in range(40))


def test_all_reference_cases_agree_in_text_and_errors(reference_cases: list[dict[str, Any]]) -> None:
    wrong = []
    for row, case in enumerate(reference_cases):
        execution = execute(case["text"], case["program"], mode="reference")
        errors = count_errors(case["text"], [chunk_program(None, case["program"])])
        if (execution.text or "", errors) != (case["expected"], case["errors"]):
            wrong.append(row)
    assert wrong == []


def lines(start: int | None, end: int | None) -> Operation:
    return Operation("remove_lines", line_start=start, line_end=end)


def strings(source: str, target: str | None) -> Operation:
    return Operation("normalize", source=source, target=target)


@pytest.mark.parametrize(
    ("line", "operations", "errors"),
    [
        ("remove_lines(a=1, b=2)", [lines(1, 2)], 0),
        ("remove_lines(start= 1 , end=0_2)", [lines(1, 2)], 0),
        ("remove_lines(start=٠, end=١)", [lines(0, 1)], 0),
        ("remove_lines(end=5, start=2)", [lines(5, 2)], 0),
        ("remove_lines(start=-5, end=2, x)", [lines(-5, 2)], 0),
        ("remove_lines(start=1=7, end=2=8)", [lines(1, 2)], 0),
        ("remove_lines: see (a=1, b=2)", [lines(1, 2)], 0),
        ("remove_lines(2, 5)", [], 1),
        ("remove_lines(start=2.0, end=5)", [], 1),
        ("remove_lines(start=7, end", [], 2),
        ("remove_lines(start=3, end=35", [lines(3, 3)], 1),
        ("remove_lines", [], 1),
        ("remove_lines # all=True", [lines(None, None)], 0),
        ("remove_lines(all=True", [lines(None, None)], 0),
        (")remove_lines(start=1, end=2)", [], 0),
        (" \tremove_lines(start=1, end=2)", [], 0),
        ("remove_lines)(start=1, end=2", [], 1),
        ("Remove_lines(start=1, end=2)", [], 0),
        ('normalize(source_str="a=b", target_str="c=d")', [strings("a", "c")], 0),
        ('normalize(x="foo", y="FOO" )', [strings("foo", 'FOO" ')], 0),
        ("normalize(x='foo')", [strings("'foo'", None)], 0),
        ('normalize(x="a, b", y="")', [], 0),
        ('normalize(x="(a)")', [strings("(a", None)], 0),
        ('normalize(x=""a"")', [strings("a", None)], 0),
        ('normalize(x=" ")', [strings(" ", None)], 0),
        ('normalize(x=" ", y="")', [strings(" ", "")], 0),
        ('normalize("a", "b")', [], 1),
        ("normalize", [], 1),
        ('normalize(x="Home page', [strings("Home pag", None)], 1),
        ('normalize(x="a b', [strings("a ", None)], 1),
        ("drop_doc()", [], 0),
        ("prose", [], 0),
    ],
)
def test_each_line_is_read_as_the_published_parser_reads_it(
    line: str, operations: tuple[Operation, ...], errors: int
) -> None:
    assert parse_reference(line) == (tuple(operations), errors)
    assert len(parse(line, mode="reference").problems) == errors


def test_blanks_are_stripped_around_the_program_but_not_around_its_lines() -> None:
    program = "  remove_lines(a=1, b=1)\n  remove_lines(a=2, b=2)\nremove_lines(a=3, b=3)\t"
    assert parse_reference(program)[0] == (lines(1, 1), lines(3, 3))


def test_numbers_are_clamped_to_32_bits() -> None:
    assert parse_reference("remove_lines(a=-99999999999, b=99999999999)")[0] == (lines(-(2**31) + 1, 2**31 - 1),)


@pytest.mark.parametrize(
    ("program", "errors"),
    [
        ("remove_lines(a=39, b=39)", 0),
        ("remove_lines(a=39, b=40)", 1),
        ("remove_lines(a=40, b=41)", 1),
        ("remove_lines(a=40, b=41)\nremove_lines(a=42, b=43)", 1),
        ("remove_lines(a=40, b=41)\nremove_lines(a=43, b=43)", 2),
        ("remove_lines(a=50, b=41)", 1),
        ("remove_lines(a=50, b=41)\nremove_lines(a=50, b=60)", 2),
        ("remove_lines(a=3, b=2)\nremove_lines(a=3, b=50)", 1),
        ("remove_lines(all=True)", 0),
    ],
)
def test_ranges_outside_the_text_are_errors_after_merging(program: str, errors: int) -> None:
    assert count_errors(LONG, [chunk_program(None, program)]) == errors


def test_programs_of_all_chunks_are_executed_once_on_the_whole_text() -> None:
    chunks = [chunk_program(None, program) for program in ("remove_lines(a=0, b=0) ", ' normalize(x="page", y="P")')]
    execution = execute_operations(LONG, chunks, policy=Policy(mode="reference"))
    joined = execute(LONG, 'remove_lines(a=0, b=0)\nnormalize(x="page", y="P")', mode="reference")
    assert joined.text == "\n".join(LONG.split("\n")[1:]).replace("page", "P")
    assert (execution.text, execution.outcome) == (joined.text, "edited")


def test_too_many_errors_give_the_text_back_and_refuse_what_was_done() -> None:
    execution = execute(LONG, "remove_lines(a=0, b=3)\nremove_lines\nremove_lines", mode="reference")
    assert (execution.text, execution.outcome, execution.reason) == (LONG, "kept", "too_many_errors")
    assert [(fate.status, fate.reason, fate.found) for fate in execution.operations] == [
        ("rejected", "mostly_rejected", 0)
    ]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("remove_lines(a=1, b=39)", "too_little_kept"),
        ("remove_lines(a=2, b=39)", "too_little_kept"),
        ("remove_lines(a=3, b=39)", None),
        ("remove_lines(a=1, b=39)\nremove_lines\nremove_lines", "too_few_words"),
        ("remove_lines(a=2, b=39)\nremove_lines\nremove_lines", "too_many_errors"),
    ],
)
def test_thresholds_are_those_published(program: str, reason: str | None) -> None:
    assert execute(LONG, program, mode="reference").reason == reason
    ten_lines = "\n".join(LONG.split("\n")[:10])
    assert execute(ten_lines, "remove_lines(a=1, b=9)", mode="reference").reason == "too_few_words"


def test_every_operation_has_its_fate() -> None:
    program = "\n".join(
        [
            'normalize(x="page", y="P")',
            'normalize(x=" ", y="")',
            'normalize(x="absent")',
            "remove_lines(a=-2, b=1)",
            "remove_lines(a=5, b=3)",
            "remove_lines(a=38, b=44)",
        ]
    )
    assert [
        (fate.status, fate.reason, fate.found, fate.words_removed)
        for fate in execute(LONG, program, mode="reference").operations
    ] == [
        ("applied", None, 40, 0),
        ("rejected", "blank_source", 0, 0),
        ("rejected", "not_found", 0, 0),
        ("applied", "clipped", 2, 20),
        ("rejected", "outside_chunk", 0, 0),
        ("applied", "clipped", 2, 20),
    ]


@pytest.mark.parametrize("answer", ["drop_doc()", "keep_doc() # do not drop", "Backdrop analysis: keep"])
def test_a_document_is_dropped_wherever_the_answer_says_drop(answer: str) -> None:
    assert execute(LONG, answer, mode="reference", level="document").reason == "drop_doc"


@pytest.mark.parametrize("answer", ["keep_doc()", "DROP_DOC()", "", "gibberish"])
def test_a_document_is_kept_by_every_other_answer(answer: str) -> None:
    assert execute(LONG, answer, mode="reference", level="document").outcome == "kept"


def test_a_text_without_words_is_kept() -> None:
    execution = execute(" \n\t\n", "remove_lines(a=0, b=0)", mode="reference")
    assert (execution.text, execution.outcome) == (" \n\t\n", "kept")


def test_growth_ends_before_it_costs_memory() -> None:
    text = "a word " * 1000
    program = 'normalize(source_str="a", target_str="aaaaaaaaaaaaaaaa")\n' * 13
    execution = execute(text, program, mode="reference")
    assert len(execution.text or "") <= GROWTH_FLOOR + GROWTH_FACTOR * len(text)
    assert [fate.reason for fate in execution.operations] == [None] * 4 + ["grows"] * 9
