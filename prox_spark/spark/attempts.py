"""How often Spark has tried a task: what has died once is done with more care."""

from __future__ import annotations


def attempt() -> int:
    """Count how often Spark has tried this task before; 0 outside a task."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return 0 if context is None else context.attemptNumber()
