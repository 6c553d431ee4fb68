"""What a causal model learns from, as token ids: pairs made in Spark, texts with programs, or labelled pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from prox_spark import profiles
from prox_spark.engines import PromptTokenizer
from prox_spark.errors import SourceError
from prox_spark.evaluation import GoldPage, read
from prox_spark.training.pairs import Pair, from_labels, from_program
from prox_spark.training.recipes import CausalRecipe

IGNORED = -100


@dataclass(frozen=True, slots=True)
class PairIds:
    """One pair as the model sees it.

    Attributes:
        ids: Prompt, completion and the end of sequence.
        answer: Where the completion begins.
    """

    ids: tuple[int, ...]
    answer: int


def split(recipe: CausalRecipe) -> tuple[list[GoldPage], list[GoldPage]]:
    """Read the labelled pages of a recipe: those to learn from and those to validate on."""
    labelled = [path for path in recipe.data if "keep" in pq.read_schema(path).names]
    pages = [page for path in labelled for page in read(path, recipe.sources)]
    learned = [page for page in pages if page.fold not in recipe.validation_folds]
    held = [page for page in pages if page.fold in recipe.validation_folds]
    return learned, held[: recipe.validation_pages]


def examples(recipe: CausalRecipe, pages: Iterable[GoldPage], tokenizer: PromptTokenizer, end: int) -> list[PairIds]:
    """Make all examples to learn from.

    Args:
        end: The token that ends a completion.

    Raises:
        SourceError: A file holds none of the three kinds, or there is nothing to learn from.
    """
    profile = profiles.find(recipe.profile)
    pairs = [pair for page in pages for pair in from_labels("\n".join(page.lines), page.keep, profile, tokenizer)]
    for path in recipe.data:
        pairs += _stored(path, profile, tokenizer)
    learned = [_pair_ids(pair, tokenizer, end) for pair in pairs]
    if not learned:
        raise SourceError(f"{', '.join(recipe.data)}: nothing to learn from")
    return learned


def _stored(path: str, profile: profiles.Profile, tokenizer: PromptTokenizer) -> Iterator[Pair]:
    names = pq.read_schema(path).names
    if "keep" in names:
        return
    if {"prompt", "completion"} <= set(names):
        for row in _rows(path, [name for name in ("prompt", "completion", "prompt_ids") if name in names]):
            ids = row.get("prompt_ids")
            yield Pair(row["prompt"], None if ids is None else tuple(ids), row["completion"])
    elif {"text", "program"} <= set(names):
        for row in _rows(path, ["text", "program"]):
            yield from from_program(row["text"], row["program"], profile, tokenizer)
    else:
        raise SourceError(f"{path} has neither text and keep, nor text and program, nor prompt and completion")


def _rows(path: str, columns: list[str]) -> Iterator[dict[str, Any]]:
    for batch in pq.ParquetFile(path).iter_batches(columns=columns):
        yield from batch.to_pylist()


def _pair_ids(pair: Pair, tokenizer: PromptTokenizer, end: int) -> PairIds:
    prompt = pair.prompt_ids if pair.prompt_ids is not None else tuple(tokenizer.encode(pair.prompt))
    return PairIds((*prompt, *tokenizer.encode(pair.completion, add_bos=False), end), len(prompt))


def collate(batch: Sequence[PairIds], pad: int) -> dict[str, Any]:
    """Pad a batch on the right; only the completion is learned."""
    import torch

    width = max(len(item.ids) for item in batch)
    ids = torch.tensor([[*item.ids, *[pad] * (width - len(item.ids))] for item in batch])
    place = torch.arange(width)[None]
    lengths, answers = (
        torch.tensor(values)[:, None] for values in zip(*((len(e.ids), e.answer) for e in batch), strict=True)
    )
    return {
        "input_ids": ids,
        "attention_mask": (place < lengths).long(),
        "labels": ids.masked_fill((place < answers) | (place >= lengths), IGNORED),
    }
