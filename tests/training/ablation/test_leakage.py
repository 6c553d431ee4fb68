"""What is judged on is not learned from: the same text, its words, a long passage of it, its site."""

from __future__ import annotations

import pickle
import random

import pytest

from prox_spark.training.ablation.leakage import PASSAGE, Guard, site_of
from prox_spark.training.ablation.texts import HeldOut

CHANCE = random.Random(5)
WORDS = [f"word{number}" for number in range(400)]
JUDGED = " ".join(WORDS[:200])


def guard(text: str = JUDGED, site: str = "judged.example") -> Guard:
    return Guard.of([HeldOut("pages", "1", site, text)])


def passage(words: int) -> str:
    """Give a text of other words around so many words in a row of the judged one."""
    others = [f"other{number}" for number in range(100)]
    return " ".join([*others[:50], *WORDS[60 : 60 + words], *others[50:]])


@pytest.mark.parametrize(
    ("text", "site", "leak"),
    [
        (JUDGED, "", "text"),
        (JUDGED.upper().replace(" ", ", "), "", "words"),
        (passage(PASSAGE), "", "passage"),
        (passage(PASSAGE).replace("word70 ", "Word70!\n\n"), "", "passage"),
        (passage(PASSAGE - 1), "", None),
        ("something else", "judged.example", "site"),
        ("something else", "other.example", None),
        ("", "", None),
    ],
)
def test_a_document_that_shows_what_is_judged_on_is_told_with_the_reason(
    text: str, site: str, leak: str | None
) -> None:
    assert guard().leak(text, site) == leak


def test_a_script_without_spaces_has_passages_too() -> None:
    characters = [chr(0x4E00 + number) for number in CHANCE.sample(range(3000), 120)]
    kept = "".join(characters[20 : 20 + PASSAGE])
    assert guard("".join(characters)).leak(f"前文{kept}后文") == "passage"
    assert guard("".join(characters)).leak(f"前文{kept[1:]}后文") is None


def test_a_document_without_a_site_keeps_no_site_out() -> None:
    assert Guard.of([HeldOut("pages", "1", "1", "a b")]).sites == frozenset()
    assert guard("a b", site="1").leak("c d", "1") is None


def test_a_text_shorter_than_a_passage_is_known_by_all_its_words_alone() -> None:
    short = guard("It rained all day.")
    assert short.leak("it rained, all day") == "words"
    assert short.leak("It rained all day. And all night.") is None


def test_a_guard_travels_and_says_the_same_there() -> None:
    there = pickle.loads(pickle.dumps(guard()))
    assert there.leak(passage(PASSAGE)) == "passage"


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://www.example.org/a", "example.org"),
        ("http://a.b.example.co.uk", "example.co.uk"),
        ("example.com", "example.com"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://[broken", ""),
        ("", ""),
    ],
)
def test_the_site_of_an_address_is_what_is_registered(address: str, site: str) -> None:
    assert site_of(address) == site
