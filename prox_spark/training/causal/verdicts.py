"""What the small model from nothing learns: chunks of labelled pages, changed, with a verdict for every line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prox_spark import profiles
from prox_spark.engines.tagger.features import Floats
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.evaluation import GoldPage
from prox_spark.training.causal.scratch import comments, markers, openings, removals
from prox_spark.training.recipes import CausalRecipe
from prox_spark.training.tagger.pages import Page, measured, rearranged

_END = 5.0
"""How much the end counts, and how much more the first verdict: where these are wrong, everything is."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Words:
    """Say which tokens a chunk is put together from.

    Attributes:
        opening: What stands before the first line: nothing but the beginning of a sequence.
        openings: The marker of each line number, for the first line of a chunk.
        closing: What stands behind the last one.
        end: The end of the completion.
        markers: The marker of each line number.
        removals: For each number, the verdict that removes the line.
        comments: For each number, the verdict that keeps it.
        swapped: For each token, whether another piece of text may stand for it.
        overhead: How many tokens more the chunker counts for a line than the prompt has.
    """

    opening: tuple[int, ...]
    openings: Integers
    closing: int
    end: int
    markers: Integers
    removals: Integers
    comments: Integers
    swapped: NDArray[np.bool_]
    overhead: int


def words_of(tokenizer: Any, recipe: CausalRecipe) -> Words:
    """Look the tokens up."""
    shown, scratch = ModelTokenizer(tokenizer.backend_tokenizer), recipe.scratch

    def ids(texts: Sequence[str]) -> Integers:
        return np.array(tokenizer.convert_tokens_to_ids(list(texts)), np.int64)

    swapped = np.zeros(len(tokenizer), bool)
    swapped[3 : int(ids(["keep_chunk()"])[0])] = True  # special tokens come first, added ones last
    return Words(
        opening=tuple(shown.encode("")), openings=ids(openings(scratch)), closing=int(ids(["\n[/doc]"])[0]),
        end=tokenizer.eos_token_id,
        markers=ids(markers(scratch)), removals=ids(removals(scratch)), comments=ids(comments(scratch)),
        swapped=swapped, overhead=shown.count(["[000]"])[0] - 1,
    )  # fmt: skip


def pages_of(pages: Sequence[GoldPage], recipe: CausalRecipe, tokenizer: Any) -> list[Page]:
    """Measure labelled pages: which tokens stand for each line and, as its only shape, how sure it is that it stays."""
    shown, profile = ModelTokenizer(tokenizer.backend_tokenizer), profiles.find(recipe.profile)
    surely = _teacher(recipe.teacher)
    found = []
    for page in pages:
        pieces = [shown.encode(profiles.shown_line(line, profile), add_bos=False) for line in page.lines]
        ends = np.concatenate([[0], np.cumsum([len(part) for part in pieces])]).astype(np.int64)
        plain = measured(page, {})
        tokens = np.array([token for part in pieces for token in part], np.int64)
        lines = replace(plain.lines, tokens=tokens, token_starts=ends, shapes=surely(page)[:, None])
        found.append(replace(plain, lines=lines))
    return found


def _teacher(teacher: str | None) -> Any:
    """Make a function from a page to the probability that each line stays: half the label, half what a tagger says."""
    if teacher is None:
        return lambda page: np.array(page.keep, np.float32)
    from prox_spark.engines.tagger import shipped_weights
    from prox_spark.engines.tagger.model import TaggerModel

    with shipped_weights() if teacher == "shipped" else nullcontext(Path(teacher)) as path:
        model = TaggerModel.from_file(path)

    def surely(page: GoldPage) -> Floats:
        said = 1 / (1 + np.exp(-np.clip(model.judge(page.lines).keep, -20, 20)))
        sure: Floats = ((said + np.array(page.keep)) / 2).astype(np.float32)
        return sure

    return surely


