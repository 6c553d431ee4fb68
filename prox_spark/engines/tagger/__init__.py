"""The tagger: a small transformer over the lines of a page, which writes programs; its weights ship in the package."""

from prox_spark.engines.tagger.engine import TAGGER_VERSION, TaggerEngine, shipped_weights

__all__ = ["TAGGER_VERSION", "TaggerEngine", "shipped_weights"]
