"""Scores of labelled pages."""

from __future__ import annotations

import pytest

from prox_spark.evaluation import Counts, GoldPage, count, summarise


def page(**changes: object) -> GoldPage:
    fields: dict[str, object] = {
        "id": "a",
        "source": "s",
        "domain": "d",
        "page_type": "",
        "lines": ("Home", "It rained all day.", "The river rose.", "Login"),
        "keep": (False, True, True, False),
        "counted": (True, True, True, True),
        "fold": 0,
    }
    return GoldPage(**{**fields, **changes})  # type: ignore[arg-type]


def test_kept_words_and_removed_lines_are_counted_against_the_gold() -> None:
    kept, removed = count(page(), [True, False, True, False])
    assert kept == (4, 1, 3)  # four words kept rightly, `Login` kept wrongly, three words lost
    assert removed == (1, 1, 1)


def test_lines_that_are_unclear_count_nowhere() -> None:
    kept, removed = count(page(counted=(False, True, False, True)), [True, False, True, True])
    assert (kept, removed) == ((4, 0, 0), (1, 0, 0))


def test_f1_is_the_mean_over_pages_and_pooled_over_words() -> None:
    found = summarise([Counts("a", (10, 0, 0), (0, 0, 0)), Counts("b", (10, 90, 0), (0, 0, 90))])
    assert found.kept_f1.value == pytest.approx((1 + 20 / 110) / 2)
    assert found.kept_f1_pooled.value == pytest.approx(40 / 130)
    assert found.kept_precision.value == pytest.approx((1 + 0.1) / 2)


def test_a_page_without_content_of_which_nothing_is_kept_is_right() -> None:
    assert summarise([Counts("a", (0, 0, 0), (5, 0, 0))]).kept_f1.value == 1.0


def test_intervals_hold_the_value_and_draw_whole_sites() -> None:
    mixed = [Counts(f"site{n % 8}", (n % 8, 8 - n % 8, 1), (1, 1, 1)) for n in range(64)]
    found = summarise(mixed).kept_f1
    assert found.low < found.value < found.high
    one_site = summarise([Counts("same", item.kept, item.removed) for item in mixed]).kept_f1
    assert one_site.low == pytest.approx(one_site.high)


def test_the_same_pages_give_the_same_intervals() -> None:
    counts = [Counts(str(n), (n, 3, 2), (1, 0, 1)) for n in range(9)]
    assert summarise(counts) == summarise(counts)
