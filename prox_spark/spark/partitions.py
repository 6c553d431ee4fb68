"""Rows in chosen partitions: integers that Spark's hash partitioning sends where they are wanted.

Spark 4.1 has `repartitionById` for that; 4.0 has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mmh3
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column


def range_key(column: str, values: int, count: int) -> Column:
    """Give the integer that `repartition(count, …)` sends to the partition of the range that a value is in.

    Args:
        column: An integer from 0 to `values` - 1.
        values: Number of values; partition 0 gets the first of `count` equal ranges of them.
        count: Number of partitions, at most `values`.
    """
    keys = ", ".join(map(str, partition_keys(count)))
    return F.expr(f"element_at(array({keys}), CAST(CAST({column} AS BIGINT) * {count} DIV {values} AS INT) + 1)")


def partition_keys(count: int) -> list[int]:
    """Find, for each of `count` partitions, an integer that `repartition(count, column)` sends there.

    >>> partition_keys(4)
    [12, 6, 2, 0]
    """
    keys: dict[int, int] = {}
    number = 0
    while len(keys) < count:
        keys.setdefault(murmur3(number) % count, number)
        number += 1
    return [keys[partition] for partition in range(count)]


def murmur3(number: int) -> int:
    """Hash an integer as Spark's `hash` does: Murmur3 of its four bytes, seed 42, signed."""
    return mmh3.hash(number.to_bytes(4, "little", signed=True), 42)
