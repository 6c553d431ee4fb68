"""Texts into tokens, one array a document or sequences of one length, as samples of MDS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prox_spark.formats import mds
from prox_spark.formats.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

BUNCH = 1_000_000
"""Characters that are encoded at once: the tokenizer holds some hundred bytes a token until its call ends."""

_Samples = tuple[list[bytes], dict[str, int]]


@dataclass(frozen=True, slots=True)
class Packing:
    """How texts become samples.

    Each text is its tokens and the end-of-text token; no token begins it. With a length, the texts of a part follow
    each other and are cut every `length` tokens; what is left at the end of a part fills no sequence and is counted.

    Attributes:
        vocabulary: The tokenizer.
        length: Tokens of a sequence; None keeps one array a document, with its `doc_id`.
    """

    vocabulary: Vocabulary
    length: int | None = None

    @property
    def encodings(self) -> dict[str, str]:
        """Give MDS's names of what the columns hold."""
        kind = f"ndarray:{self.vocabulary.dtype}"
        return {"tokens": f"{kind}:{self.length}"} if self.length else {"doc_id": "str", "tokens": kind}

    @property
    def fixed(self) -> dict[str, int]:
        """Give the bytes of the columns that have one size."""
        return {"tokens": self.length * self.vocabulary.width} if self.length else {}


def per_document(tables: Iterable[pa.Table], packing: Packing) -> Iterator[_Samples]:
    """Give the samples of each shard: one a document."""
    for table in tables:
        ids = table["doc_id"].to_pylist()
        arrays = list(_arrays(table, packing.vocabulary))
        samples = [
            mds.sample([name.encode(), mds.array(one)], [None, None]) for name, one in zip(ids, arrays, strict=True)
        ]
        yield samples, _counts([table], len(samples), sum(map(len, arrays)))


def packed(tables: Iterable[pa.Table], packing: Packing, *, limit: int) -> Iterator[_Samples]:
    """Give the samples of each shard: sequences of one length; and at last what fills none, without samples."""
    import numpy as np

    length = packing.length or 1
    most = max(1, limit // (length * packing.vocabulary.width))
    rest: NDArray[Any] = np.zeros(0, dtype=packing.vocabulary.dtype)
    samples: list[bytes] = []
    seen: list[pa.Table] = []  # since the last shard; a document counts with the shard after its end
    for table in tables:
        rest = np.concatenate([rest, *_arrays(table, packing.vocabulary)])
        whole = len(rest) // length * length
        samples += [rest[at : at + length].tobytes() for at in range(0, whole, length)]
        rest = rest[whole:].copy()
        seen.append(table)
        while len(samples) >= most:
            yield samples[:most], _counts(seen, most, most * length)
            samples, seen = samples[most:], []
    if samples:
        yield samples, _counts(seen, len(samples), len(samples) * length)
        seen = []
    yield [], _counts(seen, 0, len(rest))


def _arrays(table: pa.Table, vocabulary: Vocabulary) -> Iterator[NDArray[Any]]:
    bunch: list[str] = []
    size = 0
    for text in table["text"].to_pylist():
        if bunch and size + len(text) > BUNCH:
            yield from vocabulary.encode(bunch)
            bunch, size = [], 0
        bunch.append(text)
        size += len(text)
    yield from vocabulary.encode(bunch)


def _counts(tables: list[pa.Table], samples: int, tokens: int) -> dict[str, int]:
    import pyarrow.compute as pc

    size = sum(pc.sum(pc.binary_length(table["text"])).as_py() or 0 for table in tables)
    documents = sum(table.num_rows for table in tables)
    return {"documents": documents, "samples": samples, "text_bytes": size, "tokens": tokens}
