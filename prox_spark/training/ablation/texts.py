"""The texts of an ablation as files give them, and those that the models are judged on as its folder keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_spark.errors import SourceError

_ROWS = 256


@dataclass(frozen=True, slots=True)
class Text:
    """One document.

    Attributes:
        id: The same in every corpus that holds the document.
        site: The site it comes from; empty where that is not known.
        text: The text.
    """

    id: str
    site: str
    text: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One document that models are judged on.

    Attributes:
        set: The set of documents that it belongs to; each set is judged by itself.
        id: Its name.
        site: The site it comes from, or its name where that is not known: intervals draw sites.
        text: The text.
    """

    set: str
    id: str
    site: str
    text: str


def read_texts(path: str | Path) -> Iterator[Text]:
    """Read documents from Parquet: `text`, and where there are such columns `doc_id` or `id`, and `domain` or `url`.

    Without an id a document is its place in the file.

    Raises:
        SourceError: The file cannot be read, or has no column `text`.
    """
    from prox_spark.training.ablation.leakage import site_of

    names = _names(path)
    key = next((name for name in ("doc_id", "id") if name in names), None)
    place = next((name for name in ("domain", "url") if name in names), None)
    columns = [name for name in ("text", key, place) if name is not None]
    with pq.ParquetFile(path) as file:
        rows = (row for batch in file.iter_batches(_ROWS, columns=columns) for row in batch.to_pylist())
        for number, row in enumerate(rows, 1):
            if row["text"]:
                site = site_of(row[place]) if place is not None else ""
                yield Text(str(row[key]) if key is not None else f"{Path(path).name}:{number}", site, row["text"])


def _names(path: str | Path) -> Sequence[str]:
    try:
        names: list[str] = pq.read_schema(path).names
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read texts from {path}: {error}") from error
    if "text" not in names:
        raise SourceError(f"{path} has no column text; it has {', '.join(names)}")
    return names


def held_out(name: str, texts: Sequence[Text]) -> list[HeldOut]:
    """Make a set of documents to judge on."""
    return [HeldOut(name, text.id, text.site or text.id, text.text) for text in texts]


def write_held_out(documents: Sequence[HeldOut], path: Path) -> None:
    """Write what models are judged on to one Parquet file."""
    pq.write_table(pa.Table.from_pylist([asdict(document) for document in documents]), path, compression="zstd")


def read_held_out(path: str | Path) -> list[HeldOut]:
    """Read what `write_held_out` wrote."""
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return [HeldOut(**row) for row in rows]
