"""The fasttext engine: a classifier that the user brings as a file, by fastText's own library."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prox_spark.chunks import WordTokenizer
from prox_spark.engines.scores import scored
from prox_spark.engines.seam import Completion, Prompt
from prox_spark.errors import EngineError, TaskError

if TYPE_CHECKING:
    from prox_spark.config import FastTextSettings


class FastTextEngine:
    """A fastText model that gives the probability of one label, on a CPU.

    A text is read as one line, its lines joined by blanks, which is how DCLM's classifier was trained and asked.
    """

    def __init__(self, settings: FastTextSettings) -> None:
        """Read the model.

        Raises:
            EngineError: The library or the file is missing, or the model has no such label.
        """
        try:
            import fasttext
        except ImportError as error:
            raise EngineError(f"engine.kind fasttext needs the library: pip install fasttext ({error})") from error
        try:
            self._model: Any = fasttext.load_model(settings.model)
        except (ValueError, OSError) as error:
            raise EngineError(f"engine.model {settings.model} cannot be read by fastText: {error}") from error
        self._label = settings.label
        known = list(self._model.get_labels())
        if self._label not in known:
            raise EngineError(f"engine.label must be one of {', '.join(known[:20])}, got {self._label}")
        self._lock = threading.Lock()

    @property
    def tokenizer(self) -> WordTokenizer:
        """Count words, as the model does."""
        return WordTokenizer()

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt with `score(value)`."""
        counts = self.tokenizer.count([prompt.text for prompt in prompts])
        with self._lock:
            if self._model is None:
                raise TaskError("the engine was closed while it was in use")
            return [
                scored(self._probability(prompt.text), count) for prompt, count in zip(prompts, counts, strict=True)
            ]

    def close(self) -> None:
        """Let go of the model."""
        with self._lock:
            self._model = None

    def _probability(self, text: str) -> float:
        line = " ".join(text.strip().splitlines()).encode(errors="replace").decode()
        # The method behind `predict`, which makes numpy arrays in a way that numpy 2 refuses.
        for probability, label in self._model.f.predict(f"{line}\n", -1, 0.0, "strict"):
            if label == self._label:
                return float(min(probability, 1.0))  # it is up to 0.00001 too large
        return 0.0
