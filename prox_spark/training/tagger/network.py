"""The tagger's network in torch, for training; `engines.tagger.network` computes the same in numpy.

A line is a vector: its numbers through one layer, and the sum of the vectors of its known words and phrases. Each of a
few blocks mixes it with its neighbours (a convolution per channel), with all lines of the page (attention in both
directions, biased by distance) and with itself. One logit a line says keep, one a page says worth keeping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prox_spark.engines.tagger.features import LAYOUT, SHAPES
from prox_spark.engines.tagger.network import REACH, Size, buckets


def _block(size: Size, dropout: float) -> Any:
    """Make a block: each line is mixed with its neighbours, with all lines of the page, and with itself."""
    import torch
    from torch import nn

    class Block(nn.Module):  # type: ignore[misc]  # torch is read without its types
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(size.width, size.width, 2 * REACH + 1, padding=REACH, groups=size.width)
            self.norm_conv, self.norm_attend, self.norm_feed = (nn.LayerNorm(size.width) for _ in range(3))
            self.attend_in = nn.Linear(size.width, 3 * size.width)
            self.attend_out = nn.Linear(size.width, size.width)
            self.distance = nn.Parameter(torch.zeros(size.heads, size.distances))
            self.feed_in = nn.Linear(size.width, size.feed)
            self.feed_out = nn.Linear(size.feed, size.width)
            self.dropout = nn.Dropout(dropout)

        def forward(self, x: Any, mask: Any, distance: Any) -> Any:
            batch, count, width = x.shape
            y = self.norm_conv(x) * mask[:, :, None]
            x = x + self.dropout(self.conv(y.transpose(1, 2)).transpose(1, 2))
            parts = self.attend_in(self.norm_attend(x)).view(batch, count, 3, size.heads, -1)
            q, k, v = parts.permute(2, 0, 3, 1, 4)
            bias = self.distance[:, distance][None] + (mask[:, None, None, :] - 1) * 1e4
            y = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
            x = x + self.dropout(self.attend_out(y.transpose(1, 2).reshape(batch, count, width)))
            return x + self.dropout(self.feed_out(torch.relu(self.feed_in(self.norm_feed(x)))))

    return Block()


def build(size: Size, *, dropout: float) -> Any:
    """Make the network with fresh weights."""
    import torch
    from torch import nn

    class Tagger(nn.Module):  # type: ignore[misc]  # torch is read without its types
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.EmbeddingBag(size.vocabulary, size.word, mode="sum")
            nn.init.normal_(self.words.weight, std=0.1)
            self.from_words = nn.Linear(size.word, size.width, bias=False)
            self.from_numbers = nn.Linear(len(SHAPES) + len(LAYOUT), size.hidden)
            self.from_hidden = nn.Linear(size.hidden, size.width)
            self.blocks = nn.ModuleList(_block(size, dropout) for _ in range(size.blocks))
            self.norm = nn.LayerNorm(size.width)
            self.keep = nn.Linear(size.width, 1)
            self.worth = nn.Linear(2 * size.width, 1)
            self.dropout = nn.Dropout(dropout)

        def forward(self, dense: Any, tokens: Any, offsets: Any, lengths: Any, mask: Any, words: Any) -> Any:
            batch, count, _ = dense.shape
            bag = self.words(tokens, offsets) / (lengths.clamp(min=1).sqrt()[:, None])
            x = self.from_hidden(torch.relu(self.from_numbers(dense)))
            x = self.dropout(x + self.from_words(self.dropout(bag)).view(batch, count, -1))
            distance = torch.from_numpy(buckets(count, size.distances))
            for block in self.blocks:
                x = block(x, mask, distance)
            x = self.norm(x)
            keep = self.keep(x).squeeze(-1)
            flat, heavy = mask[:, :, None], (mask * words)[:, :, None]
            pooled = [(x * w).sum(1) / w.sum(1).clamp(min=1e-6) for w in (flat, heavy)]
            return keep, self.worth(torch.cat(pooled, -1)).squeeze(-1)

    return Tagger()


@dataclass(frozen=True, slots=True)
class Batch:
    """A padded batch as tensors."""

    inputs: tuple[Any, ...]
    keep: Any
    weight: Any
    worth: Any


def collate(samples: list[Any]) -> Batch:
    """Pad samples to one length."""
    import numpy as np
    import torch

    count = max(len(item.keep) for item in samples)

    def padded(values: list[Any]) -> Any:
        array = np.zeros((len(values), count, *values[0].shape[1:]), np.float32)
        for row, value in zip(array, values, strict=True):
            row[: len(value)] = value
        return torch.from_numpy(array)

    lengths = padded([item.lengths for item in samples]).reshape(-1)
    offsets = torch.cat([torch.zeros(1), lengths.cumsum(0)[:-1]]).long()
    tokens = torch.from_numpy(np.concatenate([item.tokens for item in samples]))
    dense = padded([item.dense for item in samples])
    words = torch.expm1(dense[:, :, 1].clamp(0, 2) * 4)
    mask = padded([np.ones(len(item.keep), np.float32) for item in samples])
    return Batch(
        (dense, tokens, offsets, lengths, mask, words),
        padded([item.keep for item in samples]),
        padded([item.weight for item in samples]),
        torch.tensor([item.worth for item in samples]),
    )
