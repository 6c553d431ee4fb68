"""What is left after each pass is what was there less what the pass took."""

from __future__ import annotations

from prox_spark.lake.lineage import PublishedVersion
from prox_spark.passes import Chain
from prox_spark.report.facts import _stages, pass_names


def test_words_and_documents_that_are_left_add_up() -> None:
    sources = [
        {"source": "c4", "documents": 10, "words_before": 1000},
        {"source": "c4", "documents": 5, "words_before": 500},
    ]
    doc = {"pass_name": "doc", "source": "c4", "dropped": 4, "words_before": 1500, "words_after": 900}
    chunk = {"pass_name": "chunk", "source": "c4", "dropped": 1, "words_before": 900, "words_after": 700}
    assert _stages(sources, [doc, chunk]) == [
        {"stage": "ingested", "source": "c4", "words": 1500, "documents": 15},
        {"stage": "after doc", "source": "c4", "words": 900, "documents": 11},
        {"stage": "after chunk", "source": "c4", "words": 700, "documents": 10},
    ]


def test_a_version_that_documents_caught_up_with_has_operations_of_the_passes_before_it() -> None:
    key = '{{"name": "{name}", "fingerprint": "{name}", "level": "document", "policy": {{}}}}'
    caught_up = PublishedVersion(1, "run-1", Chain((key.format(name="doc"), key.format(name="chunk"))), 1)
    assert pass_names([caught_up]) == ["doc", "chunk"]
