"""The grammar of constrained decoding: every program that it lets through is a good one."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_spark.chunks import WordTokenizer, chunk
from prox_spark.program import execute
from prox_spark.program.grammar import VERDICTS, _between, chunk_grammar

llguidance = pytest.importorskip("llguidance")

LINES = ["Home | About us", "", "It rained all day.", 'He said "no" \\ twice\there', "x", "日本語の文章", "a\ufdd0b"]


@pytest.fixture(scope="module")
def guide() -> object:
    return llguidance.LLTokenizer("byte")


def accepts(guide: object, grammar: str, text: str) -> bool:
    matcher = llguidance.LLMatcher(guide, grammar)
    assert not matcher.is_error(), matcher.get_error()
    return bool(matcher.consume_tokens(list(text.encode())) and matcher.is_accepting())


@given(st.integers(0, 1200), st.integers(0, 300))
@settings(max_examples=60)
def test_ranges_of_numbers_are_exact(low: int, width: int) -> None:
    pattern = re.compile(_between(low, low + width))
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


def written(guide: object, grammar: str, seed: int) -> str:
    """Write a random program, byte by byte, within the grammar; quoting anything it lets."""
    choice, text = random.Random(seed), b""
    matcher = llguidance.LLMatcher(guide, grammar)
    while not matcher.is_stopped() and len(text) < 4000:
        mask = matcher.compute_bitmask()
        allowed = [byte for byte in range(256) if mask[byte // 8] >> (byte % 8) & 1]
        if matcher.is_accepting() and (not allowed or choice.random() < 0.7):
            break
        byte = choice.choice(allowed)
        assert matcher.consume_token(byte)
        text += bytes([byte])
    return text.decode()


@pytest.mark.parametrize("seed", range(40))
def test_what_a_random_model_writes_within_the_grammar_is_never_rejected(guide: object, seed: int) -> None:
    text = "\n".join(LINES[:-1])
    part = chunk(text, WordTokenizer())[0]
    program = written(guide, chunk_grammar(LINES[:-1], 0), seed)
    first = program.split("\n")[0]  # a second deletion of the same words has nothing left to find
    done = execute(text, [(part, first)])
    expected = [] if first.startswith("#") else ["applied"]
    assert [operation.status for operation in done.operations] == expected, first


def test_a_chunk_of_many_long_lines_has_a_grammar_of_bounded_size(guide: object) -> None:
    grammar = chunk_grammar(["word " * 40] * 400, 1000)
    assert len(grammar) < 150_000
    assert accepts(guide, grammar, "remove_lines(start=1000, end=1399)")
