"""The way into the command line and out of it: every error becomes one line on stderr and an exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence

import typer

from prox_spark import errors
from prox_spark.cli import commands
from prox_spark.errors import ProxError, UserError
from prox_spark.spark import conditions

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130

_UsageError = typer.BadParameter.__mro__[1]  # typer brings its own click or depends on one, by version
_IN_WORKER = re.compile(r"prox_spark\.errors\.(\w+): (.+)")
_LONGEST_LINE = 400


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    verbose = "--verbose" in arguments
    with _quiet_libraries(verbose):
        try:
            code = commands.app(arguments, prog_name="prox-spark", standalone_mode=False)
            if code == INTERRUPTED:  # newer versions of typer turn the interrupt into its code
                raise KeyboardInterrupt
            sys.stdout.flush()
        except BaseException as error:
            if isinstance(error, BrokenPipeError):  # the reader, `head` for one, has seen enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return DONE
            if isinstance(error, SystemExit):
                raise
            if verbose and not isinstance(error, (UserError, _UsageError)):
                traceback.print_exception(error)
            code, line = explained(error)
            print(f"prox-spark: {line}", file=sys.stderr)
    return code if isinstance(code, int) else DONE


def explained(error: BaseException) -> tuple[int, str]:
    """Give the exit code of an error and the one line that says what happened and what to do.

    >>> explained(errors.ConfigError("engine.batch_size must be at least 1, got 0"))
    (2, 'engine.batch_size must be at least 1, got 0')
    """
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return INTERRUPTED, "interrupted; what was committed stays, and the same command goes on from there"
    if isinstance(error, ProxError):
        return (WRONG_USE if isinstance(error, UserError) else FAILED), _line(str(error))
    if isinstance(error, _UsageError):
        context = getattr(error, "ctx", None)
        command = getattr(context, "command_path", "prox-spark")
        return WRONG_USE, f"{_line(error.format_message()).rstrip('.')}; see {command} --help"  # type: ignore[attr-defined]
    text = str(error)
    # A task's exception crosses the JVM as text only, so that its class has to be read out of it.
    if from_worker := _IN_WORKER.search(text):
        kind = getattr(errors, from_worker[1], ProxError)
        return (WRONG_USE if issubclass(kind, UserError) else FAILED), _line(from_worker[2])
    return FAILED, f"{_line(conditions.explained(error))}; run again with --verbose for the traceback"


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_LINE else f"{flat[: _LONGEST_LINE - 1]}…"


@contextlib.contextmanager
def _quiet_libraries(verbose: bool) -> Iterator[None]:
    """Let this package's log messages through to stderr, and those of the libraries only when asked for."""
    root, log, gateway = logging.getLogger(), logging.getLogger("prox_spark"), logging.getLogger("py4j")
    nowhere = logging.NullHandler()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("prox-spark: %(message)s"))
    before = log.level, gateway.level
    log.addHandler(handler)
    log.setLevel(logging.INFO if verbose else logging.WARNING)
    with warnings.catch_warnings():
        if not verbose:
            warnings.simplefilter("ignore")
            # py4j reports every interrupted call with a traceback, some of them to the root logger.
            gateway.setLevel(logging.CRITICAL)
            root.addHandler(nowhere)
        try:
            yield
        finally:
            root.removeHandler(nowhere)
            log.removeHandler(handler)
            log.setLevel(before[0])
            gateway.setLevel(before[1])
