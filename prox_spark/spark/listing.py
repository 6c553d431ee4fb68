"""What files there are: paths, folders and globs of any file system that Spark knows, listed through Spark.

Spark's `binaryFile` source lists without reading: only the path and the length are asked for. A file of this machine is
named by its plain path, every other one by its URI.
"""

from __future__ import annotations

import bisect
import glob
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pyspark.errors import AnalysisException

from prox_spark.errors import SourceError
from prox_spark.sources import File, has_records

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from prox_spark.sources import Adapter

logger = logging.getLogger(__name__)

WILD = re.compile(r"[][{}*?\\]")
SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):(?://[^/]*)?")


def files(spark: SparkSession, source: Adapter, paths: Sequence[str]) -> list[File]:
    """List the files of a source.

    Raises:
        SourceError: A path matches no file, or none that the source has.
    """
    if not paths:
        raise SourceError("no path was given")
    asked = {path: _absolute(path) for path in paths}
    listed = _listed(spark, asked)
    named = {bare(path) for path in asked.values()}
    found = {path: size for path, size in listed.items() if has_records(source, path, named=bare(path) in named)}
    _check_all_match(source, asked, found)
    joined = _joined(spark, source.joined, found, listed) if source.joined else {}
    return [File(path, size, joined.get(path)) for path, size in found.items()]


def contents(spark: SparkSession, paths: Sequence[str]) -> DataFrame:
    """Read whole files: `path` and `content`, one row a file."""
    return _binary(spark, [_escaped(path) for path in paths]).select("path", "content")


def is_local(path: str) -> bool:
    """Say whether a listed file lies on a file system that workers open themselves."""
    return path.startswith("/")


def bare(path: str) -> str:
    """Give the path without the scheme and the authority.

    >>> bare("hdfs://host:8020/data/"), bare("file:/data/a.json")
    ('/data', '/data/a.json')
    """
    return SCHEME.sub("", path).rstrip("/")


def _listed(spark: SparkSession, asked: Mapping[str, str]) -> dict[str, int]:
    wanted = [_pattern(path) for path in asked.values()]
    try:
        return _sizes(_binary(spark, wanted))
    except AnalysisException as error:
        if error.getCondition() != "PATH_NOT_FOUND":
            raise
    for path, absolute in asked.items():
        try:
            _binary(spark, [_pattern(absolute)])
        except AnalysisException as error:
            raise SourceError(f"{path}: there is no such file or folder") from error
    raise SourceError(f"{', '.join(asked)}: there is no such file or folder")


def _binary(spark: SparkSession, patterns: list[str]) -> DataFrame:
    return spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(patterns)


def _sizes(frame: DataFrame) -> dict[str, int]:
    # A file of no bytes has no row, but it is among the input files, whose names are written as in a URL.
    sizes = {_opened_as(unquote(path)): 0 for path in frame.inputFiles()}
    for row in frame.select("path", "length").collect():
        sizes[_opened_as(row["path"])] = int(row["length"])
    return sizes


def _opened_as(path: str) -> str:
    """Give the path that a worker opens, for a file of this machine or of a mounted file system; else the URI."""
    found = SCHEME.match(path)
    scheme = found[1] if found else "file"
    plain = SCHEME.sub("", path)
    if scheme == "file":
        return plain
    if scheme == "dbfs":
        mounted = plain if plain.startswith("/Volumes/") else f"/dbfs{plain}"
        if os.path.isdir("/" + mounted.split("/")[1]):
            return mounted
    return path


def _absolute(path: str) -> str:
    """Give the absolute form of a relative path that is here; Spark would look for it where its JVM was started."""
    if SCHEME.match(path):
        return path
    path = os.path.expanduser(path)
    here = os.path.exists(path) or bool(glob.glob(path))
    return os.path.abspath(path) if here and not os.path.isabs(path) else path


def _pattern(path: str) -> str:
    """Give what Spark is to expand: a file whose name looks like a glob, but is there, is taken by its name."""
    return _escaped(path) if WILD.search(path) and os.path.exists(bare(path)) else path


def _escaped(path: str) -> str:
    return WILD.sub(lambda found: "\\" + found[0], path)


def _check_all_match(source: Adapter, asked: Mapping[str, str], found: Mapping[str, int]) -> None:
    known = sorted(bare(path) for path in found)
    for path, absolute in asked.items():
        plain = bare(absolute)
        if WILD.search(path) and not os.path.exists(plain):
            matched = bool(known)
        else:
            at = bisect.bisect_left(known, plain)
            inside = bisect.bisect_left(known, plain + "/")
            below = any(name.startswith(plain + "/") for name in known[inside : inside + 1])
            matched = below or known[at : at + 1] == [plain]
        if not matched:
            raise SourceError(
                f"{path}: there is no file for {source.name} in it; read are .json, .jsonl and .ndjson, also with .gz, "
                ".zst, .bz2 or .xz, and .parquet"
            )


def _joined(
    spark: SparkSession, path_of: Callable[[str], str | None], found: Mapping[str, int], listed: Mapping[str, int]
) -> dict[str, File]:
    """Find the files whose lines belong to the lines of others; what is missing is logged and left out."""
    wanted = {path: other for path in found if (other := path_of(path)) is not None}
    sizes = dict(listed)
    for root in sorted({_root(other) for other in wanted.values() if other not in sizes and not is_local(other)}):
        try:
            sizes |= _sizes(_binary(spark, [_escaped(root)]))
        except AnalysisException:
            logger.debug("%s is not there", root)
    for other in wanted.values():
        if other not in sizes and is_local(other) and os.path.isfile(other):
            sizes[other] = os.path.getsize(other)
    missing = [other for other in wanted.values() if other not in sizes]
    if missing:
        numbers = len(missing), len(wanted)
        logger.warning("%d of %d files have no quality signals beside them, e.g. %s", *numbers, missing[0])
    return {path: File(other, sizes[other]) for path, other in wanted.items() if other in sizes}


def _root(path: str) -> str:
    return path[: path.rindex("/quality_signals/")] + "/quality_signals"
