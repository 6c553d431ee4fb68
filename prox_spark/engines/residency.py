"""Which engine is alive: at most one per process, found by its settings."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from prox_spark.config import ModelSettings
from prox_spark.engines.kinds import create
from prox_spark.engines.models import wants_gpu
from prox_spark.engines.vllm import VllmEngine

if TYPE_CHECKING:
    from prox_spark.config import EngineSettings
    from prox_spark.engines.seam import Engine


class _Slot:
    """The place of the one engine that is alive."""

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


def get_engine(settings: EngineSettings) -> Engine:
    """Get the engine of these settings, loaded at most once as long as no other is asked for.

    An engine of other settings is closed first, so two models never share the memory.

    Raises:
        EngineError: It cannot be loaded as configured.
    """
    return _SLOT.take(settings)


def release() -> None:
    """Close the engine that is alive, if any."""
    _SLOT.empty()


def loads() -> int:
    """Count the engines that `get_engine` has loaded in this process."""
    return _SLOT.loads


def taken(engine: Engine) -> dict[str, int]:
    """Tell what an engine has chosen where its settings leave it open; nothing where there is nothing to choose."""
    return engine.taken if isinstance(engine, VllmEngine) else {}


def on_gpu(settings: EngineSettings) -> bool:
    """Tell whether the model of these settings runs on a GPU of this process."""
    return isinstance(settings, ModelSettings) and wants_gpu(settings.device)
