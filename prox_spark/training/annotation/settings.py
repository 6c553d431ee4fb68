"""What an annotation run is made of, read from a YAML file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from prox_spark.config.section import Section
from prox_spark.training.recipes import Files, checked


class AnnotationSettings(Section):
    """Who is asked, about what, and what is believed.

    Attributes:
        endpoint: Base URL of an OpenAI-compatible service, as in http://localhost:8000/v1; no password in it.
        model: The name of the model there.
        key_variable: Environment variable that holds the key; None sends none.
        data: Parquet files with a column `text`.
        out: The folder of the run: answers.jsonl, document.parquet and chunk.parquet.
        limit: How many texts; 0 for all.
        parallel: How many texts are asked about at the same time.
        max_tokens: Longest answer.
        timeout: Seconds to wait for an answer.
        attempts: How often a request is tried.
        document_chars: How much of a text the scores are asked for.
        chunk_words: Size of a chunk in words.
        most_removed: A chunk of which a larger share of the words would go is left out: such answers are mostly wrong.
    """

    endpoint: Annotated[str, Field(pattern=r"^https?://[^/@]+(/|$)")]
    model: Annotated[str, Field(min_length=1)]
    key_variable: str | None = None
    data: Files
    out: str = "runs/annotation"
    limit: Annotated[int, Field(ge=0)] = 0
    parallel: Annotated[int, Field(ge=1)] = 8
    max_tokens: Annotated[int, Field(ge=1)] = 512
    timeout: Annotated[float, Field(gt=0)] = 120.0
    attempts: Annotated[int, Field(ge=1)] = 4
    document_chars: Annotated[int, Field(ge=1)] = 12_000
    chunk_words: Annotated[int, Field(ge=1)] = 1000
    most_removed: Annotated[float, Field(ge=0, le=1)] = 0.95


def read(path: Path, overrides: Iterable[str] = ()) -> AnnotationSettings:
    """Read the settings.

    Raises:
        ConfigError: The file cannot be read, or a key or value cannot be.
    """
    return checked(TypeAdapter(AnnotationSettings), path, overrides)
