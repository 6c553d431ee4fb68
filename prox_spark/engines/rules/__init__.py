"""The rules engine: published heuristics for pages and lines, written as programs."""

from prox_spark.engines.rules.engine import RULES_VERSION, RulesEngine, chunk_program, document_program
from prox_spark.engines.rules.quality import DOCUMENT_RULES, broken_rules, c4_line

__all__ = [
    "DOCUMENT_RULES",
    "RULES_VERSION",
    "RulesEngine",
    "broken_rules",
    "c4_line",
    "chunk_program",
    "document_program",
]
