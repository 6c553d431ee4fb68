"""What an engine's answers depend on, as a fingerprint; computed without loading a model."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from prox_spark.engines.rules import RULES_VERSION
from prox_spark.engines.tagger import TAGGER_VERSION, shipped_weights
from prox_spark.engines.transformers import source_of
from prox_spark.errors import EngineError

if TYPE_CHECKING:
    from prox_spark.config import EngineSettings

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


def fingerprint(settings: EngineSettings) -> str:
    """Give a SHA-256 in hex over everything in the settings that decides the answers.

    The number type counts, the device and the batch size do not: greedy answers may differ between them in rare ties,
    which is why programs are stored and never made twice.

    Raises:
        EngineError: A file that the settings name cannot be read, or a hub model is not pinned.
    """
    parts: dict[str, object] = {"kind": settings.kind}
    match settings.kind:
        case "tagger":
            with nullcontext(Path(settings.model)) if settings.model else shipped_weights() as weights:
                parts |= {"version": TAGGER_VERSION, "weights": _digest(weights)}
        case "rules":
            parts |= {"version": RULES_VERSION, "rules": sorted(set(settings.rules))}
        case "scripted":
            parts["answers"] = _digest(Path(settings.answers or ""))
        case "openai":
            # What is served under a name is not in our hands; the name and the tokenizer that cuts the prompts are.
            tokenizer = Path(settings.tokenizer or "") / "tokenizer.json"
            known = _digest(tokenizer) if settings.tokenizer and tokenizer.is_file() else settings.tokenizer
            parts |= {"model": settings.model, "revision": settings.revision, "tokenizer": known}
        case _:
            parts |= {"dtype": settings.dtype, "model": _model(settings)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _model(settings: EngineSettings) -> object:
    name, revision = source_of(settings)
    if revision is not None:
        return f"{name}@{revision}"
    folder = Path(name)
    files = sorted({path for pattern in _MODEL_FILES for path in folder.glob(pattern) if path.is_file()})
    if not any(path.suffix == ".safetensors" for path in files):
        raise EngineError(f"engine.model {name} has no .safetensors file")
    return {path.name: _digest(path) for path in files}


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
