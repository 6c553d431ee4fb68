"""What a failed read or write of a lake means, in one line that says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from prox_spark.errors import LakeError, RunError
from prox_spark.spark.conditions import advice, causes

BUSY = "another command wrote to the lake while this one worked; nothing was written, run the command again"


@contextmanager
def translated_errors(action: str, location: str) -> Iterator[None]:
    """Turn what Delta and the file system say of a place that cannot be used into one line.

    Args:
        action: `open` or `write`, for the message.
        location: The lake, as the user named it.

    Raises:
        RunError: Another command committed at the same time.
        LakeError: The place cannot be used; says why. All other errors pass as they are.
    """
    try:
        yield
    except _conflicts() as error:
        raise RunError(BUSY) from error
    except Exception as error:
        meaning = advice_for(error)
        if meaning is None:
            raise
        raise LakeError(f"cannot {action} the lake {location}: {meaning}") from error


def _conflicts() -> tuple[type[Exception], ...]:
    """Give Delta's errors of two commands that commit at once; none where only Delta's JARs are there, as on EMR."""
    try:
        from delta import exceptions as delta
    except ImportError:
        return ()
    return (
        # DeltaConcurrentModificationException sounds like the base class of the others and is not one.
        delta.DeltaConcurrentModificationException,
        delta.ConcurrentAppendException,
        delta.ConcurrentDeleteDeleteException,
        delta.ConcurrentDeleteReadException,
        delta.ConcurrentTransactionException,
        delta.ConcurrentWriteException,
        delta.MetadataChangedException,
        delta.ProtocolChangedException,
    )


def is_forbidden(error: Exception) -> bool:
    """Say whether a catalog refused something because of who asks; Unity Catalog tells by condition or by text."""
    from pyspark.errors import PySparkException

    condition = error.getCondition() if isinstance(error, PySparkException) else None
    return any(re.search("PERMISSION_DENIED|INSUFFICIENT_PERMISSIONS", told or "") for told in (condition, str(error)))


def advice_for(error: Exception) -> str | None:
    """Say what an error of Spark, Delta, a disk or a store means for the lake; None for every other error."""
    from pyspark.errors import PySparkException

    condition = error.getCondition() if isinstance(error, PySparkException) else None
    if condition in ("DELTA_SCHEMA_NOT_PROVIDED", "DELTA_MISSING_TRANSACTION_LOG"):
        return "a table's log is gone or unreadable"
    if condition in ("REQUIRES_SINGLE_PART_NAMESPACE", "CATALOG_NOT_FOUND", "CANNOT_FIND_CATALOG"):
        return "its catalog is not known to this session; a folder is written ./name"
    text = "\n".join(map(str, (error, *causes(error))))
    return advice(text, among=("disk_full", "read_only"))
