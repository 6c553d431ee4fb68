"""The command line `prox-spark`: arguments, screens and exit codes, nothing else.

Exit codes: 0 done, 1 the job failed, 2 the user must change something, 130 interrupted.
"""

from __future__ import annotations

from prox_spark.cli.entry import main

__all__ = ["main"]
