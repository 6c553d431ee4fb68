"""The tagger engine: a small transformer over the lines of a page writes programs, on a CPU and without torch.

A chunk prompt is answered with one `remove_lines` for every run of lines that go, or `keep_chunk()`; a blank line
shares the fate of the line above it. A document prompt is answered `keep_doc()` or `drop_doc()`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import resources
from pathlib import Path

from prox_spark.chunks import WordTokenizer
from prox_spark.engines.seam import Completion, Prompt

TAGGER_VERSION = 2
"""Part of the fingerprint: raise it with every change of what the same weights answer."""

_NUMBERED = re.compile(r"\[([0-9]{3,})\](.*)", re.DOTALL)


@contextmanager
def shipped_weights() -> Iterator[Path]:
    """Give the file with the weights that ship: itself, or a copy where the package is in a zip."""
    with resources.as_file(resources.files("prox_spark") / "models" / "tagger.safetensors") as path:
        yield path


class TaggerEngine:
    """Answer prompts by judging lines."""

    def __init__(self, weights: Path | None = None) -> None:
        """Read the weights; None takes those that ship.

        Raises:
            EngineError: They cannot be read.
        """
        from prox_spark.engines.tagger.model import TaggerModel  # with numpy, which importing engines shall not cost

        with nullcontext(weights) if weights else shipped_weights() as path:
            self._model = TaggerModel.from_file(path)
        self._tokenizer = WordTokenizer()

    @property
    def tokenizer(self) -> WordTokenizer:
        """Count words, as the model reads lines and not tokens."""
        return self._tokenizer

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt; the answers are never cut, as they are not written token by token."""
        asked = self._tokenizer.count([prompt.text for prompt in prompts])
        return [self._completion(prompt, tokens) for prompt, tokens in zip(prompts, asked, strict=True)]

    def close(self) -> None:
        """Do nothing: the weights go with the engine."""

    def _completion(self, prompt: Prompt, tokens: int) -> Completion:
        program = self._document(prompt.text) if prompt.level == "document" else self._chunk(prompt.text)
        return Completion(program, "stop", tokens, self._tokenizer.count([program])[0])

    def _document(self, text: str) -> str:
        verdict = self._model.judge([line for line in text.split("\n") if line.strip()])
        return "keep_doc()" if verdict.worth > 0 else "drop_doc()"

    def _chunk(self, prompt: str) -> str:
        lines = list(_numbered_lines(prompt))
        keep = iter(self._model.judge([text for _, text in lines if text.strip()]).keep)
        calls = [f"remove_lines(start={a}, end={b})" for a, b in _ranges(lines, keep)]
        return "\n".join(calls) or "keep_chunk()"


def _numbered_lines(prompt: str) -> Iterator[tuple[int, str]]:
    """Read the numbers and texts of a chunk; lines without a number belong to the wrapper of the prompt."""
    for line in prompt.split("\n"):
        if match := _NUMBERED.fullmatch(line):
            yield int(match[1]), match[2]


def _ranges(lines: Sequence[tuple[int, str]], keep: Iterator[float]) -> list[tuple[int, int]]:
    """Join the lines that go into ranges of consecutive numbers; `keep` has a value for each line that is not blank."""
    ranges: list[tuple[int, int]] = []
    goes = False
    for number, text in lines:
        if text.strip():
            goes = next(keep) <= 0
        if not goes:
            continue
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
