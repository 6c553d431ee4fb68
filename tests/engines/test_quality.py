"""Each document rule, at its published threshold."""

from __future__ import annotations

import pytest

from prox_spark.engines.rules import DOCUMENT_RULES, broken_rules

WORDS = ["the", "river", "rose", "with", "every", "hour", "of", "rain"]


def words(count: int) -> str:
    return " ".join(WORDS[i % len(WORDS)] for i in range(count))


@pytest.mark.parametrize(
    ("rule", "breaks", "passes"),
    [
        ("gopher_short", words(49), words(50)),
        ("gopher_long", words(100_001), words(100_000)),
        ("gopher_short_words", "it is so " * 30, "the one " * 30),
        ("gopher_long_words", "abcdefghijk " * 30, "abcdefghij " * 30),
        ("gopher_hashes", "#a b " * 6 + "c " * 40, "#a b " * 5 + "c " * 40),
        ("gopher_ellipses", "a... " * 6 + "c " * 44, "a... " * 5 + "c " * 45),
        ("gopher_bullets", "\u2022 a\n" * 10, "\u2022 a\n" * 9 + "a"),
        ("gopher_ellipsis_lines", "a...\n" * 4 + "a\n" * 6, "a...\n" * 3 + "a\n" * 7),
        ("gopher_not_alphabetic", "12 " * 21 + "a " * 79, "12 " * 20 + "a " * 80),
        ("gopher_stop_words", "the the the river", "the river with rain"),
        ("c4_lorem_ipsum", "Lorem Ipsum is what they say here.", "Lorem Ipsum is what they say here"),
        ("c4_curly_bracket", "If it rains {then} it rains all day.", "if (x) {"),
        ("c4_few_sentences", "It rained all day long. It did.\nHome", "It rained all day long. It did. So?\nHome"),
        ("fineweb_punctuation", "a.\n" * 12 + "a\n" * 88, "a.\n" * 13 + "a\n" * 87),
        ("fineweb_duplicates", "aa\naa\n" + "b" * 16, "aa\naa\n" + "b" * 17),
        ("fineweb_short_lines", "a\n" * 67 + ("b" * 30 + "\n") * 33, "a\n" * 66 + ("b" * 30 + "\n") * 34),
    ],
)
def test_a_rule_breaks_at_its_threshold(rule: str, breaks: str, passes: str) -> None:
    rule_set = DOCUMENT_RULES[rule][0]
    assert rule in broken_rules(breaks, [rule_set])
    assert rule not in broken_rules(passes, [rule_set])


def test_every_rule_is_named_after_its_set() -> None:
    assert all(name.startswith(f"{rule_set}_") for name, (rule_set, _) in DOCUMENT_RULES.items())


def test_an_empty_document_breaks_rules_and_raises_nothing() -> None:
    assert "gopher_short" in broken_rules("", ["c4", "gopher", "fineweb"])


def test_a_page_of_prose_breaks_none() -> None:
    prose = "\n".join(f"On day {i} the rain went on, and the river rose with every hour of it." for i in range(9))
    assert broken_rules(prose, ["c4", "gopher", "fineweb"]) == []
