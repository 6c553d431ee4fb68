"""The queries of users that surely have the same answer in DuckDB as in Spark: one table, plain columns, plain counts.

The two dialects differ in casts, arithmetic, rounding, functions and the order of rows. So a query is taken apart, and
whatever is not in the short list here is Spark's: comparisons of a column with a literal of its own kind, and count,
sum, min and max of columns. The answer must have an order, or one row, or be groups, which have none in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from sqlglot import expressions as e

from prox_spark.lake.dialect import read

Kinds = Callable[[str, "int | None"], Mapping[str, str]]
"""Gives the columns of a table in a version, or of a view, each `text`, `number` or `other`."""

PARTS = {"expressions", "from_", "where", "group", "order", "limit"}
COMPARISONS = (e.EQ, e.NEQ, e.GT, e.GTE, e.LT, e.LTE, e.Like)
SURPRISING = ("\\", '"', "`", "''", "--", "/*", "${", "{{")
"""What the two may read differently inside a statement: escapes, quotes, comments with hints, variables."""


class UnprovenError(ValueError):
    """Ask Spark: the answer might differ."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A query whose answer is the same in DuckDB.

    Attributes:
        query: The query; that of groups without an order is ordered by them.
        names: What Spark calls the columns of the answer.
        keys: The places in the answer of the columns that it is ordered by.
        limit: The most rows of the answer; None is all. `query` gives one more, which shows whether two are alike.
        ordered: Whether the user gave the order.
    """

    query: e.Query
    names: tuple[str, ...]
    keys: tuple[int, ...]
    limit: int | None
    ordered: bool


def proven(text: str, kinds: Kinds) -> Proven:
    """Take a query apart.

    Raises:
        UnprovenError: It holds something that is not surely the same in DuckDB.
        sqlglot.errors.ParseError: It is no query, or not one that is known here.
    """
    if any(part in text for part in SURPRISING):
        _refuse("an escape, a quote or a comment")
    query = read(text)
    if not isinstance(query, e.Select) or any(value for key, value in query.args.items() if key not in PARTS):
        _refuse("more than SELECT … FROM … WHERE … GROUP BY … ORDER BY … LIMIT")
    columns = _columns(query, kinds)
    if "where" in query.args and query.args["where"] is not None:
        _check_condition(query.args["where"].this, columns)
    names, plain = _projected(query, columns)
    groups = _groups(query, columns, plain)
    is_one_row = groups is None and not plain
    keys = _keys(query, names) if query.args.get("order") else ()
    limit = _limit(query, ordered=bool(keys))
    if not keys and groups:
        query.set("order", e.Order(expressions=[_first_null(name) for name in groups]))
    elif not keys and not is_one_row:
        _refuse("rows in no order")
    if limit is not None:
        query.set("limit", e.Limit(expression=e.Literal.number(limit + 1)))
    return Proven(query, names, keys, limit, ordered=bool(keys) or is_one_row)


def _refuse(what: str) -> NoReturn:
    raise UnprovenError(f"the query has {what}")


def _columns(query: e.Select, kinds: Kinds) -> Mapping[str, str]:
    source = query.args["from_"].this if query.args.get("from_") else None
    if not isinstance(source, e.Table) or any(source.args.get(key) for key in ("db", "catalog", "alias", "joins")):
        _refuse("no plain table")
    known = {"this", "version"}
    if any(value for key, value in source.args.items() if key not in known):
        _refuse("more about its table than a version")
    version = source.args.get("version")
    if version is None:
        return kinds(source.name, None)
    number = version.expression
    if version.this != "VERSION" or not isinstance(number, e.Literal) or not number.name.isdigit():
        _refuse("a version that is no number")
    return kinds(source.name, int(number.name))


def _name(node: e.Expression | None, columns: Mapping[str, str]) -> str:
    if not isinstance(node, e.Column) or node.args.get("table") or node.name not in columns:
        _refuse("something in the place of a column's name")
    return node.name


def _check_condition(node: e.Expression, columns: Mapping[str, str]) -> None:
    if isinstance(node, (e.And, e.Or)):
        _check_condition(node.args["this"], columns)
        _check_condition(node.args["expression"], columns)
    elif isinstance(node, (e.Not, e.Paren)):
        _check_condition(node.this, columns)
    elif isinstance(node, e.Is) and isinstance(node.expression, e.Null):
        _name(node.this, columns)
    elif isinstance(node, COMPARISONS):
        _check_literals(_name(node.this, columns), [node.expression], columns)
        if isinstance(node, e.Like) and columns[node.this.name] != "text":
            _refuse("LIKE for numbers")
    elif isinstance(node, e.Between):
        _check_literals(_name(node.this, columns), [node.args["low"], node.args["high"]], columns)
    elif isinstance(node, e.In) and node.expressions and not node.args.get("query"):
        _check_literals(_name(node.this, columns), node.expressions, columns)
    else:
        _refuse(f"a condition with {type(node).__name__}")


def _check_literals(name: str, literals: list[e.Expression], columns: Mapping[str, str]) -> None:
    for literal in literals:
        if not isinstance(literal, e.Literal):
            _refuse("a comparison with something else than a literal")
        is_number = literal.name.isdigit() and len(literal.name) <= 18
        if columns[name] != ("text" if literal.is_string else "number" if is_number else "other"):
            _refuse("a comparison of different kinds")


def _projected(query: e.Select, columns: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the names of the answer's columns, and the columns of the table that are among them."""
    names: list[str] = []
    plain: list[str] = []
    for item in query.expressions:
        if isinstance(item, e.Star) and not item.args:
            names += columns
            plain += columns
            continue
        shown = item.this if isinstance(item, e.Alias) else item
        if isinstance(item, e.Alias) and (item.alias in columns or item.alias in names):
            _refuse("a name that is taken")
        if isinstance(shown, e.Column):
            if isinstance(item, e.Alias):
                _refuse("a column under another name")
            plain.append(_name(shown, columns))
            names.append(shown.name)
        else:
            names.append(item.alias if isinstance(item, e.Alias) else _called(shown, columns))
            _called(shown, columns)
    if len(set(names)) < len(names):
        _refuse("two columns of one name")
    return tuple(names), tuple(plain)


