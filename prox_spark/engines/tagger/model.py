"""The tagger's model: a file with weights, vocabulary and thresholds, and what it says of the lines of a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from prox_spark.engines.tagger.features import LAYOUT, SHAPES, Floats, layout, measure
from prox_spark.engines.tagger.network import Network, Size
from prox_spark.errors import EngineError

FEATURES_VERSION = 1
"""Stored beside the weights: raise it with every change of what is measured, as old weights do not fit it."""

_WINDOW, _OVERLAP = 768, 128


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says of a page.

    Attributes:
        keep: For each line, how much speaks for keeping it; above 0 it is kept.
        worth: How much speaks for keeping the page; above 0 it is kept.
    """

    keep: Floats
    worth: float


class TaggerModel:
    """Judge pages line by line; weights are read once."""

    def __init__(
        self,
        weights: Sequence[Mapping[str, NDArray[Any]]],
        size: Size,
        vocabulary: Sequence[str],
        thresholds: tuple[float, float],
    ) -> None:
        """Take the weights of each network, all words and phrases in order, and above which logits things are kept."""
        self._networks = [Network(member, size) for member in weights]
        self._vocabulary = {phrase: number for number, phrase in enumerate(vocabulary)}
        self._line, self._page = thresholds
        self._threads = ThreadpoolController()

    @classmethod
    def from_file(cls, path: Path) -> TaggerModel:
        """Read a model that `save` wrote.

        Raises:
            EngineError: The file is missing, broken, or made for other features.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), framework="np") as file:
                about = json.loads((file.metadata() or {}).get("prox_spark", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        except (OSError, SafetensorError, ValueError) as error:
            raise EngineError(f"cannot read the tagger's weights from {path}: {error}") from error
        if about.get("features") != [FEATURES_VERSION, len(SHAPES) + len(LAYOUT)] or "vocabulary" not in tensors:
            raise EngineError(f"{path} holds no tagger for this version of prox_spark")
        words = tensors.pop("vocabulary").tobytes().decode().split("\n")
        return cls(_members(tensors), Size(**about["size"]), words, (about["keep_above"], about["worth_above"]))

    def judge(self, lines: Sequence[str]) -> Verdict:
        """Judge the lines of a page, none of them blank; a very long page is read in windows that overlap."""
        if not lines:
            return Verdict(np.zeros(0, np.float32), -1.0)
        # The matrices are small: a second thread costs more than it brings, and very much where cores are shared.
        with self._threads.limit(limits=1, user_api="blas"):
            return self._judge(lines)

    def _judge(self, lines: Sequence[str]) -> Verdict:
        measured = measure(lines, self._vocabulary)
        dense = np.concatenate([measured.shapes, layout(measured)], axis=1)
        keep = np.zeros(len(lines), np.float32)
        worths = []
        for start, end, first in _windows(len(lines)):
            ends = measured.token_starts[start : end + 1]
            tokens = measured.tokens[ends[0] : ends[-1]]
            inputs = dense[start:end], tokens, ends - ends[0], measured.words[start:end]
            logits = [network.logits(*inputs) for network in self._networks]
            keep[first:end] = np.mean([lines for lines, _ in logits], axis=0)[first - start :]
            worths.append(sum(worth for _, worth in logits) / len(logits))
        return Verdict(keep - np.float32(self._line), max(worths) - self._page)


def _members(tensors: Mapping[str, NDArray[Any]]) -> list[dict[str, NDArray[Any]]]:
    """Part the weights of the networks: the name of each begins with its network's number."""
    members: dict[str, dict[str, NDArray[Any]]] = {}
    for name, tensor in tensors.items():
        number, _, bare = name.partition(".")
        members.setdefault(number, {})[bare] = tensor
    return [members[number] for number in sorted(members)]


def _windows(count: int) -> list[tuple[int, int, int]]:
    """Cut a page into windows: first line, end, and the first line that is judged in it.

    >>> _windows(900)
    [(0, 768, 0), (132, 900, 704)]
    """
    if count <= _WINDOW:
        return [(0, count, 0)]
    starts = [*range(0, count - _WINDOW, _WINDOW - _OVERLAP), count - _WINDOW]
    ends = [start + _WINDOW for start in starts]
    return [
        (s, e, 0 if not s else before - _OVERLAP // 2) for s, e, before in zip(starts, ends, [0, *ends], strict=False)
    ]


def save(
    path: Path,
    weights: Sequence[Mapping[str, NDArray[Any]]],
    size: Size,
    vocabulary: Sequence[str],
    thresholds: tuple[float, float],
) -> None:
    """Write the networks of a model as safetensors, in half precision."""
    from safetensors.numpy import save_file

    tensors = {
        f"{number}.{name}": np.ascontiguousarray(value, np.float16)
        for number, member in enumerate(weights)
        for name, value in member.items()
    }
    tensors["vocabulary"] = np.frombuffer("\n".join(vocabulary).encode(), np.uint8)
    about = {
        "size": asdict(size),
        "features": [FEATURES_VERSION, len(SHAPES) + len(LAYOUT)],
        "keep_above": thresholds[0],
        "worth_above": thresholds[1],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, str(path), metadata={"prox_spark": json.dumps(about, sort_keys=True)})
