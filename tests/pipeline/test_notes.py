"""What an ingest says of settings that fitted nothing."""

from __future__ import annotations

import pytest

from prox_spark.config import IngestSettings
from prox_spark.pipeline._ingest import notes
from prox_spark.sources import adapter


@pytest.mark.parametrize("source", ["c4", "fineweb", "redpajama-v2", "openwebmath"])
def test_columns_named_for_a_source_that_has_its_own_are_said_to_be_unused(source: str) -> None:
    settings = IngestSettings(text_column="body", id_column="key")
    expected = f"Not used: ingest.text_column, ingest.id_column; the columns of {source} are known."
    assert notes(adapter(source, settings), settings, documents=2, urls=2) == (expected,)
    assert notes(adapter(source), IngestSettings(), documents=2, urls=2) == ()


def test_a_url_column_that_no_record_has_is_said_with_what_helps_where_something_does() -> None:
    settings = IngestSettings(url_column="URL")
    (line,) = notes(adapter("jsonl", settings), settings, documents=2, urls=0)
    assert line == "No document has a URL: no record has one in URL; --url-column names another column."
    (line,) = notes(adapter("c4"), IngestSettings(), documents=2, urls=0)
    assert line == "No document has a URL: no record has one in url."
    assert notes(adapter("jsonl", settings), settings, documents=0, urls=0) == ()
    assert notes(adapter("jsonl", settings), settings, documents=2, urls=1) == ()
