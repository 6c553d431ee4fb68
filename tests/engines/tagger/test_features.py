"""What the tagger knows of lines."""

from __future__ import annotations

import numpy as np
import pytest

from prox_spark.engines.tagger.features import LAYOUT, SHAPES, layout, measure, phrases

VOCABULARY = {phrase: number for number, phrase in enumerate(["home", "login", "=home", "^home", "rained", "0000"])}


def shape(line: str, name: str) -> float:
    return float(measure([line], VOCABULARY).shapes[0, SHAPES.index(name)])


def place(lines: list[str], name: str) -> list[float]:
    return [round(float(value), 3) for value in layout(measure(lines, VOCABULARY))[:, LAYOUT.index(name)]]


def test_a_sentence_and_a_menu_differ_in_shape() -> None:
    sentence, menu = "It rained all day long, and the river rose.", "Home | About Us | Contact Us"
    assert shape(sentence, "ends_sentence") == 1.0 and shape(menu, "ends_sentence") == 0.0
    assert shape(menu, "capitalised") > 0.9 > 0.2 > shape(sentence, "capitalised")
    assert shape(menu, "separators") > 0 == shape(sentence, "separators")
    assert shape(sentence, "function_words") > shape(menu, "function_words")


def test_chinese_prose_is_measured_in_the_units_of_english() -> None:
    chinese, english = (
        "昨天下了一整天的雨，河水漫过了堤岸，淹没了田野和村庄。",
        "It rained all day, and the river rose over its banks and flooded fields.",
    )
    for name in ("letters", "words", "word_length"):
        assert shape(chinese, name) == pytest.approx(shape(english, name), abs=0.12)
    assert shape(chinese, "ends_sentence") == shape(english, "ends_sentence") == 1.0
    assert shape(chinese, "function_words") > 0.15
    assert measure([chinese], VOCABULARY).prose[0]


def test_interface_words_are_known_in_chinese() -> None:
    lines = measure(["首页 | 登录", "home login"], VOCABULARY)
    of = [set(lines.tokens[a:b]) for a, b in zip(lines.token_starts, lines.token_starts[1:], strict=False)]
    assert {VOCABULARY["home"], VOCABULARY["login"]} <= of[0] & of[1]


def test_unknown_words_are_left_out() -> None:
    lines = measure(["zzyzx", "Home"], VOCABULARY)
    assert lines.token_starts.tolist() == [0, 0, 3]


def test_numbers_are_known_by_their_length() -> None:
    assert "0000" in phrases(["in", "1987"]) and "1987" not in phrases(["in", "1987"])


def test_copies_place_and_neighbours_are_seen() -> None:
    prose = "It rained all day long, and the river rose over its banks."
    lines = ["Home", "Home", prose, "The river"]
    assert place(lines, "repeated") == [round(float(np.log(2)), 3)] * 2 + [0.0, 0.0]
    assert place(lines, "first_copy") == [1.0, 0.0, 1.0, 1.0]
    assert place(lines, "topical") == [0.0, 0.0, 0.0, 1.0]  # `river` stands in prose; its own prose does not count
    assert place(lines, "prose_above") == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "line", ["x" * 1_000_000, "雨" * 300_000, "\ud800", "\x00", "1", "🙂🙂", "((((" * 9999, "a " * 200_000]
)
def test_any_line_is_measured_in_finite_numbers(line: str) -> None:
    lines = measure([line, line], VOCABULARY)
    assert np.isfinite(lines.shapes).all() and np.isfinite(layout(lines)).all()
    assert abs(lines.shapes).max() < 10
