"""Spark's SQL in DuckDB's words: a query is parsed, its tables are looked up, and it is written again."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import sqlglot
from sqlglot import expressions as e

Relation = Callable[[str, "int | None"], str]
"""Gives the query of a view, or DuckDB's name of a table in a version."""


def read(query: str) -> e.Query:
    """Parse one query of Spark.

    Raises:
        sqlglot.errors.ParseError: It is none, or this parser does not know it.
    """
    statement = sqlglot.parse_one(query, read="spark")
    if not isinstance(statement, e.Query):
        raise sqlglot.errors.ParseError(f"{query} is no query")
    return statement


def written(query: e.Query, relation: Relation) -> str:
    """Write a query for DuckDB.

    >>> written(read("SELECT max_by(text, words_after) FROM corpus VERSION AS OF 2"), lambda table, version: "there")
    'SELECT ARG_MAX_NULL(text, words_after) FROM "there" AS corpus'
    """
    return _bound(query, relation).sql(dialect="duckdb")


def _bound(query: e.Query, relation: Relation) -> e.Query:
    def bind(node: e.Expression) -> e.Expression:
        if isinstance(node, e.ArgMax):  # DuckDB's own leaves out the rows without a value
            return e.Anonymous(this="ARG_MAX_NULL", expressions=[node.this, node.expression])
        if isinstance(node, e.Lambda) and len(node.expressions) == 2:
            return _counted_from_1(node)
        if not isinstance(node, e.Table):
            return node
        version = node.args.get("version")
        there = relation(node.name, None if version is None else int(version.expression.name))
        alias = e.TableAlias(this=e.to_identifier(node.alias_or_name))
        if there.startswith("SELECT "):
            return e.Subquery(this=_bound(read(there), relation), alias=alias)
        return e.Table(this=e.to_identifier(there, quoted=True), alias=alias)

    # Common table expressions have names that look like tables; nothing of ours has any.
    return cast("e.Query", query.transform(bind))


def _counted_from_1(function: e.Lambda) -> e.Expression:
    """Rewrite a lambda of an element and its index: DuckDB counts the elements from 1, Spark from 0."""
    index = function.expressions[1].name

    def moved(node: e.Expression) -> e.Expression:
        if (
            not isinstance(node, e.Identifier)
            or node.name != index
            or isinstance(node.parent, (e.Column, e.PropertyEQ))
        ):
            return node
        return e.Paren(this=e.Sub(this=node.copy(), expression=e.Literal.number(1)))

    return e.Lambda(this=function.this.transform(moved), expressions=function.expressions)
