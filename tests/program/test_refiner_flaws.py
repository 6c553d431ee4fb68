"""What goes wrong in the published executors of UltraX and ReScraper, row by row, and what strict mode does instead."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from prox_spark.chunks import Numbering, Window, WordTokenizer, cut
from prox_spark.program import Execution, Policy, execute
from prox_spark.program.readers import Answer, Whole, read

T = "Title\n\nNAV MENU\n\nFirst line here.\nSecond line here.\n\nEnd.\n"
ULTRAX = Policy(grammar="ultrax", insert="accept")
RESCRAPER = Policy(grammar="rescraper")


def ultrax(text: str, program: str, policy: Policy = ULTRAX) -> str | None:
    return execute(text, program, policy=policy).text


def reasons(execution: Execution) -> list[str | None]:
    return [fate.reason for fate in execution.operations]


@pytest.mark.parametrize(
    "program",
    ["remove_lines(90, 99)", "remove_lines(5, 2)", "replace_str(99, 'a', 'b')", "keep_all()\nkeep_all()"],
)
def test_u1_a_program_that_changes_nothing_changes_nothing(program: str) -> None:
    assert ultrax(T, program) == T


def test_u2_a_verdict_may_be_repeated_and_the_milder_of_two_wins() -> None:
    assert ultrax(T, "remove_all()\nremove_all()\nremove_all()") is None
    assert ultrax(T, "remove_all()\nkeep_all()") == T


@pytest.mark.parametrize("mark", "\f\v\x1c\x1d\x1e\x85\u2028\u2029")
def test_u3_lines_are_numbered_and_executed_alike(mark: str) -> None:
    assert ultrax(f"title{mark}page\nNAV\nbody", "remove_lines(2, 2)") == f"title{mark}page\nbody"


@pytest.mark.parametrize("code", [0xA0, 0x3000, 0x200B, 0x200D, 0x200E, 0xAD, 0xFEFF, 0x2028, 0xE000])
def test_u4_a_string_is_found_raw_and_as_repr_writes_it(code: int) -> None:
    text = f"a{chr(code)}b c"
    assert ultrax(text, f"replace_str(1, 'a{chr(code)}b', 'ab')") == "ab c"
    assert ultrax(text, f"replace_str(1, {f'a{chr(code)}b'!r}, 'ab')") == "ab c"


def test_u5_added_text_is_decoded() -> None:
    assert ultrax("x", r"add_line(1, 1, '中\u3000文')") == "x\n中\u3000文"


def test_u6_both_replacements_of_a_line_are_made() -> None:
    program = "replace_str(5, 'First line', 'First,  line')\nreplace_str(5, ' here', '')"
    assert ultrax(T, program) == T.replace("First line here", "First,  line")
    assert ultrax("abc def", "replace_str(1, 'ab', 'WXYZ')\nreplace_str(1, 'c', 'Q')") == "WXYZQ def"


def test_u7_lines_are_added_in_order_and_overwrite_none() -> None:
    program = "add_line(5, 0, 'X')\nadd_line(5, 10000, 'Y')\nadd_line(5, 1, 'A')\nadd_line(5, 1, 'B')"
    assert ultrax(T, program) == T.replace("here.\nSecond", "here.\nX\nY\nA\nB\nSecond")


def test_u8_places_that_overlap_are_counted() -> None:
    execution = execute("aaa b", "replace_str(1, 'aa', 'c')", policy=ULTRAX)
    assert (execution.text, reasons(execution)) == ("aaa b", ["not_unique"])


def test_u9_a_line_that_is_added_stays_whatever_goes_around_it() -> None:
    added, removed = "add_line(5, 1, 'New.')", "remove_lines(5, 6)"
    assert ultrax(T, f"{added}\n{removed}") == ultrax(T, f"{removed}\n{added}")
    assert ultrax(T, f"{added}\n{removed}") == "Title\n\nNAV MENU\n\nNew.\n\nEnd.\n"


def test_u10_lines_that_are_alike_are_no_loop() -> None:
    program = "\n".join(f"add_line({n}, 1, 'Item number {n} of the list')" for n in range(1, 5))
    assert (ultrax(T, program) or "").count("Item number") == 4


def windows(text: str, answers: list[str], policy: Policy = ULTRAX) -> Execution:
    parts = cut(text, WordTokenizer(), Numbering("<lid:{n}>", 1), Window(50, overlap=0.5))
    assert len(parts) == len(answers)
    return execute(text, list(zip(parts, answers, strict=True)), policy=policy)


TWO = "line number one\nline number two\nline number three"


def test_u11_a_line_is_added_before_the_first_of_several_windows() -> None:
    assert windows(TWO, ["add_line(0, 1, 'x')", "keep_all()"]).text == f"x\n{TWO}"


def test_u12_quotes_are_unescaped() -> None:
    assert ultrax('He said "x" now', r"""replace_str(1, 'said \"x\"', 'said')""") == "He said now"


def test_u13_no_rule_compares_lines_with_lines() -> None:
    program = "\n".join(f"add_line(1, 1, '{n:060d}')" for n in range(2000))
    begun = time.perf_counter()
    execution = execute(T, program, policy=replace(ULTRAX, max_rejected_share=1.0))
    assert time.perf_counter() - begun < 2
    assert reasons(execution).count("too_many_lines") == 1990


def test_u14_a_window_that_loops_costs_its_own_lines_only() -> None:
    execution = windows(TWO, ["remove_lines(1, 1)", "remove_lines(3, 3)\n" * 30])
    assert execution.text == "line number two\nline number three"
    assert execution.operations[-1].reason == "duplicate"


def test_a_source_that_ends_in_a_line_feed_joins_the_line_to_the_next_that_stays() -> None:
    program = r"replace_str(5, 'here.\n', 'here and ')" + "\nremove_lines(6, 7)"
    assert ultrax(T, program) == "Title\n\nNAV MENU\n\nFirst line here and End.\n"


def test_words_that_the_page_lacks_are_not_brought_in_unless_the_policy_says_so() -> None:
    careful = Policy(grammar="ultrax")
    execution = execute(T, "add_line(1, 1, 'NAV, line!')\nadd_line(1, 1, 'Buy now')", policy=careful)
    assert reasons(execution) == [None, "invents_text"]
    assert ultrax(T, "replace_str(5, 'line here', 'here')", replace(careful, insert="reject")) != T


def problems(text: str, answer: str, finish_reason: str | None = None) -> list[str]:
    (readings,) = read("rescraper", text, [Answer(Whole.of(text, nonblank=True), answer, finish_reason)])
    return [problem.reason for problem in readings.problems]


PAGE = "one a\ntwo b\nthree c\nfour d"


def page(answer: str, text: str = PAGE, policy: Policy = RESCRAPER) -> str | None:
    return execute(text, answer, policy=policy).text


def test_r1_an_edit_that_was_cut_is_its_extraction() -> None:
    for answer in ("<edit>\n<extract>\nrm 1", "<edit>\n<extract>\nrm 1\n<edit>"):
        assert page(answer) == "two b\nthree c\nfour d"
        assert problems(PAGE, answer) == ["truncated"]


def test_r2_the_last_operation_of_a_cut_answer_is_dropped() -> None:
    answer = '<edit>\n<extract>\nrm 1\n<edit>\nsub 3: "e c"\nsub 2: "t'
    assert page(answer) == "two b\nthre\nfour d"
    assert problems(PAGE, answer, "length") == ["truncated"]


def test_r3_prose_in_a_payload_is_a_problem_and_no_page() -> None:
    assert page("<edit>\n<extract>\nrm 1\n<edit>\nI removed the menu.\nrm 2") == "three c\nfour d"


@pytest.mark.parametrize("value", ["2011", "null", "true", "[1]", "{}", "[" * 10_000, "1" * 10_000])
def test_r4_a_deletion_of_something_else_than_a_string_is_a_problem(value: str) -> None:
    assert problems(PAGE, f"<edit>\n<extract>\n<edit>\nsub 1: {value}") == ["bad_arguments"]


def test_r5_a_string_that_stands_twice_is_not_deleted() -> None:
    execution = execute("together the end", '<edit>\n<extract>\n<edit>\nsub 1: "the"', policy=RESCRAPER)
    assert (execution.text, reasons(execution)) == ("together the end", ["not_unique"])


def test_r6_deletions_are_made_in_the_line_as_it_was() -> None:
    execution = execute("abcb", '<edit>\n<extract>\n<edit>\nsub 1: "bc"\nsub 1: "ab"', policy=RESCRAPER)
    assert (execution.text, reasons(execution)) == ("ab", [None, "overlaps"])


def test_r7_a_long_range_costs_nothing() -> None:
    begun = time.perf_counter()
    assert page("<edit>\n<extract>\nrm 2-10000000\n<edit>\nrm 1-99999999999999999999") is None
    assert time.perf_counter() - begun < 0.5


def test_r8_kept_lines_keep_their_bytes() -> None:
    assert page("<edit>\n<extract>\nrm 1\n<edit>\nrm 1", "menu\n a\u00a0b\u3000c ") == " a\u00a0b\u3000c "


def test_r9_a_page_is_written_anew_only_where_the_policy_allows_it() -> None:
    answer = "<rewrite>\n<extract>\nrm 1\n<rewrite>\ntwo b\n\nd four"
    assert page(answer) == "two b\nthree c\nfour d"
    assert page(answer, policy=replace(RESCRAPER, rewrite="source_words")) == "two b\n\nd four"
    invented = answer.replace("d four", "new")
    assert page(invented, policy=replace(RESCRAPER, rewrite="source_words")) == "two b\nthree c\nfour d"
    assert page(invented, policy=replace(RESCRAPER, rewrite="accept")) == "two b\n\nnew"
    assert page("<edit>\n<extract>\n<edit>\nA new page.", policy=replace(RESCRAPER, rewrite="accept")) == PAGE


def test_r10_numbers_are_those_of_the_lines_that_are_shown() -> None:
    assert page("<edit>\n<extract>\nrm 2-3\n<edit>\nrm 2", "a\n\n b\n\nc\n\nd") == "a\n\n\nd"


def test_decisions_that_differ_are_a_contradiction_and_the_milder_is_taken() -> None:
    assert problems(PAGE, "<delete>\n<extract>\nrm 1\n<keep>") == ["contradiction"]
    assert page("<delete>\n<extract>\nrm 1\n<keep>") == "two b\nthree c\nfour d"
    assert page("<extract>\nrm 1\n<edit>\nrm 2") == "three c\nfour d"
    assert page("<delete>\n<extract>\n<delete>") is None
    assert page("<keep>\n<extract>\n<keep>") == PAGE
    assert page("Sure! Here is the page.") == PAGE


def test_refinex_deletes_and_takes_either_order_of_a_string_and_its_line() -> None:
    policy = Policy(grammar="refinex")
    assert execute("Home | a\nb b\nc", "remove_str(1, 'Home | ')\nremove_lines(3, 3)", policy=policy).text == "a\nb b"
    assert execute("Home | a", "remove_str('Home | ', 1)", policy=policy).text == "a"
    assert reasons(execute("b b", "remove_str(1, 'b')", policy=policy)) == ["not_unique"]
