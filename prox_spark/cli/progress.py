"""Progress on stderr: documents, tokens a second and time left, as a bar on a terminal, else a line now and then."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from prox_spark.report.numbers import duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Task

    from prox_spark.pipeline import Step

LINE_SECONDS = 10.0
"""Where there is no terminal, a line is written this often and at the end of each stage."""


class Reporter:
    """The steps of a command as they are shown; give it to pipeline functions as `progress`.

    Args:
        console: Where to show them.
        shown: False shows nothing.
        clock: Gives seconds; tests pass their own.
    """

    def __init__(self, console: Console, *, shown: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._shown = shown
        self._clock = clock
        self._bar = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            _Numbers(),
            console=console,
            transient=False,
            disable=not (shown and console.is_terminal),
        )
        self._stage: str | None = None
        self._task: TaskID | None = None
        self._started = 0.0
        self._written = 0.0
        self._tasks: tuple[int, float] = (0, 0.0)

    def __enter__(self) -> Reporter:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._finish()
        elif self._task is not None:
            self._bar.stop_task(self._task)
        self.close()

    def close(self) -> None:
        """Show nothing more; what was shown stays where it is."""
        self._bar.live.transient = not self._bar.tasks  # nothing but waiting: not even an empty line stays
        self._bar.stop()

    def __call__(self, step: Step) -> None:
        """Show one step."""
        if step.stage != self._stage:
            self._finish()
            self._begin(step)
        if self._task is not None:
            total, tokens, exact = step.total or None, step.tokens, step.exact
            self._bar.update(self._task, total=total, completed=step.done, tokens=tokens, exact=exact, tasks="")
        is_whole = 0 < step.total <= step.done
        if is_whole or self._clock() - self._written >= LINE_SECONDS:
            self._write(step)
        if is_whole:  # the tasks that Spark begins now are something else's
            self._end()

    def tasks(self, done: int, total: int) -> None:
        """Show how many of Spark's tasks have ended inside the step; may be called from another thread."""
        task, stage = self._task, self._stage
        if task is None:
            return
        now = self._clock()
        if self._tasks[0] != total:  # another of Spark's stages has begun
            self._tasks = (total, now)
        spent = now - self._tasks[1]
        left = f", {duration(spent / done * (total - done))} left" if 0 < done < total and spent > 0 else ""
        text = f"{done:,} of {total:,} tasks{left}"
        self._bar.update(task, tasks=text)
        if now - self._written >= LINE_SECONDS:
            self._written = now
            self._write_line(stage, f"{text}, {duration(now - self._started)}")

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something without steps is under way, on a terminal only; it leaves no trace."""
        task = self._bar.add_task(what, total=None, tokens=0)
        try:
            yield
        finally:
            self._bar.remove_task(task)
            self._bar.refresh()

    def _begin(self, step: Step) -> None:
        self._stage = step.stage
        self._started = self._written = self._clock()
        self._task = self._bar.add_task(step.stage, total=step.total or None, tokens=0)

    def _finish(self) -> None:
        if self._task is not None:
            self._write_line(self._stage, duration(self._clock() - self._started))
            self._end()

    def _end(self) -> None:
        task = next(task for task in self._bar.tasks if task.id == self._task)
        # A stage that has ended is full, also where nobody ever knew how much there was to do.
        total = task.total or task.completed or 1
        counted = bool(task.total or task.completed)
        self._bar.update(task.id, total=total, completed=total, counted=counted, tasks="")
        self._task = self._stage = None

    def _write(self, step: Step) -> None:
        self._written = self._clock()
        elapsed = self._clock() - self._started
        self._write_line(step.stage, numbers(step.done, step.total, step.tokens, elapsed, exact=step.exact))

    def _write_line(self, stage: str | None, text: str) -> None:
        if self._shown and not self._console.is_terminal:
            self._console.print(Text(f"{stage}: {text}"))


def numbers(done: float, total: float | None, tokens: int, elapsed: float, *, exact: bool = True) -> str:
    """Write documents, tokens a second and time left, as far as they are known.

    >>> numbers(500, 2000, 90_000, 30)
    '500 of 2,000 documents, 3,000 tokens/s, 1:30 left'
    """
    parts = []
    if total:
        parts.append(f"{done:,.0f} of {'' if exact else 'about '}{total:,.0f} documents")
    elif done:
        parts.append(f"{done:,.0f} documents")
    if tokens and elapsed > 0:
        parts.append(f"{tokens / elapsed:,.0f} tokens/s")
    if total and 0 < done < total and elapsed > 0:
        parts.append(f"{duration(elapsed / done * (total - done))} left")
    elif not total or done >= total:
        parts.append(duration(elapsed))
    return ", ".join(parts)


class _Numbers(ProgressColumn):
    def render(self, task: Task) -> Text:
        elapsed = (task.finished_time if task.finished else task.elapsed) or 0.0
        if not task.fields.get("counted", True):
            return Text(duration(elapsed), style="dim")
        told, exact = task.fields.get("tokens", 0), task.fields.get("exact", True)
        known = [numbers(task.completed, task.total, told, elapsed, exact=exact), task.fields.get("tasks")]
        return Text(", ".join(part for part in known if part), style="dim")
