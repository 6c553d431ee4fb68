"""The character classes: what they hold, and that both regular expression dialects read them alike."""

from __future__ import annotations

import re
import unicodedata

import pytest

from prox_spark.program.characters import RESERVED, UNSPACED, WHITESPACE, WORD, characters, regex_class
from prox_spark.program.words import count_words


def test_whitespace_is_exactly_what_python_splits_at() -> None:
    spaces = {chr(code) for code in range(0x110000) if chr(code).isspace()}
    assert set(characters(WHITESPACE)) == spaces
    assert spaces == {chr(code) for code in range(0x110000) if f"a{chr(code)}b".split() != [f"a{chr(code)}b"]}


@pytest.mark.parametrize("ranges", [WHITESPACE, WORD, UNSPACED, RESERVED])
def test_ranges_are_sorted_and_apart(ranges: tuple[tuple[int, int], ...]) -> None:
    edges = [edge for pair in ranges for edge in pair]
    assert all(first <= last for first, last in ranges)
    assert edges == sorted(edges)
    assert len(characters(ranges)) == len(set(characters(ranges)))


def test_no_character_is_in_two_classes() -> None:
    classes = [set(characters(ranges)) for ranges in (WHITESPACE, WORD, UNSPACED, RESERVED)]
    assert sum(map(len, classes)) == len(set().union(*classes))


def test_word_characters_are_letters_marks_and_digits() -> None:
    assigned = [c for c in characters(WORD) if unicodedata.category(c) != "Cn"]
    assert [c for c in assigned if unicodedata.category(c)[0] not in "LMN"] == ["_"]
    assert all(c in set(characters(WORD)) for c in "aZ09_éßøñŁğ\u0301αЖ\u05d0\u0645\u0915\u0b85\u10d0\uac00\u1234")
    assert all(c not in set(characters(WORD)) for c in " .,|-'\u2019\u00a0\u00d7\u060c\u0964中かカไ\ufdd0")


@pytest.mark.parametrize("ranges", [WHITESPACE, WORD, UNSPACED, RESERVED])
def test_the_python_class_matches_its_characters_only(ranges: tuple[tuple[int, int], ...]) -> None:
    pattern = re.compile(f"[{regex_class(ranges)}]")
    members = set(characters(ranges))
    assert all((pattern.match(chr(code)) is not None) == (chr(code) in members) for code in range(0x40000))


def test_the_java_class_is_ascii_and_has_the_same_ranges() -> None:
    java = regex_class(UNSPACED, "java")
    numbers = [int(digits, 16) for digits in re.findall(r"\\(?:u|x\{)([0-9a-f]+)", java)]
    assert java.isascii() and numbers == [edge for pair in UNSPACED for edge in pair]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        (" \t\n\u3000\x1c", 0),
        ("one two\u00a0three\u2028four", 4),
        ("l'été — vraiment", 3),
        ("中文字", 3),
        ("中文abc字", 4),
        ("\U00020000\U0002a6d6", 2),
        ("ภาษา", 4),
        ("한국어 단어", 2),
        ("क्या बात", 2),
        ("a\u200bb", 1),
    ],
)
def test_words_are_counted_in_every_script(text: str, words: int) -> None:
    assert count_words(text) == words
