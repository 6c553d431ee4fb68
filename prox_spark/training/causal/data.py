"""What a causal model learns from, as token ids: pairs made in Spark, texts with programs, or labelled pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from prox_spark import profiles
from prox_spark.engines import PromptTokenizer
from prox_spark.errors import SourceError
from prox_spark.evaluation import GoldPage, read
from prox_spark.program import parse
from prox_spark.training.pairs import Pair, from_labels, from_program
from prox_spark.training.recipes import CausalRecipe

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Example:
    """Hold one pair as the model sees it.

    Attributes:
        ids: Prompt, completion and the end of sequence.
        answer: Where the completion begins.
        lines: For each line, the place where the next one begins, and 1 if the line goes, else 0.
        looks: For each number in the completion, the place before it and the place of that line's marker.
    """

    ids: tuple[int, ...]
    answer: int
    lines: tuple[tuple[int, int], ...] = ()
    looks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """Say which tokens stand for line numbers.

    Attributes:
        markers: Token of a line marker to its number; -1 for what ends the last line.
        written: Token of a number in a call to the number.
    """

    markers: Mapping[int, int]
    written: Mapping[int, int]


NO_NUMBERS = Numbers({}, {})


def split(recipe: CausalRecipe) -> tuple[list[GoldPage], list[GoldPage]]:
    """Read the labelled pages of a recipe: those to learn from and those to validate on.

    With a teacher the labels to learn from are the teacher's.
    """
    labelled = [path for path in recipe.data if "keep" in pq.read_schema(path).names]
    pages = [page for path in labelled for page in read(path, recipe.sources)]
    learned = [page for page in pages if page.fold not in recipe.validation_folds]
    held = [page for page in pages if page.fold in recipe.validation_folds]
    return _taught(learned, recipe.teacher) if recipe.teacher else learned, held[: recipe.validation_pages]


def _taught(pages: Sequence[GoldPage], teacher: str) -> list[GoldPage]:
    from prox_spark.engines.tagger import shipped_weights
    from prox_spark.engines.tagger.model import TaggerModel

    with shipped_weights() if teacher == "shipped" else nullcontext(Path(teacher)) as path:
        model = TaggerModel.from_file(path)
    return [replace(page, keep=tuple(bool(v > 0) for v in model.judge(page.lines).keep)) for page in pages]


def examples(
    recipe: CausalRecipe,
    pages: Iterable[GoldPage],
    tokenizer: PromptTokenizer,
    end: int,
    numbers: Numbers = NO_NUMBERS,
    first: Iterable[Pair] = (),
) -> list[Example]:
    """Make all examples to learn from.

    Args:
        end: The token that ends a completion.
        numbers: Which tokens stand for line numbers, if each is one token.
        first: Pairs that come before all others.

    Raises:
        SourceError: A file holds none of the three kinds, or there is nothing to learn from.
    """
    profile = profiles.find(recipe.profile)
    pairs = [pair for page in pages for pair in from_labels("\n".join(page.lines), page.keep, profile, tokenizer)]
    for path in recipe.data:
        pairs += _stored(path, profile, tokenizer)
    found = [_example(pair, tokenizer, end, numbers) for pair in [*first, *pairs]]
    if not found:
        raise SourceError(f"{', '.join(recipe.data)}: nothing to learn from")
    return found


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


def _example(pair: Pair, tokenizer: PromptTokenizer, end: int, numbers: Numbers) -> Example:
    prompt = pair.prompt_ids if pair.prompt_ids is not None else tuple(tokenizer.encode(pair.prompt))
    answer = tokenizer.encode(pair.completion, add_bos=False)
    ids = (*prompt, *answer, end)
    return Example(
        ids, len(prompt), _lines(prompt, pair.completion, numbers.markers), _looks(ids, len(prompt), numbers)
    )


def _looks(ids: Sequence[int], answer: int, numbers: Numbers) -> tuple[tuple[int, int], ...]:
    """Say of each number in the completion where the marker of that line is."""
    places = {numbers.markers[token]: at for at, token in enumerate(ids[:answer]) if token in numbers.markers}
    said = [(at - 1, numbers.written.get(ids[at])) for at in range(answer, len(ids))]
    return tuple((at, places[number]) for at, number in said if number is not None and number in places)


def _lines(prompt: Sequence[int], completion: str, numbers: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Say of each line where the next one begins and whether the program removes it."""
    marks = [(at, numbers[token]) for at, token in enumerate(prompt) if token in numbers]
    ranges = [(op.line_start or 0, op.line_end or 0) for op in parse(completion).operations if op.op == "remove_lines"]
    gone = {line for start, end in ranges for line in range(start, end + 1)}
    return tuple((after, int(number in gone)) for (_, number), (after, _) in pairwise(marks))


def collate(batch: Sequence[Example], pad: int) -> dict[str, Any]:
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
        "line_labels": _placed([item.lines for item in batch], width),
        "looks": _placed([item.looks for item in batch], width),
    }


def _placed(values: Sequence[Sequence[tuple[int, int]]], width: int) -> Any:
    import torch

    found = torch.full((len(values), width), IGNORED)
    for row, pairs in enumerate(values):
        for at, value in pairs:
            found[row, at] = value
    return found
