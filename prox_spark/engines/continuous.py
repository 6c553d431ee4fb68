"""Continuous batching: keep a model's batch full while prompts arrive and answers leave, and find who breaks it.

The model stands behind `Core`: requests go in one by one, `step` advances all of them by a token or so and gives those
that are done. Nothing drains at the end of an Arrow batch, because nobody waits for a batch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from prox_spark.engines.seam import Completion, Prompt
from prox_spark.errors import TaskError

logger = logging.getLogger(__name__)

Key = TypeVar("Key")


class Core(Protocol):
    """Hold a model that decodes many requests at once."""

    def add(self, request: int, prompt: Prompt) -> None:
        """Take a request; whatever it raises is about this prompt, except a TaskError."""

    def step(self) -> Sequence[tuple[int, Completion]]:
        """Advance all requests, and give those that are done.

        Raises:
            MemoryError: There was too little memory for so many requests at once.
            TaskError: The model is dead.
        """

    def abort(self, requests: Sequence[int]) -> None:
        """Forget requests."""


class Continuous:
    """Feed a core: at most `window` requests at a time, more prompts as soon as answers leave.

    A step that fails is blamed on the requests in it: they are taken out and tried again in halves, until the one to
    blame stands alone and is recorded. Too little memory halves the window, for good, and blames nobody.

    Attributes:
        window: Most requests in flight.
    """

    def __init__(self, core: Core, window: int) -> None:
        self._core = core
        self.window = window
        self._next = 0

    def stream(self, prompts: Iterable[tuple[Key, Prompt]]) -> Iterator[tuple[Key, Completion]]:
        """Answer every prompt, each as soon as it is done.

        Raises:
            TaskError: The model is dead.
        """
        waiting = iter(prompts)
        flight: dict[int, tuple[Key, Prompt]] = {}
        try:
            while True:
                yield from self._feed(waiting, flight)
                if not flight:
                    return
                yield from self._step(flight)
        except TaskError:
            flight.clear()  # the dead give nothing back
            raise
        finally:
            if flight:  # whoever listened has gone: the next caller must not meet these requests
                self._core.abort(list(flight))

    def _step(self, flight: dict[int, tuple[Key, Prompt]]) -> Iterator[tuple[Key, Completion]]:
        try:
            done = self._core.step()
        except TaskError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model raises, it is about one of its requests
            yield from self._apart(flight, error)
            return
        for request, completion in done:
            if request in flight:
                yield flight.pop(request)[0], completion

    def _feed(
        self, waiting: Iterator[tuple[Key, Prompt]], flight: dict[int, tuple[Key, Prompt]]
    ) -> Iterator[tuple[Key, Completion]]:
        while len(flight) < self.window:
            item = next(waiting, None)
            if item is None:
                return
            refusal = self._add(item, flight)
            if refusal is not None:
                yield item[0], refusal

    def _add(self, item: tuple[Key, Prompt], flight: dict[int, tuple[Key, Prompt]]) -> Completion | None:
        request, self._next = self._next, self._next + 1
        try:
            self._core.add(request, item[1])
        except TaskError:
            raise
        except Exception as error:  # noqa: BLE001 - a prompt that the model refuses is that prompt's error
            return failure(item[1], error)
        flight[request] = item
        return None

    def _apart(self, flight: dict[int, tuple[Key, Prompt]], error: Exception) -> Iterator[tuple[Key, Completion]]:
        """Take the requests of a failed step out of the model and answer them in halves."""
        suspects = list(flight.values())
        self._core.abort(list(flight))
        flight.clear()
        if isinstance(error, MemoryError) and len(suspects) > 1:
            self.window = max(1, len(suspects) // 2)
            logger.warning("out of memory with %d prompts; going on with %d at a time", len(suspects), self.window)
            yield from self.stream(suspects)
        elif len(suspects) == 1:
            yield suspects[0][0], failure(suspects[0][1], error)
        else:
            half = len(suspects) // 2
            yield from self.stream(suspects[:half])
            yield from self.stream(suspects[half:])


def failure(prompt: Prompt, error: Exception) -> Completion:
    """Make the completion of a prompt that fails."""
    return Completion("", "error", len(prompt.token_ids or ()), 0, f"{type(error).__name__}: {error}"[:500])
