"""The command line `prox-spark`: arguments, screens and exit codes, nothing else.

Exit codes: 0 done, 1 the job failed, 2 the user must change something, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code."""
    try:
        from prox_spark.cli.entry import main as enter
    except KeyboardInterrupt:  # nothing has begun yet
        return 130
    return enter(argv)
