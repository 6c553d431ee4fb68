"""What files there are: paths, folders and patterns of any file system that Spark knows.

Files of this machine are listed by this process. All others are listed through Spark, with its file systems and
credentials: its `binaryFile` source lists without reading, for only the path and the length are asked for. It leaves
out what is hidden by itself, so nothing counts that. A file of this machine is named by its plain path, every other one
by its URI.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pyspark.errors import AnalysisException, PySparkException

from prox_spark.errors import SourceError
from prox_spark.sources import LEFT_OUT, File, folders, patterns, why_left_out

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from prox_spark.sources import Adapter

logger = logging.getLogger(__name__)

SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):(?://[^/]*)?(?=/)")

DELTA_LOG = "/_delta_log"

UNREADABLE = {"delta.columnMapping.mode": "none", "delta.enableDeletionVectors": "false"}
"""Properties of Delta tables whose files hold other rows or columns than the table, unless they have these values."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a source, and what is left out.

    Attributes:
        files: What is to be read.
        left_out: How many files and folders are not, by reason, one of `sources.LEFT_OUT`.
        examples: The path of one of them, by reason.
    """

    files: tuple[File, ...]
    left_out: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)


def files(spark: SparkSession, source: Adapter, paths: Sequence[str], *, lake: str | None = None) -> Listing:
    """List the files of a source.

    Args:
        spark: The session.
        source: The adapter.
        paths: Files, folders or patterns.
        lake: The folder of the lake that they are for, which is no source.

    Raises:
        SourceError: A path matches no file, or none that the source has; or it lies in the lake.
    """
    if not paths:
        raise SourceError("no path was given")
    here = {path: local for path in paths if (local := _here(spark, path)) is not None}
    found = _look_here(here, source, lake)
    listed = dict(found.files)
    for path in paths:
        if path not in here:
            _look_there(spark, path, source, lake, found, listed)
    for table in sorted(found.tables):
        _keep_current(spark, table, found)
    _check_all_match(source, paths, found)
    joined = _joined(spark, source.joined, found.files, listed) if source.joined else {}
    wanted = tuple(File(path, size, joined.get(path)) for path, size in found.files.items())
    return Listing(wanted, dict(found.left_out), found.examples)


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


# -- files of this machine ---------------------------------------------------------------------------------------------


def _here(spark: SparkSession, path: str) -> str | None:
    """Give the absolute path of what lies on this machine, None for what Spark has to look for."""
    if not hasattr(spark, "_jvm"):  # Connect: the files are where the server is
        return None
    if os.path.lexists(path):
        return os.path.abspath(path)
    scheme = SCHEME.match(path)
    if scheme is not None:
        plain = SCHEME.sub("", path)
        return None if scheme[1] != "file" else plain if os.path.lexists(plain) else unquote(plain)
    default = spark.sparkContext._jsc.hadoopConfiguration().get("fs.defaultFS", "file:///")
    return os.path.abspath(os.path.expanduser(path)) if default.startswith("file:") else None


def _look_here(here: Mapping[str, str], source: Adapter, lake: str | None) -> folders.Found:
    tables = set()
    wanted = []
    for given, path in here.items():
        expanded = list(folders.expand(given, path))
        if not expanded:
            raise SourceError(f"{given}: there is no such file or folder")
        for one in expanded:
            if lake is not None and _is_in(os.path.realpath(one.path), os.path.realpath(lake)):
                raise SourceError(f"{given}: lies in the lake {lake}, which it is to be read into")
            above = folders.table_above(one.path)
            if above is not None and above[1] == "delta":
                tables.add(above[0])
            elif above is not None:
                raise SourceError(f"{given}: lies in {above[0]}, which is {folders.REFUSED[above[1]]}")
        wanted += expanded
    found = folders.look(wanted, lambda path, named: why_left_out(source, path, named=named), lake=lake)
    found.tables |= tables
    return found


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


# -- files that Spark lists --------------------------------------------------------------------------------------------


def _look_there(
    spark: SparkSession, given: str, source: Adapter, lake: str | None, found: folders.Found, listed: dict[str, int]
) -> None:
    """Add what one path names on another file system."""
    asked = _asked(spark, given)
    sizes, pattern = _sizes_there(spark, given, asked)
    listed |= sizes
    tables = _delta_tables(spark, asked, sizes)
    lakes = {_parent(table) for table in tables if f"{_parent(table)}/programs" in tables} | ({lake} if lake else set())
    if any(_is_in(bare(asked), bare(lake)) for lake in lakes):
        raise SourceError(f"{given}: is {folders.REFUSED['lake']}")
    for path, size in sorted(sizes.items()):
        plain = bare(path)
        if pattern is not None and not _matches(pattern, plain):
            continue
        reason = _why_left_out_there(source, path, pattern or asked, lakes)
        if reason is not None:
            found.leave(reason, path)
        else:
            found.files[path] = size
            found.hits.add(given)
    found.tables |= {table for table in tables if not any(_is_in(bare(table), bare(lake)) for lake in lakes)}


def _why_left_out_there(source: Adapter, path: str, asked: str, lakes: set[str]) -> str | None:
    plain = bare(path)
    if any(_is_in(plain, bare(lake)) for lake in lakes):
        return "own_lake"
    if re.search(r"/metadata/[^/]+\.(metadata\.json|avro)$", plain):
        return "table"  # what Iceberg has beside its data
    last = asked.rpartition("/")[2]
    return why_left_out(source, path, named=plain == bare(asked) or patterns.spells_end(last, plain.rpartition("/")[2]))


def _asked(spark: SparkSession, given: str) -> str:
    """Give the path that Spark is asked for; a relative one would be looked for where its server was started."""
    if SCHEME.match(given) or hasattr(spark, "_jvm"):
        return given
    return os.path.abspath(os.path.expanduser(given))


def _sizes_there(spark: SparkSession, given: str, asked: str) -> tuple[dict[str, int], str | None]:
    """Give the files at a path by size, and the pattern that they must match, if the path is none itself."""
    listed = _try(spark, _escaped(asked))
    if listed is None and patterns.WILD.search(asked):
        listed = {}
        for one in patterns.alternatives(asked):
            listed |= _listed_for(spark, one)
    if not listed:
        raise SourceError(f"{given}: there is no such file or folder")
    if _try_is_literal(listed, asked):
        return listed, None
    plain = bare(asked)
    return listed, plain if plain.startswith("/") else f"**/{plain}"


def _try_is_literal(listed: Mapping[str, int], asked: str) -> bool:
    return any(_is_in(bare(path), bare(asked)) for path in listed) or not patterns.WILD.search(asked)


def _listed_for(spark: SparkSession, pattern: str) -> dict[str, int]:
    """List what a pattern without braces may stand for: Hadoop's patterns are narrower than ours, never wider."""
    names = pattern.split("/")
    any_folders = names.index(patterns.ANY_FOLDERS) if patterns.ANY_FOLDERS in names else len(names)
    first = next(number for number, name in enumerate(names) if patterns.is_wild(name) or number == len(names) - 1)
    try:
        return _try(spark, "/".join(names[:any_folders])) or {}
    except SourceError:  # Hadoop's patterns do not get over a colon in a name: list all that is there
        return _try(spark, _escaped("/".join(map(patterns.literal, names[:first])))) or {}


