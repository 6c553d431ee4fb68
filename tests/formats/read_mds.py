"""Read a folder of MDS shards with MosaicML's own library, and print its samples as JSON lines.

PYTHONPATH=FOLDER-WITH-THE-LIBRARY python tests/formats/read_mds.py DIR
"""

from __future__ import annotations

import json
import sys


def main(folder: str) -> None:
    from streaming import StreamingDataset  # beside the environment: see mosaicml.txt

    dataset = StreamingDataset(local=folder, shuffle=False, batch_size=1, validate_hash="sha256")
    for at in range(len(dataset)):
        sample = dataset[at]
        tokens = sample.pop("tokens", None)
        if tokens is not None:
            sample |= {"tokens": tokens.tolist(), "dtype": tokens.dtype.name}
        print(json.dumps(sample))


if __name__ == "__main__":
    main(sys.argv[1])
