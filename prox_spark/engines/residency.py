"""Which engine is alive: at most one per process, found by its settings."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from prox_spark.engines.rules import RulesEngine
from prox_spark.engines.scripted import ScriptedEngine
from prox_spark.engines.tagger import WEIGHTS, TaggerEngine
from prox_spark.engines.transformers import TransformersEngine
from prox_spark.errors import EngineError

if TYPE_CHECKING:
    from prox_spark.config import EngineSettings
    from prox_spark.engines.seam import Engine


def create(settings: EngineSettings) -> Engine:
    """Make a new engine.

    Raises:
        EngineError: It cannot be loaded as configured.
    """
    match settings.kind:
        case "tagger":
            return TaggerEngine(Path(settings.model) if settings.model else WEIGHTS)
        case "rules":
            return RulesEngine(settings.rules)
        case "scripted":
            if settings.answers is None:
                raise EngineError("engine.answers must name a JSON lines file when engine.kind is scripted")
            return ScriptedEngine.from_file(settings.answers)
        case "transformers":
            return TransformersEngine(settings)
        case "vllm":
            raise EngineError("engine.kind vllm is not built yet; use transformers, which runs the same models")


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
