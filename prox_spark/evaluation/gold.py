"""Labelled pages: read from parquet in the layout of web_lines (text, keep, line_match, is_title), one row a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from prox_spark.errors import SourceError

_NEEDED = ("text", "keep")
_OPTIONAL = ("id", "source_dataset", "domain", "page_type", "line_match", "is_title", "fold", "url")
_UNCLEAR = (0.2, 0.8)


@dataclass(frozen=True, slots=True)
class GoldPage:
    """One labelled page.

    Attributes:
        id: What the data call it.
        source: The data set it comes from.
        domain: Its registered domain; empty where unknown.
        page_type: Its type; empty where unknown.
        lines: Its lines.
        keep: For each line, whether it is main content.
        counted: For each line, whether it counts: titles and lines that are part content, part not, do not.
        fold: For splits without a site on both sides.
    """

    id: str
    source: str
    domain: str
    page_type: str
    lines: tuple[str, ...]
    keep: tuple[bool, ...]
    counted: tuple[bool, ...]
    fold: int


def read(path: str | Path, sources: Sequence[str] = ()) -> Iterator[GoldPage]:
    """Read the pages of a parquet file, those of all sources unless some are named.

    Raises:
        SourceError: It cannot be read or is no table of labelled pages.
    """
    file = _open(path)
    names = file.schema_arrow.names
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise SourceError(f"{path} holds no labelled pages: it has no column {missing[0]}")
    columns = [name for name in (*_NEEDED, *_OPTIONAL) if name in names]
    for batch in file.iter_batches(batch_size=64, columns=columns):
        for row in batch.to_pylist():
            if not sources or row.get("source_dataset") in sources:
                yield _page(row, path)


def _page(row: dict[str, object], path: str | Path) -> GoldPage:
    lines = tuple(str(row["text"]).split("\n"))
    keep = tuple(bool(label) for label in row["keep"] or ())  # type: ignore[attr-defined]  # a list column
    if len(keep) != len(lines):
        raise SourceError(f"{path}: page {row.get('id')} has {len(lines)} lines and {len(keep)} labels")
    match: Sequence[float] = row.get("line_match") or [1.0] * len(lines)  # type: ignore[assignment]
    title: Sequence[bool] = row.get("is_title") or [False] * len(lines)  # type: ignore[assignment]
    low, high = _UNCLEAR
    counted = tuple(not (is_title or low < share < high) for is_title, share in zip(title, match, strict=True))
    return GoldPage(
        str(row.get("id") or ""), str(row.get("source_dataset") or "pages"), str(row.get("domain") or ""),
        str(row.get("page_type") or ""), lines, keep, counted, int(str(row.get("fold") or 0)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class GoldDocument:
    """One document with the verdict of people.

    Attributes:
        text: The document.
        keep: What most of them say.
        unanimous: Whether they all say so.
    """

    text: str
    keep: bool
    unanimous: bool


def holds_documents(path: str | Path) -> bool:
    """Say whether a parquet file holds verdicts on documents rather than labels of lines."""
    return "keep_doc" in _open(path).schema_arrow.names


def read_documents(path: str | Path) -> list[GoldDocument]:
    """Read documents with votes (text, keep_doc, unanimous)."""
    table = _open(path).read()
    rows = table.select([name for name in ("text", "keep_doc", "unanimous") if name in table.column_names]).to_pylist()
    return [GoldDocument(row["text"], bool(row["keep_doc"]), bool(row.get("unanimous", True))) for row in rows]


def _open(path: str | Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read labelled pages from {path}: {error}") from error
