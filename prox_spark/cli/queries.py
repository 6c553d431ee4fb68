"""One SQL statement of a user: asked of the lake, its rows as JSON, its mistakes as one line."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Any

from pyspark.errors import (
    AnalysisException,
    ArithmeticException,
    ArrayIndexOutOfBoundsException,
    DateTimeException,
    IllegalArgumentException,
    NumberFormatException,
    ParseException,
    PySparkException,
)
from pyspark.sql import functions as F

from prox_spark.errors import UserError
from prox_spark.spark.conditions import causes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.lake.direct import DirectLake
    from prox_spark.lake.tables import Lake

JSON_KINDS = ("string", "int32", "int64", "decimal128(38, 0)")
"""Arrow's types whose JSON is the same whoever writes it; the last is that of DuckDB's sums."""

MISTAKES = (
    AnalysisException,
    ArithmeticException,
    ArrayIndexOutOfBoundsException,
    DateTimeException,
    IllegalArgumentException,
    NumberFormatException,
    ParseException,
)
"""What Spark raises when the statement, not the machine, is at fault."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave.

    Attributes:
        columns: Names of the columns, made different where the statement repeats one; none for a statement that
            returns nothing.
        rows: Rows as JSON objects, fetched while they are read.
    """

    columns: tuple[str, ...]
    rows: Iterator[str]


def ask(lake: Lake, query: str) -> Answer:
    """Ask one statement; its first rows have been computed when this returns.

    Raises:
        UserError: Spark does not understand the statement, or it cannot be computed.
    """
    with _explained():
        frame = lake.sql(query.strip().rstrip(";"))
        columns = distinct(frame.columns)
        if not columns:
            return Answer((), iter(()))
        rows = _json_rows(frame.toDF(*columns))
        first = list(islice(rows, 1))
    return Answer(columns, _guarded(chain(first, rows)))


def ask_directly(lake: DirectLake, query: str, *, shown: int | None) -> Answer:
    """Ask one statement without Spark.

    Args:
        lake: The lake.
        query: The statement.
        shown: How many rows the user will see; None is all.

    Raises:
        OnlySparkError: Its answer is not surely the one that Spark would give.
    """
    from prox_spark.lake.direct import OnlySparkError, else_spark

    with else_spark():
        from prox_spark.lake.proven import proven

        known = proven(query.strip().rstrip(";"), lake.kinds)
        table = lake.answer(known.query)
        if not all(str(kind) in JSON_KINDS for kind in table.schema.types):
            raise OnlySparkError("the answer has values that Spark writes in its own way")
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        keys = [tuple(row[place] for place in known.keys) for row in rows]
        if known.keys and any(key == following for key, following in pairwise(keys)):
            raise OnlySparkError("rows are alike in what they are ordered by")
        rows = rows[: known.limit]
        if not known.ordered and shown is not None and len(rows) > shown:
            raise OnlySparkError("only some rows are shown, and they have no order")
        return Answer(known.names, iter([_json_row(known.names, row) for row in rows]))


def _json_row(names: Sequence[str], values: Sequence[Any]) -> str:
    """Write a row as Spark does: without spaces, what is no letter escaped in capitals."""
    # DuckDB's sums are wider than Spark's, which fail where a number does not fit.
    values = [int(value) if isinstance(value, Decimal) else value for value in values]
    if any(isinstance(value, int) and abs(value) >= 2**63 for value in values):
        raise ValueError("a sum is too large")
    line = json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False, separators=(",", ":"))
    return re.sub(r"\\\\|\\u[0-9a-f]{4}", lambda escape: escape[0][:2] + escape[0][2:].upper(), line)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Tell names apart by a number where they occur more than once.

    >>> distinct(["a", "b", "a"])
    ('a', 'b', 'a_2')
    """
    given: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in given:
            number += 1
            candidate = f"{name}_{number}"
        given.append(candidate)
    return tuple(given)


def _json_rows(frame: DataFrame) -> Iterator[str]:
    # Spark writes the JSON: timestamps get their zone and bytes become base64, neither of which Python's rows keep.
    quoted = [F.col(f"`{name.replace('`', '``')}`") for name in frame.columns]
    lines = frame.select(F.to_json(F.struct(*quoted), {"ignoreNullFields": "false"}).alias("row"))
    return (row["row"] for row in lines.toLocalIterator())


def _guarded(rows: Iterator[str]) -> Iterator[str]:
    with _explained():
        yield from rows


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        mistake = _mistake(error)
        if mistake is None:
            raise
        raise UserError(_first_line(mistake)) from error


def _mistake(error: Exception) -> PySparkException | None:
    """Find the user's mistake in an error; what fails in a late task comes wrapped by the JVM, several times."""
    if isinstance(error, MISTAKES):
        return error
    for java in causes(error):
        from pyspark.errors.exceptions.captured import convert_exception

        converted = convert_exception(java)
        if isinstance(converted, MISTAKES):
            return converted
    return None


def _first_line(error: PySparkException) -> str:
    # str, as getMessage fails for the errors of Delta: their classes are not among Spark's own.
    return str(error).strip().split("\n", 1)[0]
