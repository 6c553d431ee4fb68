"""The options that every command has, before it or after it, and what they open: the configuration and the lake."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import os
import signal
import threading
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from prox_spark.cli.progress import Reporter
    from prox_spark.config import Config
    from prox_spark.lake.direct import DirectLake
    from prox_spark.lake.reading import ReadableLake
    from prox_spark.lake.tables import Lake

logger = logging.getLogger(__name__)

Answered = TypeVar("Answered")

PANEL = "Options of every command"

GLOBAL_OPTIONS: dict[str, Any] = {
    "lake": Annotated[
        str | None,
        typer.Option(metavar="PLACE", help="A folder or catalog.schema with the tables.", rich_help_panel=PANEL),
    ],
    "conf": Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Settings over conf/base.yaml; may be repeated.", rich_help_panel=PANEL),
    ],
    "set": Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="One setting over the files; may be repeated.", rich_help_panel=PANEL),
    ],
    "json": Annotated[
        bool, typer.Option("--json", help="Print one JSON value, all else on stderr.", rich_help_panel=PANEL)
    ],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=PANEL)],
    "verbose": Annotated[
        bool, typer.Option("--verbose", help="Show Spark's log and tracebacks.", rich_help_panel=PANEL)
    ],
}


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options that every command has.

    Attributes:
        lake: Place of the lake; None takes the configuration's.
        conf: Configuration files, in order.
        set: `key=value` overrides, in order.
        json: Print one JSON value on stdout.
        quiet: Show no progress.
        verbose: Show Spark's log and tracebacks.
    """

    lake: str | None = None
    conf: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    json: bool = False
    quiet: bool = False
    verbose: bool = False

    def under(self, outer: Invocation) -> Invocation:
        """Add the options given before the command; those after it win."""
        return Invocation(
            lake=self.lake if self.lake is not None else outer.lake,
            conf=(*outer.conf, *self.conf),
            set=(*outer.set, *self.set),
            json=self.json or outer.json,
            quiet=self.quiet or outer.quiet,
            verbose=self.verbose or outer.verbose,
        )

    def config(self) -> Config:
        """Read and check the configuration.

        Raises:
            ConfigError: A setting cannot be.
        """
        from prox_spark.config import load
        from prox_spark.errors import ConfigError

        config = load(self.conf, self.set)
        if self.lake is None:
            return config
        if not self.lake.strip():
            raise ConfigError("--lake must be a folder or catalog.schema, got nothing")
        return config.model_copy(update={"lake": self.lake})

    def console(self, *, stderr: bool = False) -> Console:
        """Give the console to print on; a stream that is no terminal gets lines as long as they need to be."""
        from rich.console import Console

        console = Console(stderr=stderr, highlight=False, soft_wrap=False)
        if not console.is_terminal:
            console.width = WIDE
        return console

    def reporter(self) -> Reporter:
        """Give what shows progress on stderr."""
        from prox_spark.cli.progress import Reporter

        return Reporter(self.console(stderr=True), shown=not self.quiet)

    @contextlib.contextmanager
    def open(
        self, config: Config, *, create: bool = True, brief: bool = False, reads: bool = False
    ) -> Iterator[tuple[Lake, Reporter]]:
        """Open the lake in a Spark session, with a reporter for progress; interrupt Spark's jobs with the user.

        A session that was there before, or that a platform provides, stays; one started here is stopped, and started
        for small jobs where `brief`. A command that `reads` creates nothing.
        """
        with own_interrupts(), self.reporter() as reporter:
            spark, ours = None, False
            try:
                with reporter.waiting("starting Spark"), uninterrupted():
                    from prox_spark.cli.tasks import task_progress
                    from prox_spark.lake.location import check_place
                    from prox_spark.lake.tables import Lake

                    check_place(config.lake, create=create and not reads)
                    from prox_spark.spark.session import is_to_start, session

                    ours = is_to_start(os.environ)
                    spark = session(verbose=self.verbose, brief=brief, **config.spark)
                with reporter.waiting(f"opening {config.lake}"):
                    lake = Lake.open(spark, config.lake, create=create, reads=reads)
                with task_progress(spark, reporter.tasks):
                    yield lake, reporter
            except BaseException as error:
                if not was_interrupted(error):
                    raise
                if spark is not None:
                    with contextlib.suppress(Exception):
                        spark.interruptAll()
                raise KeyboardInterrupt from error
            finally:
                if spark is not None and ours:
                    with contextlib.suppress(Exception):
                        spark.stop()

    def ask(self, config: Config, question: Callable[[ReadableLake], Answered]) -> Answered:
        """Ask the lake something: without Spark where that surely gives the same answer, else in a Spark session."""
        answered = self.ask_directly(config, lambda lake: [question(lake)])
        if answered is not None:
            return answered[0]
        with self.open(config, reads=True, brief=True) as (lake, _):
            return question(lake)

    def ask_directly(self, config: Config, question: Callable[[DirectLake], Answered]) -> Answered | None:
        """Ask a lake in a folder without Spark, in a second; None where Spark has to be asked.

        It has where a session is there already, or has settings of its own for SQL, or reads what nobody else does.
        """
        from prox_spark.lake.direct import DirectLake, OnlySparkError
        from prox_spark.spark.session import is_to_start

        if not is_to_start(os.environ) or any(key.startswith("spark.sql.") for key in config.spark):
            return None
        try:
            with own_interrupts():
                return question(DirectLake(config.lake))
        except OnlySparkError as reason:
            logger.info("Spark reads the lake: %s", reason)
            return None


def was_interrupted(error: BaseException) -> bool:
    """Say whether an error is Ctrl-C, or came of cleaning up after it: a cut call leaves py4j no connection to use.

    >>> was_interrupted(KeyboardInterrupt()), was_interrupted(ValueError())
    (True, False)
    """
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__context__
    return seen is not None


@contextlib.contextmanager
def own_interrupts() -> Iterator[None]:
    """Have Ctrl-C raise `KeyboardInterrupt` and nothing more inside the block.

    The handler that pyspark installs talks to the JVM in the middle of another call to it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the end of the block: a JVM that is left half started would live on for ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt


WIDE = 10_000


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of every command; it gets them as its first argument, an `Invocation`."""
    signature = inspect.signature(function)
    _, *own = signature.parameters.values()
    hints = typing.get_type_hints(function, include_extras=True)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_default(kind), annotation=kind)
        for name, kind in GLOBAL_OPTIONS.items()
    ]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    has_context = "context" in signature.parameters

    @functools.wraps(function)
    def command(**values: Any) -> None:
        outer = values["context"].obj if has_context else values.pop("context").obj
        options = _invocation({name: values.pop(name) for name in GLOBAL_OPTIONS})
        function(options.under(outer) if isinstance(outer, Invocation) else options, **values)

    own = [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own
    ]
    parameters = [*own, *added, *([] if has_context else [context])]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _invocation(values: dict[str, Any]) -> Invocation:
    lists = {name: tuple(values[name] or ()) for name in ("conf", "set")}
    return Invocation(**{**values, **lists})


def _default(kind: Any) -> Any:
    return False if typing.get_args(kind)[0] is bool else None
