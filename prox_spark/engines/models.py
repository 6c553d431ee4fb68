"""What the engines with a language model share: where it comes from, where it runs, in which numbers, and its end."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prox_spark.engines import nvidia
from prox_spark.errors import EngineError

if TYPE_CHECKING:
    from prox_spark.config import ModelSettings

_COMMIT = re.compile(r"[0-9a-f]{40}")

_AMPERE = 8
"""The first generation of GPUs (CUDA's compute capability, before the dot) that computes in bfloat16."""


def source_of(settings: ModelSettings) -> tuple[str, str | None]:
    """Find the folder of the model, or its hub name with the commit that pins it.

    Raises:
        EngineError: A hub model is not pinned, so that its weights could change under stored programs.
    """
    if Path(settings.model).is_dir():
        return settings.model, None
    if Path(settings.model).is_absolute() or settings.model.startswith("."):
        raise EngineError(f"engine.model {settings.model} is not a folder")
    if settings.revision is None or not _COMMIT.fullmatch(settings.revision):
        given = settings.revision or "nothing"
        raise EngineError(
            f"engine.revision must be the full commit (40 hex digits) of the hub model {settings.model}, got {given}"
        )
    return settings.model, settings.revision


def folder_of(source: tuple[str, str | None]) -> Path:
    """Find the folder with the weights; those of a hub model are downloaded into the hub's cache, where engines look.

    Raises:
        OSError: The hub cannot be reached, or has no such model.
    """
    name, revision = source
    if revision is None:
        return Path(name)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, revision=revision, allow_patterns=["*.safetensors"]))


def wants_gpu(device: str) -> bool:
    """Decide whether the model goes to a GPU: `auto` takes one if torch finds it.

    Raises:
        EngineError: The device is cuda and there is no GPU, or the driver is too old for the CUDA of this torch.
    """
    import torch

    if device != "cpu":
        require_driver(torch)
    available = bool(torch.cuda.is_available())
    if device == "cuda" and not available:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
        raise EngineError(f"engine.device is cuda, but torch finds no GPU (CUDA_VISIBLE_DEVICES is {visible})")
    return available and device != "cpu"


def require_driver(torch: Any) -> None:
    """Refuse a torch that is built for a newer CUDA than the driver runs: `is_available` may be true all the same."""
    ask = getattr(torch._C, "_cuda_getDriverVersion", None)  # in builds with CUDA; it makes no context on the GPU
    runs = ask() // 1000 if ask is not None and torch.version.cuda else 0  # 12040 for 12.4, with a compat package too
    if 0 < runs < int(torch.version.cuda.split(".")[0]):
        trouble = nvidia.driver_trouble(nvidia.driver_version(), torch.version.cuda)
        raise EngineError(trouble or f"the driver runs CUDA {runs} and torch is built for {torch.version.cuda}")


def number_type(wanted: str, *, on_gpu: bool) -> str:
    """Choose the number type that a model is loaded in: `auto` is what the device computes in hardware.

    GPUs before Ampere, such as a T4, have no bfloat16: they get float16.

    >>> number_type("auto", on_gpu=False), number_type("bfloat16", on_gpu=True)
    ('float32', 'bfloat16')
    """
    if wanted != "auto":
        return wanted
    if not on_gpu:
        return "float32"
    gpu = nvidia.visible_gpu()
    return "float16" if gpu is not None and gpu.generation is not None and gpu.generation < _AMPERE else "bfloat16"


def free(device: str) -> None:
    """Give back the memory of models that nobody holds any more, that of a GPU too."""
    import gc

    import torch

    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def load_tokenizer(name: str, revision: str | None) -> Any:
    """Load a tokenizer of transformers; none of the model's own code runs.

    Raises:
        OSError, ValueError, KeyError, TypeError: There is none, or it is broken.
    """
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=False)


def load_model(auto_class: str, source: tuple[str, str | None], dtype: Any) -> tuple[Any, Any]:
    """Load a model by the name of a class of transformers, from safetensors alone, and its tokenizer.

    Raises:
        OSError, ValueError, KeyError, TypeError: There is none, or it is broken.
    """
    import transformers
    from transformers.utils import logging as messages

    name, revision = source
    quiet: Any = messages.disable_progress_bar  # it has no annotations
    quiet()
    tokenizer = load_tokenizer(name, revision)
    model = getattr(transformers, auto_class).from_pretrained(
        name, revision=revision, dtype=dtype, use_safetensors=True, trust_remote_code=False
    )
    return model, tokenizer


def backend_of(tokenizer: Any, model: str) -> Any:
    """Take the tokenizer of the library `tokenizers` out of one of transformers.

    Raises:
        EngineError: It is written in Python and cannot be converted.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise EngineError(f"engine.model {model}: its tokenizer has no tokenizer.json and cannot be converted to one")
    return backend


def ends_of_sequence(source: tuple[str, str | None], config: Any, tokenizer: Any) -> frozenset[int]:
    """Collect the tokens that end a completion: the model's own lists, and the tokenizer's token."""
    from transformers import GenerationConfig

    values = [getattr(config, "eos_token_id", None), tokenizer.eos_token_id]
    with contextlib.suppress(OSError):  # a model need not ship one
        load: Any = GenerationConfig.from_pretrained  # it has no annotations
        values.append(load(source[0], revision=source[1]).eos_token_id)
    ends: set[int] = set()
    for value in values:
        ends.update([value] if isinstance(value, int) else value or [])
    return frozenset(ends)
