"""Where Spark's hash partitioning sends the integers that are chosen for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

from prox_spark.spark.partitions import murmur3, partition_keys, range_key

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_integers_are_hashed_as_spark_hashes_them(spark: SparkSession) -> None:
    numbers = [0, 1, 2, 3, 77, 1_000_000, 2**31 - 1]
    rows = spark.createDataFrame([(number,) for number in numbers], "n INT").select(F.hash("n")).collect()
    assert [row[0] for row in rows] == [murmur3(number) for number in numbers]


@pytest.mark.parametrize(("values", "count"), [(8, 3), (1024, 7), (5, 5)])
def test_each_partition_gets_one_range_of_the_values(spark: SparkSession, values: int, count: int) -> None:
    keyed = spark.range(values).withColumn("key", range_key("id", values, count)).repartition(count, "key")
    rows = keyed.select("id", F.spark_partition_id().alias("partition")).orderBy("id").collect()
    assert [row["partition"] for row in rows] == [value * count // values for value in range(values)]
    assert len(set(partition_keys(count))) == count