def _try(spark: SparkSession, pattern: str) -> dict[str, int] | None:
    """List what there is, None if there is nothing."""
    try:
        return _sizes(_binary(spark, [pattern]))
    except PySparkException as error:
        if error.getCondition() == "PATH_NOT_FOUND":
            return None
        raise SourceError(f"{pattern}: Spark cannot list it: {str(error).splitlines()[0]}") from error


def _matches(pattern: str, path: str) -> bool:
    """Say whether a pattern matches a file, or a folder that it is in."""
    parts = path.split("/")
    ends = ["/".join(parts[:length]) for length in range(len(parts), 1, -1)]
    return any(patterns.expression(one).fullmatch(end) for one in patterns.alternatives(pattern) for end in ends)


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


# -- what else is to be known of them ----------------------------------------------------------------------------------


def _delta_tables(spark: SparkSession, asked: str, paths: Iterable[str]) -> set[str]:
    """Find the Delta tables that files of other file systems belong to; their logs are hidden from a listing."""
    above = {_table_folder(path) for path in paths if path.lower().endswith(".parquet")}
    above |= {f"{_parent(folder)}/programs" for folder in above if folder.endswith("/documents")}
    if not patterns.WILD.search(asked):
        above.add(asked.rstrip("/"))
    return {folder for folder in above if folder and _try(spark, _escaped(folder + DELTA_LOG))}


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _table_folder(path: str) -> str:
    """Give the folder of a file without those that say what is in it, such as `language=en`."""
    folder = _parent(path)
    while "=" in folder.rpartition("/")[2]:
        folder = _parent(folder)
    return folder


def _keep_current(spark: SparkSession, table: str, found: folders.Found) -> None:
    """Leave out the files below a Delta table that are no part of its current version.

    Raises:
        SourceError: Its files do not say what its rows are.
    """
    below = [path for path in found.files if path.startswith(table + "/")]
    try:
        frame = spark.read.format("delta").load(table)
        about = spark.sql(f"DESCRIBE DETAIL delta.`{table.replace('`', '``')}`").select("properties").first()
        current = {_opened_as(unquote(path)) for path in frame.inputFiles()}
    except PySparkException as error:
        raise SourceError(f"{table}: a Delta table that cannot be read: {error.getCondition()}") from error
    for key, value in ((about[0] if about else None) or {}).items():
        if key in UNREADABLE and value != UNREADABLE[key]:
            raise SourceError(
                f"{table}: a Delta table with {key} = {value}, whose files alone do not say what its rows are; write "
                "its rows to a folder first: spark.read.format('delta').load(…).write.parquet(…)"
            )
    for path in below:
        if path not in current:
            del found.files[path]
            found.leave("table", path)


def _escaped(path: str) -> str:
    return patterns.WILD.sub(lambda match: "\\" + match[0], path)


def _check_all_match(source: Adapter, paths: Sequence[str], found: folders.Found) -> None:
    for path in paths:
        if path not in found.hits:
            left = "; ".join(f"left out: {count} {LEFT_OUT[reason]}" for reason, count in found.left_out.items())
            raise SourceError(
                f"{path}: there is no file for {source.name} in it; read are .json, .jsonl and .ndjson, also with .gz, "
                f".zst, .bz2 or .xz, and .parquet{'; ' + left if left else ''}"
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
