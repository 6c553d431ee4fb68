"""The scripted engine: given answers, the same every time; for tests, notebooks and dry runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

from prox_spark.chunks import WordTokenizer
from prox_spark.engines.seam import Completion, FinishReason, Prompt
from prox_spark.errors import EngineError

Answer = Callable[[Prompt], "str | Completion"]
_KEYS = ("prompt", "prompt_contains", "completion", "finish_reason", "error")


class ScriptedEngine:
    """An engine that gives each prompt its answer.

    >>> engine = ScriptedEngine({"[000]Home": "remove_lines(start=0, end=0)"}, default="keep_chunk()")
    >>> [c.text for c in engine.generate([Prompt("[000]Home"), Prompt("[000]It rained.")])]
    ['remove_lines(start=0, end=0)', 'keep_chunk()']
    """

    def __init__(self, answers: Mapping[str, str] | Answer, *, default: str | None = None) -> None:
        """Take the answers.

        Args:
            answers: Whole prompt text to completion, or a function of the prompt; what it raises becomes the error of
                that prompt alone.
            default: Answer to prompts that the mapping lacks; None makes them errors.
        """
        self._answer: Answer = answers if callable(answers) else _looked_up(dict(answers), default)
        self._tokenizer = WordTokenizer()

    @classmethod
    def from_file(cls, path: str | Path) -> ScriptedEngine:
        """Read answers from a JSON lines file.

        A line is an object with `completion` (text) and at most one of `prompt` (the whole prompt) and
        `prompt_contains` (a part of it); with neither it is the answer to all other prompts. `finish_reason` and
        `error` may be given too. Whole prompts win over parts, and earlier parts over later ones.

        Raises:
            EngineError: The file cannot be read or a line is not such an object; names the line.
        """
        return cls(_script(Path(path)))

    @property
    def tokenizer(self) -> WordTokenizer:
        """Count words, as there is no model."""
        return self._tokenizer

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt."""
        counts = self._tokenizer.count([prompt.text for prompt in prompts])
        return [self._complete(prompt, count) for prompt, count in zip(prompts, counts, strict=True)]

    def close(self) -> None:
        """Do nothing: answers hold nothing."""

    def _complete(self, prompt: Prompt, prompt_tokens: int) -> Completion:
        try:
            answer = self._answer(prompt)
        except Exception as error:  # noqa: BLE001 - whatever the caller's function raises is this prompt's error
            return Completion("", "error", prompt_tokens, 0, f"{type(error).__name__}: {error}")
        if isinstance(answer, Completion):
            return answer
        return Completion(answer, "stop", prompt_tokens, self._tokenizer.count([answer])[0])


def _looked_up(answers: Mapping[str, str], default: str | None) -> Answer:
    def answer(prompt: Prompt) -> str:
        completion = answers.get(prompt.text, default)
        if completion is None:
            raise LookupError("no answer is given for this prompt")
        return completion

    return answer


def _script(path: Path) -> Answer:
    whole: dict[str, dict[str, str]] = {}
    parts: list[tuple[str, dict[str, str]]] = []
    default: dict[str, str] | None = None
    for entry in _entries(path):
        if "prompt" in entry:
            whole.setdefault(entry["prompt"], entry)
        elif "prompt_contains" in entry:
            parts.append((entry["prompt_contains"], entry))
        else:
            default = entry

    def answer(prompt: Prompt) -> str | Completion:
        entry = whole.get(prompt.text) or next((e for part, e in parts if part in prompt.text), default)
        if entry is None:
            raise LookupError(f"{path} has no answer for this prompt")
        return _completion(entry, prompt)

    return answer


def _completion(entry: Mapping[str, str], prompt: Prompt) -> Completion:
    text, error = entry.get("completion", ""), entry.get("error")
    reason = entry.get("finish_reason") or ("error" if error else "stop")
    asked, answered = WordTokenizer().count([prompt.text, text])
    return Completion(text, cast("FinishReason", reason), asked, answered, error)


def _entries(path: Path) -> Iterator[dict[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(f"engine.answers: cannot read {path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _entry(line, f"engine.answers: {path}, line {number}")


def _entry(line: str, where: str) -> dict[str, str]:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as error:
        raise EngineError(f"{where}: not JSON: {error}") from error
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        raise EngineError(f"{where}: expected an object of texts, got {line[:80]}")
    if unknown := sorted(set(entry) - set(_KEYS)):
        raise EngineError(f"{where}: unknown key {unknown[0]}; known: {', '.join(_KEYS)}")
    if "prompt" in entry and "prompt_contains" in entry:
        raise EngineError(f"{where}: prompt and prompt_contains cannot stand together")
    if "completion" not in entry and "error" not in entry:
        raise EngineError(f"{where}: completion is missing")
    if entry.get("finish_reason", "stop") not in get_args(FinishReason):
        raise EngineError(f"{where}: finish_reason must be one of {', '.join(get_args(FinishReason))}")
    return entry
