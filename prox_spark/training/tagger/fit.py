"""The training loop of the tagger: steps, a running mean of the weights, checkpoints, and the best by validation F1."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from prox_spark.engines.tagger.network import Size
from prox_spark.errors import ConfigError
from prox_spark.training.recipes import Changes, Course
from prox_spark.training.tagger.network import build, collate
from prox_spark.training.tagger.pages import WINDOW, MeasuredPage, batches, changed, sample

logger = logging.getLogger(__name__)

_CHECKPOINT = "checkpoint.pt"
_FILLED = 0.87
"""Share of a batch that is no padding: the learning rate falls by the steps that this makes expect."""


class Fit:
    """The training of one network; `run` goes on where a checkpoint in the folder was left."""

    def __init__(self, size: Size, course: Course, changes: Changes, folder: Path, interface: Any) -> None:
        """Make the network and its optimizer."""
        import torch

        torch.set_num_threads(course.threads)
        torch.manual_seed(course.seed)
        self.size, self.course, self.changes, self.folder, self.interface = size, course, changes, folder, interface
        self.network = build(size, dropout=course.dropout)
        words = [p for name, p in self.network.named_parameters() if name.startswith("words")]
        rest = [p for name, p in self.network.named_parameters() if not name.startswith("words")]
        groups = [{"params": words, "weight_decay": 0.0}, {"params": rest, "weight_decay": course.decay}]
        self.optimizer = torch.optim.AdamW(groups, lr=course.rate, betas=(0.9, 0.98))
        self.mean = _copied(self.network.state_dict())
        self.epoch, self.step, self.best = 0, 0, -1.0

    def run(self, pages: Sequence[MeasuredPage], validation: Sequence[MeasuredPage]) -> dict[str, Any]:
        """Train to the end of the course; give the weights of the best epoch by validation F1."""
        self._resume()
        best = self._best() if self.epoch else _copied(self.mean)
        started = time.monotonic()
        while self.epoch < self.course.epochs:
            loss = self._epoch(pages)
            self.epoch += 1
            scored = f1(self.logits(validation), validation) if validation else self.epoch
            if scored > self.best:
                self.best, best = scored, _copied(self.mean)
            self._save(best)
            logger.info("epoch %d of %d: loss %.4f, validation F1 %.4f, %.0f s", self.epoch, self.course.epochs, loss,
                        scored, time.monotonic() - started)  # fmt: skip
        return self._best()

    def logits(self, pages: Sequence[MeasuredPage]) -> list[Any]:
        """Give the logits of all lines of each page, by the running mean of the weights."""
        import torch

        held = _copied(self.network.state_dict())
        self.network.load_state_dict(self.mean)
        self.network.eval()
        all_logits = []
        with torch.inference_mode():
            for page in pages:
                keep, worth = self.network(*collate([sample(page)]).inputs)
                all_logits.append((keep[0].numpy(), float(worth[0])))
        self.network.load_state_dict(held)
        self.network.train()
        return all_logits

    def _epoch(self, pages: Sequence[MeasuredPage]) -> float:
        self.network.train()
        steps = self.course.epochs * sum(min(WINDOW, len(page.keep)) for page in pages) / (_FILLED * self.course.lines)
        grouped = batches(self._samples(pages), self.course.lines)
        return float(np.mean([self._step(batch, min(1.0, self.step / steps)) for batch in grouped]))

    def _samples(self, pages: Sequence[MeasuredPage]) -> Iterator[Any]:
        rng = np.random.default_rng((self.course.seed, self.epoch))
        for index in rng.permutation(len(pages)):
            other = pages[int(rng.integers(len(pages)))]
            yield changed(pages[index], other, self.changes, self.interface, rng)

    def _step(self, samples: list[Any], done: float) -> float:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

        rate = min(done / 0.05, 1.0) if done < 0.05 else 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = self.course.rate * max(rate, 0.01)
        batch = collate(samples)
        keep, worth = self.network(*batch.inputs)
        each = (cross_entropy(keep, batch.keep, reduction="none") * batch.weight).sum(1) / batch.weight.sum(1).clamp(
            min=1
        )
        loss = each.mean() + self.course.overlap * _no_overlap(keep, batch).mean()
        known = batch.worth >= 0
        if known.any():
            loss = loss + self.course.worth * cross_entropy(worth[known], batch.worth[known])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        slow = min(self.course.mean, 1 - 1 / (1 + self.step / 4))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.mean[name].lerp_(value, 1 - slow)
        return float(loss.detach())

    def _save(self, best: dict[str, Any]) -> None:
        import torch

        self.folder.mkdir(parents=True, exist_ok=True)
        about = [asdict(self.size), self.course.model_dump(), self.changes.model_dump()]
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "mean": self.mean,
            "chosen": best,
            "epoch": self.epoch,
            "step": self.step,
            "best": self.best,
            "about": json.dumps(about),
        }
        torch.save(state, self.folder / f"{_CHECKPOINT}.new")
        (self.folder / f"{_CHECKPOINT}.new").replace(self.folder / _CHECKPOINT)

    def _resume(self) -> None:
        import torch

        path = self.folder / _CHECKPOINT
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        about = [asdict(self.size), self.course.model_dump(), self.changes.model_dump()]
        if state["about"] != json.dumps(about):
            raise ConfigError(f"{self.folder} holds a run of another recipe: name another folder with out")
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.mean, self.epoch, self.step, self.best = state["mean"], state["epoch"], state["step"], state["best"]

    def _best(self) -> dict[str, Any]:
        import torch

        chosen: dict[str, Any] = torch.load(self.folder / _CHECKPOINT, weights_only=True)["chosen"]
        return chosen


def _copied(state: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in state.items()}


def _no_overlap(keep: Any, batch: Any) -> Any:
    words = batch.inputs[-1] * (batch.weight > 0)
    kept_words = keep.sigmoid() * words
    both, total = (kept_words * batch.keep).sum(1), kept_words.sum(1) + (words * batch.keep).sum(1)
    return 1 - (2 * both + 1) / (total + 1)


def f1(logits: Sequence[Any], pages: Sequence[MeasuredPage], threshold: float = 0.0) -> float:
    """Give the mean over the pages of the F1 of kept words; lines without weight are left out."""
    scores = []
    for (line_logits, _), page in zip(logits, pages, strict=True):
        words = page.lines.words * (page.weight > 0)
        keeps = line_logits > threshold
        both = float(words[keeps & page.keep].sum())
        total = float(words[keeps].sum() + words[page.keep].sum())
        scores.append(2 * both / total if total else 1.0)
    return float(np.mean(scores))
