"""The strict parser: what each form of the grammar means, and that nothing it is given makes it raise or slow."""

from __future__ import annotations

import re
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_spark.program import PROBLEM_REASONS, Operation, Problem, Program, parse
from prox_spark.program.operations import MAX_LINE
from prox_spark.program.parse import TOKEN_RULES

parse_module = sys.modules["prox_spark.program.parse"]  # the package gives the function this name

REMOVE = Operation("remove_lines", line_start=2, line_end=5)
DELETE = Operation("normalize", source="Home", target="")
REPLACE = Operation("normalize", source="Home", target="Hut")


def reasons(program: str, **settings: Any) -> list[str]:
    return [problem.reason for problem in parse(program, **settings).problems]


@pytest.mark.parametrize(
    ("line", "operation"),
    [
        ("remove_lines(2, 5)", REMOVE),
        ("remove_lines(start=2, end=5)", REMOVE),
        ("remove_lines(line_start=2, line_end=5)", REMOVE),
        ("remove_lines( end=5 , start=2 )", REMOVE),
        ("remove_lines(2, end=5)", REMOVE),
        ("remove_lines(start=2, line_end=005)", REMOVE),
        ("remove_lines(start=2, end=5, all=True)", REMOVE),
        ("remove_lines(2, 5, all=False)", REMOVE),
        ("remove_lines (2,5)  # navigation", REMOVE),
        ("  remove_lines(2, 5) ;", REMOVE),
        ("\u3000remove_lines(\u00a02, 5)", REMOVE),
        ('normalize("Home")', DELETE),
        ("normalize('Home')", DELETE),
        ('normalize(source="Home")', DELETE),
        ('normalize(source_str="Home", target_str="")', DELETE),
        ('normalize(target="Hut", source_str="Home")', REPLACE),
        ('normalize("Home", "Hut")', REPLACE),
        ("normalize(\"Home\", target_str='Hut')", REPLACE),
        ("keep_doc()", Operation("keep_doc")),
        ("keep_all( )", Operation("keep_doc")),
        ("keep_chunk()", Operation("keep_chunk")),
        ("untouch_doc()", Operation("keep_chunk")),
        ("drop_doc()", Operation("drop_doc")),
    ],
)
def test_each_form_of_a_call_is_its_operation(line: str, operation: Operation) -> None:
    assert parse(line) == Program((operation,))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Remove_lines(2, 5)", "unknown_operation"),
        ("remove_line(2, 5)", "unknown_operation"),
        ("remove_lines", "not_an_operation"),
        ("- remove_lines(2, 5)", "not_an_operation"),
        ("the text is fine", "not_an_operation"),
        ("keep", "not_an_operation"),
        ("remove_lines()", "bad_arguments"),
        ("remove_lines(2)", "bad_arguments"),
        ("remove_lines(2, 5, 7)", "bad_arguments"),
        ("remove_lines(2 5)", "bad_arguments"),
        ("remove_lines(2, 5,)", "bad_arguments"),
        ("remove_lines(, 5)", "bad_arguments"),
        ("remove_lines(all=True)", "bad_arguments"),
        ("remove_lines(start=2, start=5)", "bad_arguments"),
        ("remove_lines(2, start=5)", "bad_arguments"),
        ("remove_lines(end=5, 2)", "bad_arguments"),
        ("remove_lines(first=2, last=5)", "bad_arguments"),
        ('remove_lines("2", "5")', "bad_arguments"),
        ("remove_lines(start=, end=5)", "bad_arguments"),
        ("normalize(Home)", "bad_arguments"),
        ('normalize(target_str="Home")', "bad_arguments"),
        ('normalize("a", "b", "c")', "bad_arguments"),
        ('normalize("Home", 5)', "bad_arguments"),
        ('normalize(r"Home")', "bad_arguments"),
        (r'normalize("\ud83d Home")', "bad_arguments"),
        ("keep_doc(1)", "bad_arguments"),
        ("remove_lines(2.0, 5)", "not_an_integer"),
        ("remove_lines(0_2, 5)", "not_an_integer"),
        ("remove_lines(٢, 5)", "not_an_integer"),
        ("remove_lines(+2, 5)", "not_an_integer"),
        ("remove_lines(-2, x)", "not_an_integer"),
        ("remove_lines(-2, 5)", "negative_line"),
        ("remove_lines(5, -2)", "negative_line"),
        ("remove_lines(5, 2)", "reversed_range"),
        ("remove_lines(start=7, end", "truncated"),
        ("remove_lines(start=7, end=35", "truncated"),
        ("remove_lines(", "truncated"),
        ("remove_lines(2, 5 # note)", "truncated"),
        ("keep_doc(", "truncated"),
        ('normalize("Home', "truncated"),
        ('normalize("Home"', "truncated"),
        ('normalize("Home", target_s', "truncated"),
        ('normalize("Home", target_str="Hu', "truncated"),
        ('normalize("Home\\', "truncated"),
        ("remove_lines(2, 5) and more", "trailing_text"),
        ("remove_lines(2, 5), remove_lines(7, 8)", "trailing_text"),
        ('normalize("Home").', "trailing_text"),
        ("drop_doc() would be wrong", "trailing_text"),
        ("drop_doc().", "trailing_text"),
    ],
)
def test_each_broken_line_is_one_problem_with_its_reason(line: str, reason: str) -> None:
    assert parse(line) == Program((), (Problem(0, reason, line),))


