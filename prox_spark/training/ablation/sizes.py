"""The sizes of the models that judge a corpus, by name: Llama's architecture, made from nothing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prox_spark.config import AblateSettings
from prox_spark.config.section import Section

_Count = Annotated[int, Field(ge=1)]


class ModelSize(Section):
    """The shape of a model made from nothing, and how it learns.

    Attributes:
        vocabulary: Pieces of text, learned from the corpora unless a tokenizer is given.
        width: Hidden size; heads are 64 wide.
        feed: Width inside a layer.
        layers: Layers.
        context: Tokens of a sequence.
        tokens: Tokens that a run trains on, unless the user says how many.
        batch: Sequences of a step, over all devices.
        rate: The highest learning rate.
    """

    vocabulary: _Count
    width: _Count
    feed: _Count
    layers: _Count
    context: _Count
    tokens: _Count
    batch: _Count
    rate: Annotated[float, Field(gt=0)]

    @property
    def parameters(self) -> int:
        """Count the weights; those of the embedding are those of the output, too.

        >>> f"{SIZES['small'].parameters:,}"
        '17,308,032'
        """
        layer = 4 * self.width**2 + 3 * self.width * self.feed + 2 * self.width
        return self.vocabulary * self.width + self.layers * layer + self.width


SIZES: dict[str, ModelSize] = {
    "nano": ModelSize(
        vocabulary=4096, width=192, feed=512, layers=4, context=256, tokens=2_000_000, batch=4, rate=3e-3
    ),
    "small": ModelSize(
        vocabulary=8192, width=384, feed=1024, layers=8, context=512, tokens=350_000_000, batch=64, rate=2e-3
    ),
    "base": ModelSize(
        vocabulary=32_000, width=768, feed=2048, layers=12, context=1024, tokens=2_200_000_000, batch=256, rate=6e-4
    ),
}
"""`nano` has 2.6M weights and takes minutes on a CPU; `small` 17M and `base` 110M see 20 tokens a weight, on GPUs."""


def size_of(settings: AblateSettings) -> ModelSize:
    """Give the model that settings name, with their sequences a step."""
    size = SIZES[settings.size]
    return size if settings.batch is None else size.model_copy(update={"batch": settings.batch})
