"""The grammar of constrained decoding: every program that it lets through is a good one."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.guided import accepts, written

from prox_spark.chunks import WordTokenizer, chunk
from prox_spark.program import execute
from prox_spark.program.grammar import VERDICTS, between, chunk_grammar

llguidance = pytest.importorskip("llguidance")

LINES = ["Home | About us", "", "It rained all day.", 'He said "no" \\ twice\there', "x", "日本語の文章", "a\u0007b"]


@pytest.fixture(scope="module")
def guide() -> object:
    return llguidance.LLTokenizer("byte")


@given(st.integers(0, 1200), st.integers(0, 300))
@settings(max_examples=60)
def test_ranges_of_numbers_are_exact(low: int, width: int) -> None:
    pattern = re.compile(between(low, low + width))
    for number in range(max(0, low - 20), low + width + 120):
        assert (pattern.fullmatch(str(number)) is not None) == (low <= number <= low + width)


@pytest.mark.parametrize(
    ("program", "allowed"),
    [
        ("keep_chunk()", True),
        ("remove_lines(start=10, end=16)", True),
        ("remove_lines(line_start=12, line_end=12)", True),
        ("remove_lines(start=9, end=10)", False),
        ("remove_lines(start=16, end=17)", False),
        ("remove_lines(start=13, end=12)", False),
        ('normalize(source_str="Home | About", target_str="")', True),
        ('normalize(source_str="He said \\"no\\" \\\\ twice\\there", target_str="")', True),
        ('normalize(source_str="ome", target_str="")', False),
        ('normalize(source_str="us\nIt", target_str="")', False),
        ('normalize(source_str="rained all", target_str="poured")', False),
        ('normalize(source_str="x", target_str="")', False),
        ('normalize(source_str="  ", target_str="")', False),
        ("keep_chunk()\nremove_lines(start=10, end=10)", False),
        ('remove_lines(start=10, end=10)\nnormalize(source_str="rained all", target_str="")', True),
        ("# 10\nremove_lines(start=11, end=11)\n# 12\n", True),
        ("# 17", False),
        ("# the menu", False),
        ("I would remove the menu.", False),
    ],
)
def test_what_a_chunk_program_may_say(guide: object, program: str, allowed: bool) -> None:
    assert accepts(guide, chunk_grammar(LINES, 10), program) is allowed


def test_what_may_be_said_about_a_document(guide: object) -> None:
    answers = ["keep_doc()", "drop_doc()", "drop", "keep_chunk()"]
    assert [accepts(guide, VERDICTS, text) for text in answers] == [True, True, False, False]


WORDS = [
    "ab",
    "ab",
    "cd",
    "cde\u0301",
    "xab",
    "|",
    "-",
    "..",
    "\u65e5\u672c",
    '"',
    "\\",
    "\t",
    "it's",
    "a.b",
    "\u0915\u093f",
]
"""Few, so that runs of them stand in many places; with marks that continue a word and others that regexes mean."""


def page_of(choice: random.Random) -> list[str]:
    gap = choice.choice([" ", " ", ""])
    return [gap.join(choice.choices(WORDS, k=choice.randrange(9))) for _ in range(choice.randrange(1, 8))]


@pytest.mark.parametrize("seed", range(60))
def test_of_what_a_random_model_writes_within_the_grammar_nothing_is_rejected(guide: object, seed: int) -> None:
    lines = LINES[:-1] if seed < 20 else page_of(random.Random(seed))
    part = chunk("\n".join(lines), WordTokenizer())[0]
    grammar = chunk_grammar(lines, 0)
    for again in range(4):
        program = written(guide, grammar, 1000 * seed + again)
        done = execute("\n".join(lines), [(part, program)])
        assert {operation.status for operation in done.operations} <= {"applied"}, (lines, program, done.operations)


@pytest.mark.parametrize(
    ("program", "allowed"),
    [
        (["Share"], True),  # a string that stands in many lines, alone
        (["Share", "Tweet"], False),  # the first may take what the second looks for
        (["Share", "Share"], False),
        (["One | Share", "Two"], True),  # each in one place, in the order of their lines
        (["Two", "One"], False),
        (["One", "Share | Tweet | One"], False),
    ],
)
def test_several_deletions_cannot_be_in_each_others_way(guide: object, program: list[str], allowed: bool) -> None:
    grammar = chunk_grammar(["One | Share | Tweet", "Two | Share | Tweet | one"], 0)
    text = "\n".join(f'normalize(source_str="{source}", target_str="")' for source in program)
    assert accepts(guide, grammar, text) is allowed


def test_a_string_that_stands_in_more_places_than_an_operation_may_change_is_not_offered(guide: object) -> None:
    grammar = chunk_grammar(["see also the end"] * 65, 0)
    assert not accepts(guide, grammar, 'normalize(source_str="also", target_str="")')
    assert not accepts(guide, grammar, 'normalize(source_str="also the end", target_str="")')
    assert accepts(guide, chunk_grammar(["see also the end"] * 64, 0), 'normalize(source_str="also", target_str="")')


def test_beside_a_reserved_character_no_string_is_offered(guide: object) -> None:
    assert not accepts(
        guide, chunk_grammar([*LINES, "a\ufdd0b"], 0), 'normalize(source_str="rained all", target_str="")'
    )


def test_a_chunk_of_many_long_lines_has_a_grammar_of_bounded_size(guide: object) -> None:
    grammar = chunk_grammar(["word " * 40] * 400, 1000)
    assert len(grammar) < 150_000
    assert accepts(guide, grammar, "remove_lines(start=1000, end=1399)")