def test_every_reason_is_given_by_some_line() -> None:
    lines = "prose\nf()\nremove_lines(1)\nremove_lines(a, 1)\nremove_lines(-1, 1)\nremove_lines(2, 1)\nf(\nkeep_doc() x"
    of_other_grammars = {"contradiction", "other_window"}
    assert set(reasons(f"{lines}\nremove_lines(1")) == set(PROBLEM_REASONS) - of_other_grammars


def test_blank_lines_comments_and_fences_are_nothing() -> None:
    assert parse("\n  \n# remove_lines(0, 1)\n```python\n```\n;\n\u3000") == Program(())


def test_a_fence_with_a_call_behind_it_is_not_skipped_in_silence() -> None:
    assert reasons("```remove_lines(2, 5)```") == ["not_an_operation"]


def test_several_calls_on_a_line_are_parsed_each() -> None:
    assert parse("remove_lines(2, 5); keep_doc() drop_doc()").operations == (
        REMOVE,
        Operation("keep_doc"),
        Operation("drop_doc"),
    )


def test_a_broken_call_leaves_the_others_on_its_line() -> None:
    program = parse("remove_lines(2, 5); remove_lines(start=7, end; remove_lines(5, 2); remove_lines(2, 5)")
    assert program.operations == (REMOVE, REMOVE)
    assert [problem.reason for problem in program.problems] == ["truncated", "reversed_range"]


def test_text_behind_a_call_voids_that_call_only() -> None:
    program = parse("remove_lines(2, 5) drop_doc() perhaps")
    assert program.operations == (REMOVE,)
    assert [problem.reason for problem in program.problems] == ["trailing_text"]


@pytest.mark.parametrize(
    ("written", "source"),
    [
        (r"a\nb\tc\rd", "a\nb\tc\rd"),
        (r"\\ \/ \" \'", "\\ / \" '"),
        (r"\x41\u00e9\u4E2D", "Aé中"),
        (r"\ud83d\ude00", "\U0001f600"),
        (r"C:\data\q \x4 \u12", r"C:\data\q \x4 \u12"),
        (r"\\n", r"\n"),
        ("a, b) = c # d; (e", "a, b) = c # d; (e"),
        ("remove_lines(0, 5)", "remove_lines(0, 5)"),
    ],
)
def test_a_string_is_text_with_its_escapes_decoded(written: str, source: str) -> None:
    assert parse(f'normalize(source_str="{written}", target_str="")').operations[0].source == source
    assert parse(f"normalize('{written}')").operations[0].source == source


@pytest.mark.parametrize(
    "source", ['He said "click" now', 'fun("Hello, world.")', '"', '""', 'a "b", "c"', 'ends with "', "it's"]
)
def test_quotes_that_the_model_forgot_to_escape_are_text(source: str) -> None:
    assert parse(f'normalize(source_str="{source}", target_str="")').operations[0].source == source


def test_line_numbers_beyond_32_bits_are_clamped() -> None:
    program = parse(f"remove_lines(0, {'9' * 5000})\nremove_lines({MAX_LINE}, {MAX_LINE + 1})")
    assert [operation.line_end for operation in program.operations] == [MAX_LINE, MAX_LINE]


@pytest.mark.parametrize(
    "line", ["remove_li", "remove_lines", "ke", "``", "remove_lines(1", 'normalize("a', "keep_doc() ke"]
)
def test_a_last_line_that_the_token_limit_cut_is_truncated(line: str) -> None:
    program = parse(f"remove_lines(2, 5)\n{line}", finish_reason="length")
    assert program.operations[0] == REMOVE
    assert [problem.reason for problem in program.problems] == ["truncated"]


