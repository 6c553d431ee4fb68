"""The scoreboard: an engine beside the published rules, on pages that people have labelled."""

from prox_spark.evaluation.gold import GoldDocument, GoldPage, holds_documents, read, read_documents
from prox_spark.evaluation.plot import plot
from prox_spark.evaluation.run import Row, Selection, judge, removed_lines, score_documents, score_file, score_pages
from prox_spark.evaluation.scores import Counts, Summary, Value, count, summarise

__all__ = [
    "Counts",
    "GoldDocument",
    "GoldPage",
    "Row",
    "Selection",
    "Summary",
    "Value",
    "count",
    "holds_documents",
    "judge",
    "plot",
    "read",
    "read_documents",
    "removed_lines",
    "score_documents",
    "score_file",
    "score_pages",
    "summarise",
]
