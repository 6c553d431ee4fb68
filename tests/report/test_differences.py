"""Two texts side by side: nothing is left out, changed words are marked, long runs are hidden."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_spark.program.characters import visible
from prox_spark.report.differences import Block, blocks

TEXTS = st.lists(st.sampled_from(["a", "b", "Home", "a line of words", "a line of other words", ""]), max_size=30)


def side(found: list[Block], sign: str) -> list[str]:
    lines = [line for block in found for line in block.lines if line.sign in (" ", sign)]
    return ["".join(part for part, _ in line.parts) for line in lines]


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_back_from_the_difference(before: list[str], after: list[str]) -> None:
    found = blocks("\n".join(before), "\n".join(after))
    assert side(found, "-") == "\n".join(before).split("\n")
    assert side(found, "+") == "\n".join(after).split("\n")


def test_the_words_that_changed_in_a_line_are_marked() -> None:
    (block,) = blocks("It costs 5 $ today.", "It costs 5 dollars today.")
    assert [[part for part, changed in line.parts if changed] for line in block.lines] == [["$"], ["dollars"]]


def test_long_runs_that_stay_are_hidden_but_for_their_ends() -> None:
    story = "\n".join(f"line {number}" for number in range(50))
    found = blocks(f"Menu\n{story}\nFooter", story)
    assert [(block.hidden, len(block.lines)) for block in found] == [(False, 4), (True, 44), (False, 4)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n" * 60_000, "\n" * 30_000 + "a" + "\n" * 29_000 + "b"),
        ("word " * 12_000, "word " * 6_000 + "a " + "word " * 5_000 + "b"),
        ("x\n\n" * 15_000, "".join("x\n\n" if number % 50 else "y\n\n" for number in range(15_000))),
    ],
)
def test_what_a_text_repeats_everywhere_does_not_hold_the_page_up(before: str, after: str) -> None:
    begun = time.process_time()
    found = blocks(before, after)
    assert time.process_time() - begun < 20  # it took hours
    assert "\n".join(side(found, "-")) == before and "\n".join(side(found, "+")) == after


def test_a_dropped_text_is_shown_by_its_beginning() -> None:
    found = blocks("\n".join("x" * 100), None)
    assert {line.sign for block in found for line in block.lines} == {"-"}
    assert [block.hidden for block in found] == [False, True]


def test_characters_that_could_harm_a_page_are_replaced() -> None:
    assert visible("a\x00b\x1bc\u202ed\te") == "a�b�c�d\te"
