"""Steps that are told on their way to whoever listens: no Spark."""

from __future__ import annotations

from prox_spark.pipeline.progress import Step, forward


def test_nobody_hears_of_a_step_back_inside_a_stage() -> None:
    heard: list[Step] = []
    tell = forward(heard.append)
    assert tell is not None and forward(None) is None
    steps = [Step("refine doc", 8, 20, 80), Step("refine doc", 3, 20, 90), Step("refine doc", 20, 20, 200)]
    for step in (*steps, Step("apply doc", 0, 20)):
        tell(step)
    assert [(step.stage, step.done, step.tokens) for step in heard] == [
        ("refine doc", 8, 80), ("refine doc", 8, 90), ("refine doc", 20, 200), ("apply doc", 0, 0),
    ]  # fmt: skip
