"""Answering after an engine has died: find the prompt that kills it, and record it instead of trying it for ever."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from prox_spark.config import VllmSettings
from prox_spark.engines.continuous import Key, failure
from prox_spark.engines.residency import get_engine, release
from prox_spark.engines.seam import Completion, Engine, Prompt
from prox_spark.errors import TaskError

if TYPE_CHECKING:
    from prox_spark.config import EngineSettings

logger = logging.getLogger(__name__)


def in_own_process(settings: EngineSettings) -> EngineSettings:
    """Give the settings with which a model that crashes does not take this process with it, where that can be had."""
    return settings.model_copy(update={"own_process": True}) if isinstance(settings, VllmSettings) else settings


def answer_carefully(
    settings: EngineSettings, prompts: Iterator[tuple[Key, Prompt]], *, batch: int
) -> Iterator[tuple[Key, Completion]]:
    """Answer prompts in batches, each begun with a living engine; the prompt that kills it alone is an error.

    Args:
        settings: The engine; it is loaded again each time it has died.
        prompts: Pairs of a key and a prompt.
        batch: Prompts that are put at risk together.
    """
    safe = in_own_process(settings)
    while asked := list(islice(prompts, batch)):
        yield from answered(asked, lambda: get_engine(safe), release)


def answered(
    asked: Sequence[tuple[Key, Prompt]], living: Callable[[], Engine], bury: Callable[[], None]
) -> Iterator[tuple[Key, Completion]]:
    """Answer a batch; if the engine dies of it, answer its halves with a new engine each.

    Args:
        asked: Pairs of a key and a prompt.
        living: Gives an engine that is alive, a new one after `bury`.
        bury: Lets go of the dead engine.
    """
    try:
        completions = living().generate([prompt for _, prompt in asked])
    except TaskError as error:
        bury()
        if len(asked) == 1:
            key, prompt = asked[0]
            yield key, failure(prompt, error)
            return
        logger.warning("the engine died with %d prompts; trying them in halves", len(asked))
        half = len(asked) // 2
        yield from answered(asked[:half], living, bury)
        yield from answered(asked[half:], living, bury)
        return
    yield from zip((key for key, _ in asked), completions, strict=True)
