"""Continuous batching: keep a model's batch full while prompts arrive and answers leave, and find who breaks it.

The model stands behind `Core`: requests go in one by one, `step` advances all of them by a token or so and gives those
that are done. Nothing drains at the end of an Arrow batch, because nobody waits for a batch. Several cores, which share
a GPU, are fed alike.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from prox_spark.engines.seam import Completion, Prompt
from prox_spark.errors import EngineError, TaskError

logger = logging.getLogger(__name__)

Key = TypeVar("Key")

_LOOK_SECONDS = 0.0005
"""How often several cores are looked at while none has an answer; a step of a model takes ten times as long or more."""

_AT_ONCE = 16
"""Prompts that are fed between two looks for answers, which thus leave while prompts still come."""


class Core(Protocol):
    """A model that decodes many requests at once."""

    def add(self, request: int, prompt: Prompt) -> None:
        """Take a request; whatever it raises is about this prompt, except a TaskError and a package that is missing."""

    def step(self) -> Sequence[tuple[int, Completion]]:
        """Advance all requests, and give those that are done.

        Raises:
            MemoryError: There was too little memory for so many requests at once.
            TaskError: The model is dead.
        """

    def ready(self) -> bool:
        """Say whether `step` has something to give without waiting; never, where the model works in this process."""

    def abort(self, requests: Sequence[int]) -> None:
        """Forget requests."""


@dataclass(slots=True)
class _Lane:
    """One core and the requests that it has: at most `window`."""

    core: Core
    window: int
    flight: dict[int, tuple[Any, Prompt]] = field(default_factory=dict)


class Continuous:
    """Feeds cores: at most `window` requests at a time for each, more prompts as soon as answers leave.

    The core with the most room gets the next prompt. A step that fails is blamed on the requests in it: they are taken
    out and tried again in halves on the same core, until the one to blame stands alone and is recorded. Too little
    memory halves that core's window, for good, and blames nobody.
    """

    def __init__(self, cores: Sequence[Core], window: int) -> None:
        self._cores = tuple(cores)
        self._windows = [window] * len(self._cores)
        self._next = 0

    @property
    def window(self) -> int:
        """Most requests in flight, over all cores."""
        return sum(self._windows)

    def stream(self, prompts: Iterable[tuple[Key, Prompt]]) -> Iterator[tuple[Key, Completion]]:
        """Answer every prompt, each as soon as it is done.

        Raises:
            TaskError: A model is dead.
            EngineError: A package is missing.
        """
        try:
            yield from self._stream(iter(prompts), range(len(self._cores)))
        except ImportError as error:  # every prompt would meet it: it is no prompt's error, and ends the pass
            message = f"the engine lacks a package on a worker, without which it cannot answer: {error}"
            raise EngineError(message) from error

    def _stream(self, waiting: Iterator[tuple[Key, Prompt]], places: Sequence[int]) -> Iterator[tuple[Key, Completion]]:
        lanes = {place: _Lane(self._cores[place], self._windows[place]) for place in places}
        try:
            while True:
                more = yield from self._feed(waiting, list(lanes.values()))
                place = _next_to_step(lanes, wait=not more)
                if place is not None:
                    yield from self._step(place, lanes[place])
                elif not more:
                    return
        except TaskError:
            for lane in lanes.values():
                lane.flight.clear()  # the dead give nothing back
            raise
        finally:
            for lane in lanes.values():
                if lane.flight:  # whoever listened has gone: the next caller must not meet these requests
                    lane.core.abort(list(lane.flight))

    def _step(self, place: int, lane: _Lane) -> Iterator[tuple[Any, Completion]]:
        try:
            done = lane.core.step()
        except (TaskError, ImportError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model raises, it is about one of its requests
            yield from self._apart(place, lane, error)
            return
        for request, completion in done:
            if request in lane.flight:
                yield lane.flight.pop(request)[0], completion

    def _feed(
        self, waiting: Iterator[tuple[Key, Prompt]], lanes: Sequence[_Lane]
    ) -> Generator[tuple[Key, Completion], None, bool]:
        """Hand out some prompts, and say whether there may be more prompts that there is room for."""
        for _ in range(_AT_ONCE):
            lane = max(lanes, key=lambda lane: lane.window - len(lane.flight))
            if len(lane.flight) >= lane.window:
                return False
            item = next(waiting, None)
            if item is None:
                return False
            refusal = self._add(item, lane)
            if refusal is not None:
                yield item[0], refusal
        return True

    def _add(self, item: tuple[Key, Prompt], lane: _Lane) -> Completion | None:
        request, self._next = self._next, self._next + 1
        try:
            lane.core.add(request, item[1])
        except (TaskError, ImportError):
            raise
        except Exception as error:  # noqa: BLE001 - a prompt that the model refuses is that prompt's error
            return failure(item[1], error)
        lane.flight[request] = item
        return None

    def _apart(self, place: int, lane: _Lane, error: Exception) -> Iterator[tuple[Any, Completion]]:
        """Take the requests of a failed step out of the model and answer them in halves."""
        suspects = list(lane.flight.values())
        lane.core.abort(list(lane.flight))
        lane.flight.clear()
        half = len(suspects) // 2
        if isinstance(error, MemoryError) and len(suspects) > 1:
            lane.window = self._windows[place] = half
            logger.warning("out of memory with %d prompts; going on with %d at a time", len(suspects), half)
            yield from self._stream(iter(suspects), [place])
            lane.window = self._windows[place]  # it may have become smaller meanwhile
        elif len(suspects) == 1:
            yield suspects[0][0], failure(suspects[0][1], error)
        else:
            yield from self._stream(iter(suspects[:half]), [place])
            yield from self._stream(iter(suspects[half:]), [place])


def _next_to_step(lanes: dict[int, _Lane], *, wait: bool) -> int | None:
    """Choose a core whose answers are there; where none has any, one to wait for, or None."""
    # Those that answered least have most in flight: they come first, so that none is passed over again and again.
    busy = sorted((place for place, lane in lanes.items() if lane.flight), key=lambda place: -len(lanes[place].flight))
    while True:
        ready = next((place for place in busy if lanes[place].core.ready()), None)
        if ready is not None or not wait:
            return ready
        if len(busy) < 2:
            return busy[0] if busy else None
        time.sleep(_LOOK_SECONDS)


def failure(prompt: Prompt, error: Exception) -> Completion:
    """Make the completion of a prompt that fails."""
    return Completion("", "error", len(prompt.token_ids or ()), 0, f"{type(error).__name__}: {error}"[:500])
