"""A Spark Connect server with Delta on a free loopback port, for the tests: prints its address, ends with its stdin."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from prox_spark.spark import java
from prox_spark.spark.session import cache_folder, delta_jars


def main() -> None:
    """Serve until stdin ends."""
    folder = Path(sys.argv[1])
    os.environ["JAVA_HOME"] = str(java.find(os.environ).home)
    cache_folder(os.environ).mkdir(parents=True, exist_ok=True)
    jars = [str(path) for path in delta_jars(os.environ)]
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.plugins", "org.apache.spark.sql.connect.SparkConnectPlugin")
        .config("spark.connect.grpc.binding.address", "127.0.0.1")
        .config("spark.connect.grpc.binding.port", sys.argv[2])
        .config("spark.driver.extraClassPath", os.pathsep.join(jars))
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.databricks.delta.snapshotPartitions", "1")
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    print(f"sc://127.0.0.1:{sys.argv[2]}", flush=True)
    sys.stdin.read()
    spark.stop()


if __name__ == "__main__":
    main()
