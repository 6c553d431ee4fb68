"""The tables and the picture of an ablation say what its result says, and no more."""

from __future__ import annotations

from support.ablation_result import interval, result

from prox_spark.training.ablation.page import plot, plot_cost, summary


def test_the_tables_have_each_corpus_with_its_difference_and_what_it_means() -> None:
    written = summary(result())
    assert "| refined | 1.9800 | -0.0200 (-0.0300 to -0.0100) | -0.0210 -0.0190 | better |" in written
    assert "| raw | 2.0000 | – | – |  |" in written
    assert "because they show what is judged on: 3 by passage." in written
    assert "| refined | wiki | 0.1000 | 20% (10% to 30%) | 0.80B |" in written


def test_a_difference_without_an_interval_is_not_known_and_one_around_zero_shows_nothing() -> None:
    [difference] = result()["differences"]
    alone = {**difference, "total": interval(-0.02), "is_clear": False}
    assert "| -0.0200 | -0.0210 -0.0190 | not known |" in summary(result(differences=[alone]))
    unclear = {**difference, "total": interval(-0.02, -0.05, 0.01), "is_clear": False}
    assert "no difference is shown" in summary(result(differences=[unclear]))
    worse = {**difference, "total": interval(0.02, 0.01, 0.03)}
    assert "| worse |" in summary(result(differences=[worse]))


def test_right_answers_have_a_table_where_questions_were_asked() -> None:
    answers = [{"set": "questions", "arm": "raw", "by_seed": [0.5], "mean": interval(0.5)}]
    assert "| raw | 50.0% | – |" in summary(result(answers=answers))
    assert "right answers" not in summary(result())


def test_a_name_cannot_break_a_table() -> None:
    assert "| a/b | 1.9800 |" in summary(result("a|b"))


def test_the_pictures_are_drawn_with_the_corpora_and_the_set() -> None:
    drawn = plot(result())
    assert drawn.startswith("<svg") and "wiki" in drawn and "refined" in drawn and "more than raw" in drawn
    assert "GPU hours saved" in plot_cost()
