"""What the small model from nothing learns: chunks of labelled pages, changed, with a verdict for every line.

Some of the pairs show a whole page, as the profile `tiny-doc` does, with one verdict on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from prox_spark.profiles import Profile
from prox_spark.training.causal.scratch import comments, markers, openings, removals
from prox_spark.training.recipes import CausalRecipe
from prox_spark.training.tagger.pages import MeasuredPage, measured, rearranged

_END = 5.0
"""How much the end counts, and how much more the first verdict: where these are wrong, everything is."""

_DOCUMENT = 40.0
"""How much the verdict on a whole page counts; the lines of a chunk count about twice as much together."""

_USUAL = 100.0
"""What the lines of a chunk usually count together; a fixed number, so that a line counts the same in every batch."""

_POOL = 8
"""So many batches are put together by length at a time."""

DOCUMENT_PROFILE = "tiny-doc"

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChunkTokens:
    """The tokens that a chunk is put together from.

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
        line_break: What stands between the lines of a document.
        keep_doc: The verdict that keeps a document.
        drop_doc: The verdict that drops it.
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
    line_break: int
    keep_doc: int
    drop_doc: int


def words_of(tokenizer: Any, recipe: CausalRecipe) -> ChunkTokens:
    """Look the tokens up."""
    shown, scratch = ModelTokenizer(tokenizer.backend_tokenizer), recipe.scratch

    def ids(texts: Sequence[str]) -> Integers:
        return np.array(tokenizer.convert_tokens_to_ids(list(texts)), np.int64)

    swapped = np.zeros(len(tokenizer), bool)
    swapped[3 : int(ids(["keep_chunk()"])[0])] = True  # special tokens come first, added ones last
    return ChunkTokens(
        opening=tuple(shown.encode("")), openings=ids(openings(scratch)), closing=int(ids(["\n[/doc]"])[0]),
        end=tokenizer.eos_token_id,
        markers=ids(markers(scratch)), removals=ids(removals(scratch)), comments=ids(comments(scratch)),
        swapped=swapped, overhead=shown.count(["[000]"])[0] - 1,
        line_break=shown.encode("\n", add_bos=False)[0],
        keep_doc=int(ids(["keep_doc()"])[0]), drop_doc=int(ids(["drop_doc()"])[0]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """A page twice: as a chunk shows its lines, and as a document does.

    In both the shapes of a line are how sure it is that it stays, and how many characters it has; `worth` is how sure
    it is that the page is worth keeping.
    """

    lines: MeasuredPage
    document: MeasuredPage


def pages_of(pages: Sequence[GoldPage], recipe: CausalRecipe, tokenizer: Any) -> list[Shown]:
    """Measure labelled pages: which tokens stand for each line, and what is known of it."""
    shown = ModelTokenizer(tokenizer.backend_tokenizer)
    both = profiles.find(recipe.profile), profiles.find(DOCUMENT_PROFILE)
    said_of = _teacher(recipe.teacher)
    shown_pages = []
    for page in pages:
        plain = measured(page, {})
        keep, worth = said_of(page, plain)
        shapes = np.stack([keep, np.array(list(map(len, page.lines)), np.float32)], axis=1)
        shown_pages.append(Shown(*(_tokenized(page, plain, shapes, worth, shown, profile) for profile in both)))
    return shown_pages


def _tokenized(
    page: GoldPage, plain: MeasuredPage, shapes: Floats, worth: float, shown: ModelTokenizer, profile: Profile
) -> MeasuredPage:
    pieces = [shown.encode(profiles.shown_line(line, profile), add_bos=False) for line in page.lines]
    ends = np.concatenate([[0], np.cumsum([len(part) for part in pieces])]).astype(np.int64)
    tokens = np.array([token for part in pieces for token in part], np.int64)
    return replace(plain, lines=replace(plain.lines, tokens=tokens, token_starts=ends, shapes=shapes), worth=worth)


def _teacher(teacher: str | None) -> Callable[[GoldPage, MeasuredPage], tuple[Floats, float]]:
    """Make a function that says how sure it is that each line stays, and the page: half the label, half a tagger."""
    if teacher is None:
        return lambda page, plain: (np.array(page.keep, np.float32), plain.worth or 0.0)
    from prox_spark.engines.tagger import shipped_weights
    from prox_spark.engines.tagger.model import TaggerModel

    with shipped_weights() if teacher == "shipped" else nullcontext(Path(teacher)) as path:
        model = TaggerModel.from_file(path)

    def said_of(page: GoldPage, plain: MeasuredPage) -> tuple[Floats, float]:
        verdict = model.judge(page.lines)
        surely: Floats = ((_chance(verdict.keep) + np.array(page.keep)) / 2).astype(np.float32)
        return surely, (float(_chance(verdict.worth)) + (plain.worth or 0.0)) / 2

    return said_of


def _chance(logit: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(logit, -20, 20)))


class Chunks:
    """Pair after pair, each from a page that was changed; the same number always gives the same pair."""

    def __init__(self, pages: Sequence[Shown], words: ChunkTokens, recipe: CausalRecipe, count: int) -> None:
        """Take the pages of `pages_of`; `count` is how many pairs there are."""
        self._pages, self._words, self._recipe, self._count = pages, words, recipe, count
        self._room = profiles.find(recipe.profile).max_chunk_tokens
        self._document_room = (profiles.find(DOCUMENT_PROFILE).max_prompt_tokens or 0) - 1
        worth = np.array([page.document.worth for page in pages])
        self._kept, self._dropped = np.flatnonzero(worth >= 0.5), np.flatnonzero(worth < 0.5)

    def __len__(self) -> int:
        """Count the pairs."""
        return self._count

    def __getitem__(self, index: int) -> dict[str, Integers | NDArray[np.float32]]:
        """Make one: `ids`, and for each place the two tokens that may come next, how sure the first is, its weight."""
        rng = np.random.default_rng((self._recipe.seed, index))
        if rng.random() < self._recipe.documents:
            return self._document(rng)
        order = np.random.default_rng((self._recipe.seed, index // len(self._pages), 7)).permutation(len(self._pages))
        page = self._pages[order[index % len(order)]].lines
        other = self._pages[int(rng.integers(len(self._pages)))].lines
        return self._chunk(rearranged(page, other, self._recipe.changes, rng), rng)

    def _chunk(self, page: MeasuredPage, rng: np.random.Generator) -> dict[str, Any]:
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
        stays = (surely > 0.5) ^ (rng.random(len(surely)) < self._recipe.flipped)
        verdicts = np.where(stays, words.comments[numbers], words.removals[numbers])
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
            "words": np.append(page.lines.words[start:end] * (page.weight[start:end] > 0), 0).astype(np.float32),
        }  # fmt: skip

    def _document(self, rng: np.random.Generator) -> dict[str, Any]:
        words = self._words
        drop = len(self._dropped) and (not len(self._kept) or rng.random() < self._recipe.dropped)
        page = self._pages[int(rng.choice(self._dropped if drop else self._kept))].document
        # What a page with the surroundings of another one is worth is not known.
        page = rearranged(page, page, self._recipe.changes.model_copy(update={"mixed": 0.0}), rng)
        parts = np.split(page.lines.tokens, page.lines.token_starts[1:-1])
        lengths = [int(length) for length in page.lines.shapes[:, 1]]
        chosen = profiles.longest(lengths, [len(part) + 1 for part in parts], self._document_room)
        between = np.array([words.line_break])
        shown = [piece for number in chosen for piece in (parts[number], between)][:-1]
        tokens = self._swapped(np.concatenate(shown), rng) if shown else np.zeros(0, np.int64)
        worth = page.worth or 0.0
        verdict = words.keep_doc if worth >= 0.5 else words.drop_doc
        ids = np.concatenate([np.array(words.opening), tokens, [verdict]]).astype(np.int64)
        return {
            "ids": ids, "answer": np.array(len(ids) - 2),
            "kept": np.array([words.keep_doc, words.end]), "removed": np.array([words.drop_doc, words.end]),
            "surely": np.array([worth, 1], np.float32), "weight": np.array([_DOCUMENT, 1], np.float32),
            "words": np.zeros(2, np.float32),
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
    answered = np.zeros((len(batch), width), bool)
    for row, item in enumerate(batch):
        ids[row, : len(item["ids"])] = item["ids"]
        answered[row, int(item["answer"]) : len(item["ids"])] = True
    targets = {name: torch.from_numpy(np.concatenate([item[name] for item in batch]))
             for name in ("kept", "removed", "surely", "weight", "words")}  # fmt: skip
    owner = torch.from_numpy(np.repeat(np.arange(len(batch)), [len(item["kept"]) for item in batch]))
    return {"input_ids": torch.from_numpy(ids), "asked": torch.from_numpy(answered), "owner": owner, **targets}


def loss(model: Any, inputs: dict[str, Any], overlap: float = 0.0) -> Any:
    """Compute how far the model is from saying each verdict as surely as it is known.

    Args:
        overlap: Weight of 1 - F1 of the kept words of each chunk, with probabilities for words.
    """
    bare = getattr(model, "module", model)
    hidden = bare.model(input_ids=inputs["input_ids"], use_cache=False).last_hidden_state[inputs["asked"]]
    log_chances = bare.lm_head(hidden).float().log_softmax(-1)
    kept, removed = (log_chances.gather(1, inputs[name][:, None])[:, 0] for name in ("kept", "removed"))
    each = -inputs["surely"] * kept - (1 - inputs["surely"]) * removed
    count = len(inputs["input_ids"])
    total = (each * inputs["weight"]).sum() / (count * _USUAL)
    return total + overlap * no_overlap((kept - removed).sigmoid(), inputs, count) if overlap else total


def no_overlap(chance: Any, inputs: dict[str, Any], count: int) -> Any:
    """Give 1 - F1, the mean over the pairs; one without words, as a document, has none to lose."""

    def total(values: Any) -> Any:
        return values.new_zeros(count).index_add(0, inputs["owner"], values * inputs["words"])

    both, all_words = total(chance * inputs["surely"]), total(chance + inputs["surely"])
    return (1 - (2 * both + 1) / (all_words + 1)).mean()


def grouped(pairs: Chunks, batch: int, seed: int) -> Iterator[list[int]]:
    """Give the numbers of the pairs in batches of like length: what is padded is computed for nothing."""
    rng = np.random.default_rng((seed, 11))
    for start in range(0, len(pairs), batch * _POOL):
        numbers = range(start, min(len(pairs), start + batch * _POOL))
        ordered = sorted(numbers, key=lambda number: len(pairs[number]["ids"]))
        batches = [ordered[at : at + batch] for at in range(0, len(ordered), batch)]
        yield from (batches[number] for number in rng.permutation(len(batches)))
