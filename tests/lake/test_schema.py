"""The columns of the tables: each says in a catalog what it holds."""

from __future__ import annotations

from prox_spark.lake import ddl, schema, views


def test_every_table_and_every_column_has_a_comment() -> None:
    assert set(schema.COMMENTS) == set(schema.ABOUT) == set(schema.TABLES)
    for table, columns in schema.TABLES.items():
        assert set(schema.COMMENTS[table]) == set(columns.fieldNames())
    named = [view for view, _ in views.statements("`{}`".format, (), oldest=0, has_corpus=True)]
    assert set(schema.VIEWS) == set(named)


def test_the_statement_that_creates_a_table_quotes_what_it_says() -> None:
    statement = ddl.create("documents", name="`a`.`b`.`documents`", folder="/it's/lake")
    assert "LOCATION '/it\\'s/lake/documents'" in statement
    assert f"COMMENT '{schema.ABOUT['documents']}'" in statement
    assert not any("'" in text for comments in schema.COMMENTS.values() for text in comments.values())
