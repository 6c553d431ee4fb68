"""Progress: a bar on a terminal, lines elsewhere, nothing when quiet."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from prox_spark.cli.progress import Reporter, numbers
from prox_spark.pipeline import Step
from prox_spark.report.numbers import duration


class Clock:
    """Give the time that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def reported(steps: list[tuple[float, Step]], *, shown: bool = True, terminal: bool = False) -> str:
    clock, stream = Clock(), io.StringIO()
    console = Console(file=stream, width=100, force_terminal=terminal, color_system=None)
    with Reporter(console, shown=shown, clock=clock) as reporter:
        for at, step in steps:
            clock.now = at
            reporter(step)
    return stream.getvalue()


def test_without_a_terminal_a_line_is_written_now_and_then_and_at_the_end() -> None:
    steps = [(float(second), Step("refine doc", second * 10, 400, second * 1000)) for second in range(41)]
    assert reported(steps).splitlines() == [
        "refine doc: 100 of 400 documents, 1,000 tokens/s, 30 s left",
        "refine doc: 200 of 400 documents, 1,000 tokens/s, 20 s left",
        "refine doc: 300 of 400 documents, 1,000 tokens/s, 10 s left",
        "refine doc: 400 of 400 documents, 1,000 tokens/s, 40 s",
    ]


def test_a_stage_of_unknown_length_is_a_line_when_it_is_over() -> None:
    steps = [(0.0, Step("ingest", 0, 0)), (65.0, Step("apply doc", 0, 10)), (70.0, Step("apply doc", 10, 10))]
    assert reported(steps).splitlines() == ["ingest: 1:05", "apply doc: 10 of 10 documents, 5.0 s"]


def test_spark_tasks_show_how_far_a_step_of_unknown_length_is() -> None:
    clock, stream = Clock(), io.StringIO()
    with Reporter(Console(file=stream, width=100, color_system=None), shown=True, clock=clock) as reporter:
        reporter.tasks(1, 2)  # no step has begun: nothing to add to
        reporter(Step("ingest", 0, 0))
        for second in range(1, 26):
            clock.now = float(second)
            reporter.tasks(second, 40)
    assert stream.getvalue().splitlines() == [
        "ingest: 10 of 40 tasks, 27 s left, 10 s",
        "ingest: 20 of 40 tasks, 19 s left, 20 s",
        "ingest: 25 s",
    ]


def test_spark_tasks_behind_a_step_that_has_ended_are_none_of_its_own() -> None:
    clock, stream = Clock(), io.StringIO()
    with Reporter(Console(file=stream, width=100, color_system=None), shown=True, clock=clock) as reporter:
        reporter(Step("apply chunk", 0, 10))
        reporter(Step("apply chunk", 10, 10))
        for second in range(1, 26):
            clock.now = float(second)
            reporter.tasks(second, 40)
    assert stream.getvalue().splitlines() == ["apply chunk: 10 of 10 documents, 0.0 s"]


def test_an_estimated_total_says_so() -> None:
    steps = [(float(second), Step("ingest", second * 100, 4000, exact=False)) for second in range(12)]
    assert reported([*steps, (12.0, Step("ingest", 4000, 0))]).splitlines() == [
        "ingest: 1,000 of about 4,000 documents, 30 s left",
        "ingest: 12 s",
    ]


def test_quiet_shows_nothing() -> None:
    steps = [(0.0, Step("refine doc", 0, 10)), (60.0, Step("refine doc", 10, 10))]
    assert reported(steps, shown=False) == ""
    assert reported(steps, shown=False, terminal=True) == ""


def test_a_terminal_shows_each_stage_with_its_numbers() -> None:
    steps = [
        (0.0, Step("ingest", 0, 0)),
        (1.0, Step("refine doc", 0, 1200)),
        (9.0, Step("refine doc", 1200, 1200, 5000)),
    ]
    shown = reported(steps, terminal=True)
    assert "ingest" in shown
    assert "1,200 of 1,200 documents" in shown
    assert "tokens/s" in shown


def test_an_error_goes_on_up() -> None:
    def fail() -> None:
        with Reporter(Console(file=io.StringIO()), shown=True) as reporter:
            reporter(Step("refine doc", 1, 10))
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()


@pytest.mark.parametrize(
    ("done", "total", "tokens", "elapsed", "text"),
    [
        (0, None, 0, 2.0, "2.0 s"),
        (0, 10, 0, 2.0, "0 of 10 documents"),
        (5, 10, 0, 60.0, "5 of 10 documents, 1:00 left"),
        (10, 10, 900, 3.0, "10 of 10 documents, 300 tokens/s, 3.0 s"),
        (7, None, 0, 90.0, "7 documents, 1:30"),
    ],
)
def test_numbers_say_what_is_known(done: int, total: int | None, tokens: int, elapsed: float, text: str) -> None:
    assert numbers(done, total, tokens, elapsed) == text


def test_durations_are_read_at_a_glance() -> None:
    assert [duration(value) for value in (0, 9.94, 59.6, 60, 86_399)] == ["0.0 s", "9.9 s", "60 s", "1:00", "23:59:59"]
