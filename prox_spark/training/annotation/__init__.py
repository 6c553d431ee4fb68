"""Annotation: a strong model behind an OpenAI-compatible endpoint says what to keep, and gives pairs to learn from."""

from prox_spark.training.annotation.run import Annotated, annotate, annotate_text, verdict
from prox_spark.training.annotation.settings import AnnotationSettings, read

__all__ = ["Annotated", "AnnotationSettings", "annotate", "annotate_text", "read", "verdict"]
