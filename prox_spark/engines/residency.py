"""Which engine is alive: at most one per process, found by its settings."""

from __future__ import annotations

import importlib.util
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from prox_spark.engines.memory import wants_gpu
from prox_spark.engines.openai import OpenAIEngine
from prox_spark.engines.rules import RulesEngine
from prox_spark.engines.scripted import ScriptedEngine
from prox_spark.engines.tagger import TaggerEngine
from prox_spark.engines.transformers import TransformersEngine
from prox_spark.engines.vllm import VllmEngine
from prox_spark.errors import EngineError

if TYPE_CHECKING:
    from prox_spark.config import EngineSettings
    from prox_spark.engines.seam import Engine

logger = logging.getLogger(__name__)


def create(settings: EngineSettings) -> Engine:
    """Make a new engine.

    Raises:
        EngineError: It cannot be loaded as configured.
    """
    settings = chosen(settings)
    match settings.kind:
        case "tagger":
            return _tagger(settings)
        case "rules":
            return RulesEngine(settings.rules)
        case "scripted":
            return _scripted(settings)
        case "transformers":
            return TransformersEngine(settings)
        case "vllm":
            return VllmEngine(settings)
        case "openai":
            return OpenAIEngine(settings)
        case "auto":
            raise AssertionError("chosen gives no auto")


def _tagger(settings: EngineSettings) -> TaggerEngine:
    return TaggerEngine(Path(settings.model) if settings.model else None)


def _scripted(settings: EngineSettings) -> ScriptedEngine:
    if settings.answers is None:
        raise EngineError("engine.answers must name a JSON lines file when engine.kind is scripted")
    return ScriptedEngine.from_file(settings.answers)


def chosen(settings: EngineSettings) -> EngineSettings:
    """Give settings that name an engine: for `auto`, vllm where it is installed, else transformers."""
    if settings.kind != "auto":
        return settings
    found = importlib.util.find_spec("vllm")
    kind = "vllm" if found is not None and found.origin else "transformers"  # a folder of that name is no package
    logger.info("engine.kind auto takes %s", kind)
    return settings.model_copy(update={"kind": kind})


class _Slot:
    """Hold the one engine that is alive."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.settings: EngineSettings | None = None
        self.engine: Engine | None = None
        self.loads = 0

    def take(self, settings: EngineSettings) -> Engine:
        with self.lock:
            if self.engine is None or self.settings != settings:
                self.empty()
                self.engine = create(settings)
                self.settings = settings
                self.loads += 1
            return self.engine

    def empty(self) -> None:
        with self.lock:
            engine, self.engine, self.settings = self.engine, None, None
            if engine is not None:
                engine.close()


_SLOT = _Slot()


def resident(settings: EngineSettings) -> Engine:
    """Give the engine of these settings, loaded at most once as long as no other is asked for.

    An engine of other settings is closed first, so two models never share the memory.

    Raises:
        EngineError: It cannot be loaded as configured.
    """
    return _SLOT.take(settings)


def release() -> None:
    """Close the engine that is alive, if any."""
    _SLOT.empty()


def loads() -> int:
    """Count how many engines `resident` has loaded in this process."""
    return _SLOT.loads


def on_gpu(settings: EngineSettings) -> bool:
    """Say whether the model of these settings runs on a GPU of this process."""
    return settings.kind in ("transformers", "vllm") and wants_gpu(settings.device)