class Chunks:
    """Give chunk after chunk, each from a page that was changed; the same number always gives the same chunk."""

    def __init__(self, pages: Sequence[Page], words: Words, recipe: CausalRecipe, count: int) -> None:
        """Take the pages of `pages_of`; `count` is how many chunks there are."""
        self._pages, self._words, self._recipe, self._count = pages, words, recipe, count
        self._room = profiles.find(recipe.profile).max_chunk_tokens

    def __len__(self) -> int:
        """Count the chunks."""
        return self._count

    def __getitem__(self, index: int) -> dict[str, Integers | NDArray[np.float32]]:
        """Make one: `ids`, and for each place the two tokens that may come next, how sure the first is, its weight."""
        rng = np.random.default_rng((self._recipe.seed, index))
        order = np.random.default_rng((self._recipe.seed, index // len(self._pages), 7)).permutation(len(self._pages))
        page = self._pages[order[index % len(order)]]
        other = self._pages[int(rng.integers(len(self._pages)))]
        return self._chunk(rearranged(page, other, self._recipe.changes, rng), rng)

    def _chunk(self, page: Page, rng: np.random.Generator) -> dict[str, Any]:
        words, scratch = self._words, self._recipe.scratch
        starts = page.lines.token_starts
        counts = np.diff(starts) + 1 + words.overhead
        start = 0 if rng.random() < 0.5 else int(rng.integers(len(counts)))
        room = self._room if rng.random() < 0.7 else int(self._room * rng.uniform(0.2, 1))
        fitting = int(np.searchsorted(np.cumsum(counts[start:]), room, side="right"))
        end = min(len(counts), start + max(1, fitting), start + scratch.numbers)
        first = start if rng.random() < 0.5 and end <= scratch.numbers else None
        numbers = np.arange(end - start) + (
            int(rng.integers(scratch.numbers - (end - start) + 1)) if first is None else first
        )
        tokens = self._swapped(page.lines.tokens[starts[start] : starts[end]], rng)
        parts = np.split(tokens, (starts[start + 1 : end] - starts[start]))
        marks = np.append(words.openings[numbers[:1]], words.markers[numbers[1:]])
        prompt = [np.array(words.opening)]
        for mark, part in zip(marks, parts, strict=True):
            prompt += [np.array([mark]), part]
        prompt.append(np.array([words.closing]))
        surely = page.lines.shapes[start:end, 0]
        said = (surely > 0.5) ^ (rng.random(len(surely)) < self._recipe.flipped)
        verdicts = np.where(said, words.comments[numbers], words.removals[numbers])
        ids = np.concatenate([*prompt, verdicts]).astype(np.int64)
        answer = len(ids) - len(verdicts) - 1
        weight = np.append(page.weight[start:end], _END).astype(np.float32)
        weight[0] += _END
        return {
            "ids": ids, "answer": np.array(answer),
            "kept": np.append(words.comments[numbers], words.end),
            "removed": np.append(words.removals[numbers], words.end),
            "surely": np.append(surely, 1).astype(np.float32),
            "weight": weight,
        }  # fmt: skip

    def _swapped(self, tokens: Integers, rng: np.random.Generator) -> Integers:
        """Let other pieces of the same chunk stand for some: what a line looks like matters more than what it says."""
        share = self._recipe.changes.forgotten * rng.random()
        chosen = self._words.swapped[tokens] & (rng.random(len(tokens)) < share)
        pool = tokens[self._words.swapped[tokens]]
        tokens = tokens.copy()
        if len(pool):
            tokens[chosen] = rng.choice(pool, int(chosen.sum()))
        return tokens


def collate(batch: Sequence[dict[str, Any]], pad: int) -> dict[str, Any]:
    """Pad a batch on the right; what is asked of its places is one run after the other."""
    import torch

    width = max(len(item["ids"]) for item in batch)
    ids = np.full((len(batch), width), pad, np.int64)
    asked = np.zeros((len(batch), width), bool)
    for row, item in enumerate(batch):
        ids[row, : len(item["ids"])] = item["ids"]
        asked[row, int(item["answer"]) : len(item["ids"])] = True
    found = {name: torch.from_numpy(np.concatenate([item[name] for item in batch]))
             for name in ("kept", "removed", "surely", "weight")}  # fmt: skip
    return {"input_ids": torch.from_numpy(ids), "asked": torch.from_numpy(asked), **found}


def loss(model: Any, inputs: dict[str, Any]) -> Any:
    """Compute how far the model is from saying each verdict as surely as it is known."""
    bare = getattr(model, "module", model)
    hidden = bare.model(input_ids=inputs["input_ids"], use_cache=False).last_hidden_state[inputs["asked"]]
    said = bare.lm_head(hidden).float().log_softmax(-1)
    kept, removed = (said.gather(1, inputs[name][:, None])[:, 0] for name in ("kept", "removed"))
    each = -inputs["surely"] * kept - (1 - inputs["surely"]) * removed
    return (each * inputs["weight"]).sum() / inputs["weight"].sum()
