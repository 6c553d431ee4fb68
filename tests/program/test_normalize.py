"""Strict replacement: word boundaries, no cascades, and the reasons for refusing in their order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_spark.program import Operation, Policy
from prox_spark.program.normalize import normalize


def run(text: str, *pairs: tuple[str, str], **policy: Any) -> tuple[str, list[Any]]:
    operations = [Operation("normalize", source=source, target=target) for source, target in pairs]
    edited, fates = normalize(text, list(enumerate(operations)), Policy(**policy))
    return edited, [fates[index] for index in range(len(pairs))]


@pytest.mark.parametrize(
    ("text", "source", "result"),
    [
        ("Share Shareholders preShare Share.", "Share", " Shareholders preShare ."),
        ("_Share 1Share éShare Share", "Share", "_Share 1Share éShare "),
        ("Поделиться Поделитьсяся", "Поделиться", " Поделитьсяся"),
        ("e\u0301tude etude", "etude", "e\u0301tude "),
        ("cafe\u0301 cafe", "cafe", "cafe\u0301 "),
        ("分享按钮分享", "分享", "按钮"),
        ("xx|| ||x", "||", "xx x"),
        ("a|b", "|b", "a"),
        ("a |bc |b", " |b", "a |bc"),
        ("ab. abc", "ab.", " abc"),
        ("xab. ab.", "ab.", "xab. "),
        ("anan an", "an", "anan "),
        ("anananan", "anan", "anananan"),
        ("--a--a--", "--", "aa"),
    ],
)
def test_a_string_that_is_a_word_is_not_found_inside_longer_words(text: str, source: str, result: str) -> None:
    assert run(text, (source, ""))[0] == result


def test_what_one_operation_wrote_no_other_finds() -> None:
    edited, fates = run("aa bb cc", ("aa", "bb"), ("bb", "cc"), ("cc", "aa"))
    assert edited == "bb cc aa"
    assert fates == [(None, 1)] * 3


def test_an_operation_does_not_find_what_spans_an_earlier_place() -> None:
    assert run("big red car", ("red", ""), ("big  car", "x"))[1] == [(None, 1), ("not_found", 0)]


def test_ten_operations_keep_their_places_apart() -> None:
    pairs = [(f"w{number}", f"{number}") for number in range(120)]
    edited, _ = run(" ".join(source for source, _ in pairs), *pairs)
    assert edited == " ".join(target for _, target in pairs)


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("", "", "blank_source"),
        ("\u3000\n", "", "blank_source"),
        ("x", "", "short_source"),
        ("\r", "", "blank_source"),
        ("a\rb", "", "spans_lines"),
        ("ab", "a\n", "spans_lines"),
        ("ab", "abc", "grows"),
        ("a\ufdd0", "", "reserved_character"),
        ("ab", "\ufdef", "reserved_character"),
        ("zz", "", "not_found"),
        ("ha", "", "inside_word"),
        ("up", "", "too_many_matches"),
    ],
)
def test_each_refusal_has_its_reason_and_leaves_the_text(source: str, target: str, reason: str | None) -> None:
    text = "that ab up up up"
    assert run(text, (source, target), max_matches=2) == (text, [(reason, 0)])


def test_a_text_with_reserved_characters_is_not_searched() -> None:
    assert run("ab \ufdd5", ("ab", ""))[1] == [("reserved_character", 0)]


WORDS = st.text(st.sampled_from("aab -é中"), min_size=1, max_size=5)


@given(st.text(st.sampled_from("aab -é中\n"), max_size=80), st.lists(st.tuples(WORDS, WORDS), max_size=5))
def test_no_placeholder_is_left_and_counts_say_what_changed(text: str, pairs: list[tuple[str, str]]) -> None:
    edited, fates = run(text, *pairs, max_matches=1000)
    assert not any("\ufdd0" <= character <= "\ufdef" for character in edited)
    grown = sum(found * (len(target) - len(source)) for (source, target), (_, found) in zip(pairs, fates, strict=True))
    assert len(edited) == len(text) + grown
    assert edited.count("\n") == text.count("\n")
