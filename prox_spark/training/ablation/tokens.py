"""Corpora as sequences of tokens: one tokenizer for all of them, packed as `export` packs, read where they lie."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from prox_spark.errors import SourceError
from prox_spark.formats import Layout, Place, Written, write
from prox_spark.formats.tokens import Packing
from prox_spark.formats.vocabulary import Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prox_spark.training.ablation.texts import Text

END = "<|end|>"
SHARD_BYTES = 64 * 2**20
_ROWS = 256


def learn_tokenizer(samples: Iterable[Sequence[str]], size: int, folder: Path) -> Vocabulary:
    """Learn byte pairs from as many characters of each corpus, and keep them in a folder.

    Args:
        samples: Texts of each corpus; those it is longer by than the shortest are not looked at.
        size: Pieces.
        folder: Where the tokenizer is kept, as transformers reads it.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    corpora = [list(texts) for texts in samples]
    room = min(sum(map(len, texts)) for texts in corpora)
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator((text for texts in corpora for text in _first(texts, room)), trainer)
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=END).save_pretrained(folder)
    return Vocabulary.load(str(folder))


def keep_tokenizer(vocabulary: Vocabulary, folder: Path) -> None:
    """Write a tokenizer as transformers reads it."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer.from_str(vocabulary.backend)
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=vocabulary.end[1]).save_pretrained(folder)


def _first(texts: Sequence[str], room: int) -> Iterator[str]:
    for text, before in zip(texts, accumulate(map(len, texts), initial=0), strict=False):
        if before < room:
            yield text[: room - before]


def pack(texts: Iterable[Text], folder: Path, vocabulary: Vocabulary, length: int) -> list[Written]:
    """Write texts, in their order, as sequences of one length."""
    place = Place.at(str(folder))
    place.create()
    return list(write(_batches(texts), Layout("tokens", place, SHARD_BYTES, Packing(vocabulary, length))))


def _batches(texts: Iterable[Text]) -> Iterator[pa.RecordBatch]:
    rows: list[dict[str, Any]] = []
    for text in texts:
        rows.append({"part": 0, "doc_id": text.id, "text": text.text})
        if len(rows) == _ROWS:
            yield pa.RecordBatch.from_pylist(rows)
            rows = []
    if rows:
        yield pa.RecordBatch.from_pylist(rows)


class Sequences:
    """The packed sequences of a corpus, in an order of their own for each seed, as often as a run needs them.

    They stay on disk and are mapped into memory; an item is a sequence, shape (length,), of 64-bit integers.

    Attributes:
        there: How many sequences the corpus has.
    """

    def __init__(self, folder: str, count: int, seed: int) -> None:
        """Open a folder.

        Args:
            folder: Where `pack` or `export --format tokens --sequence-length` wrote.
            count: Sequences to give, more than there are if need be: every sequence comes before any comes again.
            seed: Of the order.

        Raises:
            SourceError: There are no sequences.
        """
        self._shards = [_mapped(path) for path in sorted(Path(folder).glob("shard.*.mds"))]
        self._starts = np.cumsum([0, *(len(shard) for shard in self._shards)])
        self.there, self._count, self._seed = int(self._starts[-1]), count, seed
        if not self.there:
            raise SourceError(f"{folder} holds no sequences of tokens: the corpus is shorter than one")
        self._round, self._order = -1, np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> dict[str, Any]:
        turn, place = divmod(number, self.there)
        if turn != self._round:
            self._round, self._order = turn, np.random.default_rng((self._seed, turn)).permutation(self.there)
        at = int(self._order[place])
        shard = int(np.searchsorted(self._starts, at, side="right")) - 1
        ids = self._shards[shard][at - int(self._starts[shard])].astype(np.int64)
        return {"input_ids": ids, "labels": ids}


def _mapped(path: Path) -> NDArray[Any]:
    """Map the sequences of a shard, which has one column of fixed size: they follow each other without a gap."""
    with path.open("rb") as file:
        samples = int.from_bytes(file.read(4), "little")
        offsets = np.frombuffer(file.read(4 * (samples + 1)), dtype="<u4")
        described = json.loads(file.read(int(offsets[0]) - 4 * (samples + 2)))
    _, kind, length = described["column_encodings"][0].split(":")
    return np.memmap(path, dtype=kind, mode="r", offset=int(offsets[0]), shape=(samples, int(length)))
