"""Shards of MosaicML Streaming (MDS, version 2): samples behind a table of offsets, and the index of a folder.

A shard is the number of samples and their offsets as unsigned 32-bit integers, its own description as JSON, and the
samples; a sample is the sizes of its columns of variable size, then its columns, in the order of their names. This is
written here rather than with the library, which asks for older numpy and transformers than the engines need.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INDEX = "index.json"
SHAPE_SIZES = {"B": 0, "H": 1, "I": 2}
"""How MDS names the kind of number that a length is written in."""


def sample(columns: Sequence[bytes | None], fixed: Sequence[int | None]) -> bytes:
    """Put the columns of one sample together; those of fixed size do not say how large they are.

    >>> sample([b"ab", b"c"], [None, None])
    b'\\x02\\x00\\x00\\x00\\x01\\x00\\x00\\x00abc'
    """
    values = [value or b"" for value in columns]
    sizes = (len(value).to_bytes(4, "little") for value, size in zip(values, fixed, strict=True) if size is None)
    return b"".join((*sizes, *values))


def array(values: NDArray[Any]) -> bytes:
    """Write a vector whose length is not in the shard's description: one byte for its shape, its length, its values.

    >>> import numpy as np
    >>> array(np.array([7, 8], dtype=np.uint16))
    b'\\x04\\x02\\x07\\x00\\x08\\x00'
    """
    length = len(values)
    kind, size = ("B", 1) if length < 1 << 8 else ("H", 2) if length < 1 << 16 else ("I", 4)
    shape = (1 << 2) | SHAPE_SIZES[kind]
    return bytes([shape]) + length.to_bytes(size, "little") + values.tobytes()


def description(encodings: Mapping[str, str], fixed: Mapping[str, int], size_limit: int) -> dict[str, Any]:
    """Describe shards as they do themselves.

    Args:
        encodings: MDS's name of what each column holds, as `str` or `ndarray:uint16`.
        fixed: Bytes of the columns that have the same size in each sample.
        size_limit: Bytes after which the next shard begins.
    """
    names = sorted(encodings)
    return {
        "version": 2,
        "format": "mds",
        "compression": None,
        "hashes": ["sha256"],
        "size_limit": size_limit,
        "column_names": names,
        "column_encodings": [encodings[name] for name in names],
        "column_sizes": [fixed.get(name) for name in names],
    }


def shard(samples: Sequence[bytes], described: Mapping[str, Any]) -> bytes:
    """Write one shard."""
    import numpy as np

    header = json.dumps(described, sort_keys=True).encode()
    offsets: NDArray[np.int64] = np.zeros(len(samples) + 1, dtype=np.int64)
    np.cumsum([len(one) for one in samples], out=offsets[1:])
    offsets += 4 + 4 * len(offsets) + len(header)
    return b"".join((len(samples).to_bytes(4, "little"), offsets.astype("<u4").tobytes(), header, *samples))


def index(files: Iterable[Mapping[str, Any]], described: Mapping[str, Any]) -> bytes:
    """Write the index of a folder, which the library reads first.

    Args:
        files: `path`, `bytes`, `sha256` and `samples` of each shard, in order.
        described: Their description.
    """
    entries = [
        {
            **described,
            "samples": file["samples"],
            "raw_data": {"basename": file["path"], "bytes": file["bytes"], "hashes": {"sha256": file["sha256"]}},
            "zip_data": None,
        }
        for file in files
    ]
    return json.dumps({"version": 2, "shards": entries}, sort_keys=True).encode()