def test_the_token_limit_says_nothing_about_complete_lines() -> None:
    assert reasons("prose\nremove_lines(2, 5)", finish_reason="length") == ["not_an_operation"]
    assert reasons("prose\n", finish_reason="length") == ["not_an_operation"]
    assert parse("remove_lines(2, 5)", finish_reason="length").operations == (REMOVE,)
    assert parse("remove_lines(2, 5) remo", finish_reason="length").operations == (REMOVE,)


def test_line_ends_of_all_systems_separate_lines() -> None:
    assert reasons("a\r\nb\rc\nd") == ["not_an_operation"] * 4
    assert [problem.line for problem in parse("a\r\nb\rc\nd").problems] == [0, 1, 2, 3]


def test_a_problem_keeps_200_characters_of_its_line() -> None:
    assert parse("x" * 1000).problems[0].text == "x" * 200


@given(st.text())
def test_parse_never_raises_and_passes_no_line_in_silence(completion: str) -> None:
    for finish_reason in (None, "length"):
        program = parse(completion, finish_reason=finish_reason)
        assert all(problem.reason in PROBLEM_REASONS for problem in program.problems)
    parse(completion, mode="reference")


PARTS = st.sampled_from(
    [
        "remove_lines(",
        "normalize(",
        "keep_doc()",
        '"',
        "'",
        "\\",
        "\\u12",
        ",",
        "=",
        ")",
        "start=",
        "1",
        " ",
        ";",
        "#",
        "\n",
        "\r",
    ]
)


@given(st.lists(PARTS).map("".join))
def test_every_line_that_says_something_gives_an_operation_or_a_problem(line: str) -> None:
    line = line.replace("\n", "").replace("\r", "")
    program = parse(line)
    says_something = line.strip(" ;") and not line.strip(" ;").startswith("#")
    assert bool(program.operations or program.problems) == bool(says_something)


@given(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), st.sampled_from("\"'"))
def test_any_string_survives_escaping(source: str, quote: str) -> None:
    escaped = source.replace("\\", "\\\\").replace(quote, "\\" + quote)
    operations = parse(f"normalize({quote}{escaped}{quote}, {quote}{quote})").operations
    assert operations == (Operation("normalize", source=source, target=""),)


