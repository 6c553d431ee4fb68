"""Where a lake is: a folder, a URI, or a schema of a catalog; and what can be checked of it without Spark."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING

from prox_spark.errors import LakeError
from prox_spark.lake import schema
from prox_spark.spark.settings import value_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
CATALOG_SCHEMA = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def is_catalog_schema(location: str) -> bool:
    """Say whether a location names a schema of a catalog rather than a folder.

    >>> is_catalog_schema("main.corpora"), is_catalog_schema("./main.corpora"), is_catalog_schema("lake")
    (True, False, False)
    """
    return CATALOG_SCHEMA.fullmatch(location) is not None and not os.path.isdir(location)


def is_uri(location: str) -> bool:
    """Say whether a location has a scheme: what is there shows only when Spark looks.

    >>> is_uri("s3a://bucket/lake"), is_uri("/mnt/lake")
    (True, False)
    """
    return URI.match(location) is not None


def check_place(location: str, *, create: bool) -> None:
    """Check of a location what can be checked without a session, so that a mistake does not cost its start.

    Raises:
        LakeError: The folder holds something else, or (without `create`) holds no lake.
    """
    if not is_catalog_schema(location):
        check_folder(absolute(location), create=create)


def absolute(location: str) -> str:
    """Give the absolute form of a folder; a URI with a scheme stays as it is."""
    if is_uri(location):
        return location.rstrip("/")
    return os.path.abspath(os.path.expanduser(location))


def check_folder(folder: str, *, create: bool) -> None:
    """Check that an absolute folder holds a lake, or (with `create`) nothing.

    Raises:
        LakeError: It holds something else, or (without `create`) no lake.
    """
    if is_uri(folder):
        return  # what an object store allows shows at the first write
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise LakeError(f"{folder} is a file; a lake is a folder or catalog.schema")
    names = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    is_lake = bool(names & set(schema.TABLES))
    if not is_lake and not create:
        raise LakeError(f"there is no lake at {folder}; ingest something first, or check --lake")
    if names and not is_lake:
        raise LakeError(f"{folder} is not empty and holds no lake; choose another folder with --lake")


def database_of(folder: str) -> str:
    """Name the database in which the session's catalog registers the tables of a folder, quoted for SQL.

    The readable part tells lakes apart for people, the hash for the catalog: two folders may share a last name.
    """
    tail = re.sub(r"[^a-z0-9]+", "_", os.path.basename(folder).lower()).strip("_")[:24]
    digest = hashlib.sha256(folder.encode()).hexdigest()[:8]
    return f"`spark_catalog`.`prox_{tail}_{digest}`"


def forgets_tables(spark: SparkSession, database: str) -> bool:
    """Say whether the catalog of a quoted database lives in the session's memory, so that what it names is no trace."""
    if not database.startswith("`spark_catalog`."):
        return False
    return value_of(spark, "spark.sql.catalogImplementation", default="in-memory") == "in-memory"


def in_memory_location(spark: SparkSession, location: str) -> str | None:
    """Give the folder of a schema whose catalog lives in the session's memory and forgets its tables with it.

    None for the catalogs that remember; local Spark's own is the one that does not.
    """
    catalog, database = location.split(".")
    if not forgets_tables(spark, f"`{catalog}`.`{database}`"):
        return None
    rows = spark.sql(f"DESCRIBE DATABASE {location}").toLocalIterator()
    place = next(row["info_value"] for row in rows if row["info_name"] == "Location")
    return str(place).removeprefix("file:")
