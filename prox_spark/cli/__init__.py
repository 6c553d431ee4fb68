"""The command line `prox-spark`: arguments, screens and exit codes, nothing else.

Exit codes: 0 done, 1 the job failed, 2 the user must change something, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["job", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code."""
    try:
        from prox_spark.cli.entry import main as enter
    except KeyboardInterrupt:  # nothing has begun yet
        return 130
    return enter(argv)


def job() -> None:
    """Run one command line as the task of a scheduler that looks at exceptions and not at what a function returns.

    Databricks calls the entry point of a wheel task as a function: the exit code of `main` would be lost, and a failed
    command would count as done.

    Raises:
        SystemExit: The command did not succeed; holds its exit code.
    """
    code = main()
    if code:
        raise SystemExit(code)
