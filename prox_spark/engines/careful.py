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
    """Choose the settings with which a model that crashes does not take this process with it, where that can be had."""
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
    while at_risk := list(islice(prompts, batch)):
        yield from answered(at_risk, lambda: get_engine(safe), release)


def answered(
    prompts: Sequence[tuple[Key, Prompt]], load: Callable[[], Engine], close: Callable[[], None]
) -> Iterator[tuple[Key, Completion]]:
    """Answer a batch; if the engine dies of it, answer its halves with a new engine each.

    Args:
        prompts: Pairs of a key and a prompt.
        load: Gives the engine, loaded again after `close`.
        close: Lets go of an engine that has died.
    """
    try:
        completions = load().generate([prompt for _, prompt in prompts])
    except TaskError as error:
        close()
        if len(prompts) == 1:
            key, prompt = prompts[0]
            yield key, failure(prompt, error)
            return
        logger.warning("the engine died with %d prompts; trying them in halves", len(prompts))
        half = len(prompts) // 2
        yield from answered(prompts[:half], load, close)
        yield from answered(prompts[half:], load, close)
        return
    yield from zip((key for key, _ in prompts), completions, strict=True)
