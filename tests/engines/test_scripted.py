"""Given answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prox_spark.engines import Completion, Prompt, ScriptedEngine
from prox_spark.errors import EngineError


def written(path: Path, *entries: object) -> Path:
    file = path / "answers.jsonl"
    file.write_text("\n".join(json.dumps(entry) for entry in entries) + "\n", encoding="utf-8")
    return file


def test_a_prompt_without_an_answer_is_an_error_of_that_prompt_alone() -> None:
    known, unknown = ScriptedEngine({"a": "keep_chunk()"}).generate([Prompt("a"), Prompt("b")])
    assert (known.text, known.finish_reason, known.error) == ("keep_chunk()", "stop", None)
    assert unknown.finish_reason == "error"
    assert "no answer" in (unknown.error or "")


def test_what_a_function_raises_is_the_error_of_its_prompt() -> None:
    def answer(prompt: Prompt) -> str:
        if prompt.text == "bad":
            raise ValueError("no idea")
        return prompt.text.upper()

    good, bad = ScriptedEngine(answer).generate([Prompt("good"), Prompt("bad")])
    assert good.text == "GOOD"
    assert (bad.text, bad.error) == ("", "ValueError: no idea")


def test_a_function_may_give_a_whole_completion() -> None:
    cut = Completion("remove_lines(sta", "length", 7, 256)
    assert ScriptedEngine(lambda prompt: cut).generate([Prompt("x")]) == [cut]


def test_answers_are_not_changed_by_the_caller_later() -> None:
    answers = {"a": "one"}
    engine = ScriptedEngine(answers)
    answers["a"] = "two"
    assert engine.generate([Prompt("a")])[0].text == "one"


def test_whole_prompts_win_over_parts_and_parts_over_the_default(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        {"completion": "default"},
        {"prompt_contains": "rain", "completion": "part"},
        {"prompt_contains": "rained", "completion": "never"},
        {"prompt": "it rained", "completion": "whole"},
    )
    answers = ScriptedEngine.from_file(file).generate([Prompt("it rained"), Prompt("rained"), Prompt("sun")])
    assert [completion.text for completion in answers] == ["whole", "part", "default"]


def test_a_script_can_tell_of_errors_and_cut_answers(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        {"prompt": "a", "error": "boom"},
        {"prompt": "b", "completion": "remove_lines(sta", "finish_reason": "length"},
    )
    error, cut, other = ScriptedEngine.from_file(file).generate([Prompt("a"), Prompt("b"), Prompt("c")])
    assert (error.finish_reason, error.error) == ("error", "boom")
    assert cut.finish_reason == "length"
    assert other.finish_reason == "error"


def test_line_separators_inside_a_completion_do_not_break_the_file(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text(json.dumps({"completion": "a\u2028b\x85c"}, ensure_ascii=False), encoding="utf-8")
    assert ScriptedEngine.from_file(file).generate([Prompt("x")])[0].text == "a\u2028b\x85c"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: expected an object"),
        ('{"completion": 1}', "line 2: expected an object of texts"),
        ('{"prompt": "a"}', "line 2: completion is missing"),
        ('{"promt": "a", "completion": ""}', "line 2: unknown key promt; known: prompt, "),
        ('{"prompt": "a", "prompt_contains": "a", "completion": ""}', "cannot stand together"),
        ('{"completion": "", "finish_reason": "tired"}', "finish_reason must be one of stop, length, skipped, error"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text('{"completion": "keep_chunk()"}\n' + line)
    with pytest.raises(EngineError) as caught:
        ScriptedEngine.from_file(file)
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"engine\.answers: cannot read .*nothing\.jsonl"):
        ScriptedEngine.from_file(tmp_path / "nothing.jsonl")
