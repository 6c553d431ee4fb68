"""Signatures: what is alike has the same, how often copies meet and stay apart, and that no text breaks them."""

from __future__ import annotations

import gzip
import json
import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.copies import planted

import prox_spark.demo
from prox_spark.duplicates import SignatureSettings, chance_of_meeting, signature_fingerprint
from prox_spark.duplicates.shingles import shingles
from prox_spark.duplicates.signatures import BLOCK, estimates, signatures, similarities

FINEWEB = SignatureSettings()
PINNED = -8404838695184360495  # of all bands together
SAMPLE = Path(prox_spark.demo.__file__).parent / "data" / "c4" / "en.noclean"


@cache
def pages() -> tuple[str, ...]:
    """Give real pages that are long enough for a few changed words to be a small share."""
    lines = [line for file in sorted(SAMPLE.glob("*.gz")) for line in gzip.decompress(file.read_bytes()).splitlines()]
    texts = [json.loads(line)["text"] for line in lines]
    return tuple(text for text in texts if len(text.split(" ")) >= 200)


def same(one: str, other: str, settings: SignatureSettings = FINEWEB) -> bool:
    signed = signatures([one, other], settings)
    return bool((signed.bands[0] == signed.bands[1]).all() and (signed.minhashes[0] == signed.minhashes[1]).all())


def meet(one: str, other: str) -> bool:
    signed = signatures([one, other], FINEWEB)
    return bool((signed.bands[0] == signed.bands[1]).any())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It rained all day.", "it RAINED -- all\tday"),
        ("Ein Café für 5 Euro", "ein cafe\u0301 fur 7 euro"),
        ("\uff21\uff22\uff23 wide", "abc wide"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\u6771\u4eac\u30bf\u30ef\u30fc", "\u6771 \u4eac\u3002\u30bf\u30ef\u30fc"),
    ],
)
def test_case_accents_width_punctuation_and_digits_do_not_count(one: str, other: str) -> None:
    assert same(one, other)


def test_digits_count_where_that_is_asked_for() -> None:
    apart = SignatureSettings(fold_digits=False)
    assert not same("chapter 5 of it", "chapter 7 of it", apart)
    assert signature_fingerprint(apart) != signature_fingerprint(FINEWEB)


def test_words_and_not_letters_are_what_shingles_are_made_of() -> None:
    assert not same("a bc", "ab c")
    assert not same("one two three four five six", "one two three four six five")


def test_scripts_without_spaces_are_compared_by_characters() -> None:
    text = "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u306f\u5206\u304b\u3061\u66f8\u304d\u3055\u308c\u306a\u3044"
    assert shingles([text], words=5).hashes.size == len(text) - 4
    [similar] = similarities([(text, text[:-1] + "\u3044\u3044")], FINEWEB)
    assert 0.8 < similar < 1


def test_a_text_has_the_same_signature_in_any_company() -> None:
    texts = ["", "word", *pages()[:6], "x " * (3 * BLOCK), "!?", pages()[0]]
    together = signatures(texts, FINEWEB)
    for number, text in enumerate(texts):
        alone = signatures([text], FINEWEB)
        assert together.has_words[number] == alone.has_words[0]
        assert (together.bands[number] == alone.bands[0]).all()
        assert (together.minhashes[number] == alone.minhashes[0]).all()


def test_the_signatures_of_a_text_are_those_of_every_release() -> None:
    signed = signatures(["It rained all day, and the river rose by 3 metres. \u6771\u4eac"], FINEWEB)
    assert np.bitwise_xor.reduce(signed.bands[0]) == PINNED


def test_texts_without_words_are_like_no_other() -> None:
    assert signatures(["", "?!", " \n"], FINEWEB).has_words.tolist() == [False] * 3
    assert similarities([("", "?!")], FINEWEB) == [0.0]


@given(st.lists(st.text(max_size=40), max_size=8))
def test_any_text_has_a_signature(texts: list[str]) -> None:
    signed = signatures(texts, FINEWEB)
    assert signed.bands.shape == (len(texts), 14) and signed.minhashes.shape == (len(texts), 112)


@given(st.text(alphabet="ab \u4e00", max_size=30), st.text(alphabet="ab \u4e00", max_size=30))
def test_the_similarity_is_that_of_the_sets_of_shingles(one: str, other: str) -> None:
    def by_hand(text: str) -> set[tuple[str, ...]]:
        words = text.replace("\u4e00", " \u4e00 ").split()
        return {tuple(words[at : at + 2]) for at in range(max(1, len(words) - 1))} if words else set()

    first, second = by_hand(one), by_hand(other)
    expected = len(first & second) / len(first | second) if first | second else 0.0
    assert similarities([(one, other)], SignatureSettings(words=2)) == [expected]


def test_planted_copies_of_real_pages_meet_as_often_as_the_bands_promise() -> None:
    chance = random.Random(1)
    for wanted, low, high in ((0.95, 0.99, 1.0), (0.9, 0.98, 1.0), (0.5, 0.0, 0.2)):
        pairs = [(text, planted(text, wanted, chance)) for text in pages() for _ in range(2)]
        met = [meet(*pair) for pair in pairs]
        similar = similarities(pairs, FINEWEB)
        assert abs(np.mean(similar) - wanted) < 0.03
        assert low <= np.mean(met) <= high
        theory = np.mean([chance_of_meeting(value, FINEWEB) for value in similar])
        assert abs(np.mean(met) - theory) < 4 * np.sqrt(max(theory * (1 - theory), 0.01) / len(pairs))
        dropped = [ours and value >= 0.75 for ours, value in zip(met, similar, strict=True)]
        assert np.mean(dropped) >= 0.98 if wanted >= 0.9 else np.mean(dropped) <= 0.01


def test_signatures_estimate_the_similarity() -> None:
    chance = random.Random(2)
    pairs = [(text, planted(text, wanted, chance)) for wanted in (0.5, 0.75, 0.9) for text in pages()[:40]]
    one, other = (signatures(side, FINEWEB).minhashes for side in zip(*pairs, strict=True))
    stored = estimates([row.tobytes() for row in one], [row.tobytes() for row in other])
    errors = np.array(stored) - np.array(similarities(pairs, FINEWEB))
    assert abs(errors.mean()) < 0.02
    assert errors.std() < 0.06  # sqrt(0.25 / 112) is 0.047
