"""The kinds of engines: one row each, for all that the rest of the package must know of a kind."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prox_spark.config import EngineKind, as_kind
from prox_spark.engines import identity
from prox_spark.engines.classifier import ClassifierEngine
from prox_spark.engines.fast_text import FastTextEngine
from prox_spark.engines.openai import OpenAIEngine
from prox_spark.engines.rules import RulesEngine
from prox_spark.engines.scripted import ScriptedEngine
from prox_spark.engines.tagger import TaggerEngine
from prox_spark.engines.transformers import TransformersEngine
from prox_spark.engines.vllm import VllmEngine

if TYPE_CHECKING:
    from prox_spark.config import EngineSettings
    from prox_spark.engines.seam import Engine

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of engine.

    Attributes:
        create: Makes an engine from the settings of this kind.
        depends_on: Gives what decides the answers, as plain values.
        resident: Whether it holds a model: one per GPU, or one per executor where there is none.
        preflight: Whether its answers may not fit the profile, so that a few are looked at before a pass.
        scores: Whether its answers are scores and not programs.
        extra: The extra of the package that installs what it needs.
        packages: What must be there to import.
    """

    create: Callable[[Any], Engine]
    depends_on: Callable[[Any], dict[str, object]]
    resident: bool = False
    preflight: bool = False
    scores: bool = False
    extra: str | None = None
    packages: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Name the packages that are not installed; nothing is imported."""
        return [name for name in self.packages if not _is_installed(name)]


_TORCH = ("torch", "transformers", "safetensors")

KINDS: dict[EngineKind, Kind] = {
    "tagger": Kind(lambda own: TaggerEngine(Path(own.model) if own.model else None), identity.of_tagger),
    "rules": Kind(lambda own: RulesEngine(own.rules), identity.of_rules),
    "scripted": Kind(lambda own: ScriptedEngine.from_file(own.answers), identity.of_script),
    "openai": Kind(OpenAIEngine, identity.of_endpoint, preflight=True, extra="openai", packages=("httpx2", "tenacity")),
    "transformers": Kind(
        TransformersEngine, identity.of_model, resident=True, preflight=True, extra="hf", packages=_TORCH
    ),
    "vllm": Kind(
        VllmEngine, identity.of_model, resident=True, preflight=True, extra="vllm", packages=("vllm", *_TORCH)
    ),
    "classifier": Kind(
        ClassifierEngine,
        identity.of_classifier,
        resident=True,
        preflight=True,
        scores=True,
        extra="hf",
        packages=_TORCH,
    ),
    "fasttext": Kind(FastTextEngine, identity.of_fast_text, preflight=True, scores=True),
}
"""By kind; `auto` is none of them, see `resolve`."""


def resolve(settings: EngineSettings) -> EngineSettings:
    """Choose the engine of `auto`: vllm where it is installed, else transformers; any other kind is itself."""
    if settings.kind != "auto":
        return settings
    kind: EngineKind = "vllm" if _is_installed("vllm") else "transformers"
    logger.info("engine.kind auto takes %s", kind)
    return as_kind(settings, kind)


def kind_of(settings: EngineSettings) -> Kind:
    """Look up the row of these settings."""
    return KINDS[resolve(settings).kind]


def create(settings: EngineSettings) -> Engine:
    """Make a new engine.

    Raises:
        EngineError: It cannot be loaded as configured.
    """
    return kind_of(settings).create(resolve(settings))


def fingerprint(settings: EngineSettings) -> str:
    """Hash everything in the settings that decides the answers, as SHA-256 in hex.

    Raises:
        EngineError: A file that the settings name cannot be read, or a hub model is not pinned.
    """
    chosen = resolve(settings)
    parts = {"kind": chosen.kind, **KINDS[chosen.kind].depends_on(chosen)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _is_installed(package: str) -> bool:
    spec = importlib.util.find_spec(package)
    return spec is not None and bool(spec.origin)  # a folder of that name is no package
