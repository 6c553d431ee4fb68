"""The optional compiled executor: whether a session has it, and how to give it to one.

Classic Spark only: over Spark Connect and on serverless there are no JARs of one's own, and Photon leaves it to
the JVM. Spark's own expressions do the same there, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from prox_spark.errors import SessionError
from prox_spark.program.columns_words import ACCELERATOR, literal
from prox_spark.spark.settings import value_of
from prox_spark.version import __version__

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CATALOG = f"spark.sql.catalog.{ACCELERATOR}"
"""The setting that gives a session the functions of the JAR; its value is `CLASS`."""

CLASS = "prox_spark.Accelerator"


def register(spark: SparkSession, jar: str | None = None, *, name: str = CLASS) -> None:
    """Give a running session the accelerator; `apply` and `refine` use it from then on.

    Args:
        spark: The session.
        jar: What `make accelerator` built, on any file system that Spark reads; None where the session has it on its
            class path (`spark.jars`, a library of a Databricks cluster).
        name: The class in it.

    Raises:
        SessionError: The JAR is not there, or was built for another version of prox_spark.
    """
    if jar is not None:
        spark.sql(f"ADD JAR {literal(jar)}")  # which takes a file that is not there without a word
    spark.conf.set(CATALOG, name)
    try:
        check(spark)
    except SessionError:
        spark.conf.unset(CATALOG)
        raise


def check(spark: SparkSession, *, version: str = __version__) -> bool:
    """Check the accelerator of a session that is set to have one, and say whether it is.

    Raises:
        SessionError: It is set and does not work: the JAR is missing, or was built for another version of prox_spark,
            which may execute programs otherwise.
    """
    if value_of(spark, CATALOG) is None:
        return False
    try:
        built_for = spark.sql(f"SELECT {ACCELERATOR}.version()").collect()[0][0]
    except (PySparkException, Py4JError) as error:
        raise SessionError(
            f"{CATALOG} is set, but the JAR of the accelerator is not there: name it in spark.jars (make accelerator "
            "builds it), or leave the setting out"
        ) from error
    if built_for != version:
        raise SessionError(f"the accelerator is of prox_spark {built_for}, and this is {version}: make accelerator")
    return True
