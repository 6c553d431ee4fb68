"""Work beside the thread that feeds an engine: what comes before and what comes after it, each in a thread of its own.

The thread that feeds stays the caller's, in which the model was loaded; some libraries bind a model to it.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _End:
    """The end of what a thread gives, or the error that ended it."""

    error: BaseException | None = None


class _Channel(Generic[Item]):
    """Items on their way from one thread to another: at most `room`, and none any more once it is closed."""

    def __init__(self, room: int = 0) -> None:
        self._queue: queue.Queue[Item | _End] = queue.Queue(room)
        self._closed = threading.Event()

    def fill(self, items: Iterable[Item]) -> None:
        """Put in all items, then the end; stop early if it is closed."""
        end = _End()
        try:
            for item in items:
                self._queue.put(item)
                if self._closed.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - whoever takes the items is the one to fail
            end = _End(error)
        self._queue.put(end)

    def put(self, item: Item) -> None:
        """Put in one item, when there is room."""
        self._queue.put(item)

    def end(self) -> None:
        """Say that there are no more items."""
        self._queue.put(_End())

    def take(self, *, wait: bool) -> Iterator[Item]:
        """Give the items, all of them or those that are there, and raise what ended them."""
        with contextlib.suppress(queue.Empty):
            while not isinstance(item := self._queue.get(block=wait), _End):
                yield item
            self._queue.put(item)  # for whoever asks again
            if item.error is not None:
                raise item.error

    def close(self) -> None:
        """Take no more items: whoever waits to put one in goes on, and stops."""
        self._closed.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()


def ahead(items: Iterable[Item], room: int) -> Iterator[Item]:
    """Give the items, which a thread of its own fetches: at most `room` before they are asked for.

    >>> list(ahead(range(4), 2))
    [0, 1, 2, 3]
    """
    channel: _Channel[Item] = _Channel(room)
    threading.Thread(target=channel.fill, args=(items,), name="prox-spark-ahead", daemon=True).start()
    try:
        yield from channel.take(wait=True)
    finally:
        channel.close()


def after(work: Callable[[Iterator[Item]], Iterable[Result]], items: Iterable[Item], room: int) -> Iterator[Result]:
    """Give what `work` makes of the items, in a thread of its own; this thread only fetches them.

    Args:
        work: Takes all items and gives its results; whatever it raises is raised here.
        items: Fetched in the caller's thread, one after another.
        room: Most items that wait for the work.

    >>> list(after(lambda numbers: (number * 2 for number in numbers), range(3), 2))
    [0, 2, 4]
    """
    inbox: _Channel[Item] = _Channel(room)
    outbox: _Channel[Result] = _Channel()

    def run() -> None:
        outbox.fill(work(inbox.take(wait=True)))
        for _ in inbox.take(wait=True):  # where the work has failed, nobody shall wait for room
            pass

    threading.Thread(target=run, name="prox-spark-after", daemon=True).start()
    try:
        for item in items:
            inbox.put(item)
            yield from outbox.take(wait=False)
    finally:
        inbox.end()
    yield from outbox.take(wait=True)