def _called(node: e.Expression, columns: Mapping[str, str]) -> str:
    """Give the name that Spark has for an aggregate."""
    if isinstance(node, e.Count) and isinstance(node.this, e.Star):
        return "count(1)"
    if isinstance(node, e.Count) and isinstance(node.this, e.Distinct) and len(node.this.expressions) == 1:
        return f"count(DISTINCT {_name(node.this.expressions[0], columns)})"
    if not isinstance(node, (e.Count, e.Sum, e.Min, e.Max)) or node.args.get("expressions"):
        _refuse(f"the expression {type(node).__name__}")
    name = _name(node.this, columns)
    if isinstance(node, e.Sum) and columns[name] != "number":
        _refuse("a sum of what are no numbers")
    return f"{node.key}({name})"


def _groups(query: e.Select, columns: Mapping[str, str], plain: tuple[str, ...]) -> tuple[str, ...] | None:
    """Give the columns that the answer is grouped by; None where it is not."""
    group = query.args.get("group")
    has_aggregates = any(query.find_all(e.AggFunc))
    if group is None:
        if has_aggregates and plain:
            _refuse("columns beside aggregates")
        return None
    if any(value for key, value in group.args.items() if key not in ("expressions", "all")) or not has_aggregates:
        _refuse("another GROUP BY than of columns")
    groups = plain if group.args.get("all") else tuple(_name(item, columns) for item in group.expressions)
    if set(groups) != set(plain) or any(columns[name] == "other" for name in groups):
        _refuse("groups that are not shown")
    return groups


def _keys(query: e.Select, names: tuple[str, ...]) -> tuple[int, ...]:
    keys = []
    for item in query.args["order"].expressions:
        if not isinstance(item.this, e.Column) or item.this.args.get("table") or item.this.name not in names:
            _refuse("an order by something that is not shown")
        keys.append(names.index(item.this.name))
    return tuple(keys)


def _limit(query: e.Select, *, ordered: bool) -> int | None:
    limit = query.args.get("limit")
    if limit is None:
        return None
    count = limit.expression
    if not ordered or not isinstance(count, e.Literal) or not count.name.isdigit() or len(count.name) > 9:
        _refuse("a limit on rows in no order")
    return int(count.name)


def _first_null(name: str) -> e.Ordered:
    return e.Ordered(this=e.column(name), nulls_first=True)