HOSTILE = {
    "quotes": 'normalize("' + '"' * 400_000,
    "backslashes": 'normalize("' + "\\" * 400_000,
    "weak ends": 'normalize("' + '",' * 200_000,
    "strings": "normalize(" + '"a",' * 100_000,
    "keywords": "remove_lines(" + "a=" * 200_000,
    "blanks": "keep_doc" + " " * 400_000,
    "blanks behind strings": 'normalize("' + '"   b' * 80_000,
    "names": 'normalize("",' + "b" * 400_000,
    "parentheses": "(" * 400_000,
    "calls": "keep_doc()" * 40_000,
    "separators": ";" * 400_000,
    "carriage returns": "\r" * 400_000,
    "trailing text": 'normalize("a") x; ' * 20_000,
    "digits": f"remove_lines({'1' * 400_000}, 2)",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_parsing_takes_linear_time(name: str) -> None:
    started = time.process_time()
    parse(HOSTILE[name])
    assert time.process_time() - started < 5  # a quadratic rule would take minutes


def test_a_line_of_ten_megabytes_is_parsed() -> None:
    program = parse('normalize("' + "a b " * 2_500_000 + '")')
    assert len(program.operations[0].source or "") == 10_000_000


def test_the_grammar_in_the_docstring_names_exactly_what_is_parsed() -> None:
    grammar = parse_module.__doc__ or ""
    calls = set(re.findall(r"(\w+)\(", grammar.split("separator = ")[1].split("Models forget")[0]))
    assert calls == {*parse_module._VERDICTS, *parse_module._PARAMETERS}
    for name, places in parse_module._PARAMETERS.items():
        line = next(line for line in grammar.splitlines() if line.strip().startswith(f"{name}("))
        assert all(re.search(rf"\b{keyword}\b", line) for keyword in places)


def test_the_token_table_is_patterns_without_nested_repetition() -> None:
    for rule in TOKEN_RULES.values():
        assert not re.search(r"[*+]\)[*+]", rule.pattern)


KEEP = Operation("keep_chunk")


@pytest.mark.parametrize(
    ("answer", "operations"),
    [
        ("<think>\nremove_lines(0, 9)\n</think>\nkeep_chunk()", [KEEP]),
        ("<think>maybe drop_doc()</think>keep_chunk()", [KEEP]),
        ("<THINKING>\ndrop_doc()\n</Thinking>\nkeep_chunk()", [KEEP]),
        ("[THINK]\ndrop_doc()\n[/THINK]\nkeep_chunk()", [KEEP]),
        ("<seed:think>\ndrop_doc()\n</seed:think>\nkeep_chunk()", [KEEP]),
        ("remove_lines(0, 9)\n</think>\nkeep_chunk()", [KEEP]),  # the template wrote the first tag
        ("remove_lines(0, 9) </think>\nkeep_chunk()", [KEEP]),
        ("<think>\ndrop_doc()\n<think>\ndrop_doc()\n</think>\ndrop_doc()\n</think>\nkeep_chunk()", [KEEP]),
        ("<think>a</think>\nremove_lines(2, 5)\n<think>\ndrop_doc()\n</think>\nkeep_chunk()", [REMOVE, KEEP]),
        ("keep_chunk()\n<think>\nremove_lines(0, 9)", [KEEP]),
        ("<think>\nremove_lines(0, 9)", []),
        ("<think>\nremove_lines(0, 9)\n<think>\n</think>\nremove_lines(0, 9)", []),
        ('normalize("Home")\nnormalize("</think>")', [DELETE, Operation("normalize", source="</think>", target="")]),
        ("<thinker>\nkeep_chunk()", [KEEP]),
    ],
)  # fmt: skip
def test_what_a_model_thinks_is_no_program(answer: str, operations: list[Operation]) -> None:
    assert list(parse(answer).operations) == operations


def test_a_thought_that_does_not_end_is_truncated_and_one_that_ends_is_no_problem() -> None:
    assert parse("keep_chunk()\n<think>\nbecause") == Program((KEEP,), (Problem(1, "truncated", "<think>"),))
    assert parse("<think>\nbecause\n</think>\n\nkeep_chunk()") == Program((KEEP,))
    assert parse("<think>\nbecause\n</think>\nremove_lines(3, 1)").problems[0].line == 3


@pytest.mark.parametrize(
    "answer",
    [
        "A program looks so:\n```\nremove_lines(0, 9)\n```\nMine is:\n```\nkeep_chunk()\n```",
        "For example\n```python\nremove_lines(0, 9)\n```\nThe page is clean.\nkeep_chunk()",
        "You may use remove_lines(0, 9) here.",
        "Use `remove_lines(0, 9)`",
        "“remove_lines(0, 9)”",
        "> remove_lines(0, 9)",
        "remove_lines(“0”, “9”)",
        "normalize(“Home”, “”)",
        "normalize(«Home»)",
        "normalize(`Home`)",
        "<answer>remove_lines(0, 9)</answer>",
        '{"name": "remove_lines", "arguments": {"start": 0, "end": 9}}',
    ],
)
def test_examples_and_quotes_of_other_languages_are_no_operations(answer: str) -> None:
    program = parse(answer)
    assert program.operations == ()
    assert program.problems


def test_one_fence_with_prose_around_it_is_the_program() -> None:
    assert parse("Here it is:\n```python\nremove_lines(2, 5)\n```").operations == (REMOVE,)
    assert parse("remove_lines(2, 5)\n```\nkeep_chunk()").operations == (REMOVE, KEEP)


@given(
    st.lists(st.sampled_from(["\n", "drop_doc()", 'normalize("', "a)", " ", "(", "remove_lines(0, 9)"])).map("".join)
)
def test_whatever_a_model_thinks_its_answer_is_what_follows(thought: str) -> None:
    for opened in ("<think>", ""):
        assert parse(f"{opened}{thought}\n</think>\nkeep_chunk()").operations == (KEEP,)
    assert parse(f"keep_chunk()\n<think>{thought}").operations == (KEEP,)
    assert parse(f"keep_chunk() <think>{thought}").operations == (KEEP,)


def test_thoughts_take_linear_time() -> None:
    answers = [
        "<think>" * 20_000,
        "</think>" * 20_000,
        "<think></think>" * 20_000,
        "f(<think>" * 20_000,
        "<think>\n" * 20_000,
    ]
    started = time.perf_counter()
    for answer in answers:
        parse(answer)
    assert time.perf_counter() - started < 5
