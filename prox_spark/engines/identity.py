"""What an engine's answers depend on, as plain values; computed without loading a model."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from prox_spark.engines.models import source_of
from prox_spark.engines.rules import RULES_VERSION
from prox_spark.engines.tagger import TAGGER_VERSION, shipped_weights
from prox_spark.errors import EngineError

if TYPE_CHECKING:
    from prox_spark.config import (
        ClassifierSettings,
        FastTextSettings,
        ModelSettings,
        OpenAISettings,
        RulesSettings,
        ScriptedSettings,
        TaggerSettings,
    )

_MODEL_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
"""The files of a model folder that decide its output; others, such as a README, may change freely."""


def of_tagger(settings: TaggerSettings) -> dict[str, object]:
    """Its code and its weights."""
    with nullcontext(Path(settings.model)) if settings.model else shipped_weights() as weights:
        return {"version": TAGGER_VERSION, "weights": _digest(weights)}


def of_rules(settings: RulesSettings) -> dict[str, object]:
    """Its code and the rule sets."""
    return {"version": RULES_VERSION, "rules": sorted(set(settings.rules))}


def of_script(settings: ScriptedSettings) -> dict[str, object]:
    """The answers."""
    return {"answers": _digest(Path(settings.answers))}


def of_endpoint(settings: OpenAISettings) -> dict[str, object]:
    """The model's name and the tokenizer that cuts the prompts; what is served under a name is not in our hands."""
    tokenizer = Path(settings.tokenizer or "") / "tokenizer.json"
    known = _digest(tokenizer) if settings.tokenizer and tokenizer.is_file() else settings.tokenizer
    return {"model": settings.model, "revision": settings.revision, "tokenizer": known}


def of_model(settings: ModelSettings) -> dict[str, object]:
    """The model and the number type; not the device or the batch size.

    Greedy answers may differ between devices in rare ties, which is why programs are stored and never made twice.

    Raises:
        EngineError: The folder has no weights, or a hub model is not pinned.
    """
    name, revision = source_of(settings)
    if revision is not None:
        return {"dtype": settings.dtype, "model": f"{name}@{revision}"}
    files = sorted({path for pattern in _MODEL_FILES for path in Path(name).glob(pattern) if path.is_file()})
    if not any(path.suffix == ".safetensors" for path in files):
        raise EngineError(f"engine.model {name} has no .safetensors file")
    return {"dtype": settings.dtype, "model": {path.name: _digest(path) for path in files}}


def of_classifier(settings: ClassifierSettings) -> dict[str, object]:
    """The model, what it reads of a text, and which of its outputs counts."""
    return {**of_model(settings), "max_tokens": settings.max_tokens, "label": settings.label}


def of_fast_text(settings: FastTextSettings) -> dict[str, object]:
    """The file and the label."""
    return {"model": _digest(Path(settings.model)), "label": settings.label}


def _digest(path: Path) -> str:
    try:
        about = path.stat()
        return _digest_of(str(path.resolve()), about.st_size, about.st_mtime_ns)
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}") from error


@lru_cache(maxsize=256)
def _digest_of(path: str, size: int, mtime_ns: int) -> str:
    """Hash a file once per process, as long as its size and time stay the same."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
