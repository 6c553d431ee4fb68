"""The tagger engine: a small transformer over the lines of a page writes programs, on a CPU and without torch.

A chunk prompt is answered with one `remove_lines` for every run of lines that go, or `keep_chunk()`; a blank line
shares the fate of the line above it. A document prompt is answered `keep_doc()` or `drop_doc()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import resources
from pathlib import Path

from prox_spark.chunks import WordTokenizer
from prox_spark.engines.seam import Completion, Prompt
from prox_spark.program.ranges import numbered_lines, runs
from prox_spark.program.write import write_removals

TAGGER_VERSION = 2
"""Part of the fingerprint: raise it with every change of what the same weights answer."""


@contextmanager
def shipped_weights() -> Iterator[Path]:
    """Give the file with the weights that ship: itself, or a copy where the package is in a zip."""
    with resources.as_file(resources.files("prox_spark") / "models" / "tagger.safetensors") as path:
        yield path


class TaggerEngine:
    """The tagger, which answers prompts by judging lines."""

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
        lines = list(numbered_lines(prompt))
        keep = iter(self._model.judge([text for _, text in lines if text.strip()]).keep)
        return write_removals(runs(_gone(lines, keep)))


def _gone(lines: Iterable[tuple[int, str]], keep: Iterator[float]) -> Iterator[int]:
    """Give the numbers of the lines that go; `keep` has a value for each line that is not blank."""
    goes = False
    for number, text in lines:
        if text.strip():
            goes = next(keep) <= 0
        if goes:
            yield number
