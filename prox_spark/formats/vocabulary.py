"""A trainer's tokenizer: loaded once by name, then carried to Spark's workers as text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prox_spark.engines.models import load_tokenizer
from prox_spark.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

PINNED = re.compile(r"(?P<name>[\w.-]+/[\w.-]+|[\w.-]+)@(?P<revision>[0-9a-f]{7,40})")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tokenizer, ready to travel.

    Attributes:
        name: As the user gave it.
        fingerprint: Hex sha256 over all that decides the tokens.
        size: One more than the largest token.
        end: The token that ends a text, and its string.
        backend: The tokenizer as JSON, as the library `tokenizers` reads it.
    """

    name: str
    fingerprint: str
    size: int
    end: tuple[int, str]
    backend: str = field(repr=False)

    @classmethod
    def load(cls, name: str) -> Vocabulary:
        """Load a tokenizer.

        Args:
            name: A folder, or a name on the hub with its commit: `gair-prox/RedPJ-ProX-0.3B@1a2b3c4`.

        Raises:
            EngineError: There is none, it is not pinned, it has no end-of-text token, or is not one of `tokenizers`.
        """
        tokenizer = _load(name)
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None or not hasattr(backend, "to_str"):
            raise EngineError(f"--tokenizer {name} has no tokenizer.json and cannot be converted to one")
        if tokenizer.eos_token_id is None:
            raise EngineError(f"--tokenizer {name} has no end-of-text token (eos_token in tokenizer_config.json)")
        end = int(tokenizer.eos_token_id), str(tokenizer.eos_token)
        text = backend.to_str()
        digest = hashlib.sha256(f"{end[0]} {text}".encode()).hexdigest()
        return cls(name, digest, max(backend.get_vocab().values()) + 1, end, text)

    @property
    def dtype(self) -> str:
        """Give the smallest kind of number that holds every token."""
        return "uint16" if self.size <= 1 << 16 else "uint32"

    @property
    def width(self) -> int:
        """Give its bytes."""
        return 2 if self.dtype == "uint16" else 4

    def encode(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        """Give the tokens of each text and the end-of-text token; special tokens written out in a text are text."""
        import numpy as np

        encodings = _backend(self.backend).encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array([*one.ids, self.end[0]], dtype=self.dtype) for one in encodings]


def _load(name: str) -> Any:
    pinned = PINNED.fullmatch(name)
    if not Path(name).is_dir() and pinned is None:
        raise EngineError(f"--tokenizer {name} is neither a folder nor a name on the hub with its commit (NAME@COMMIT)")
    source, revision = (name, None) if pinned is None or Path(name).is_dir() else pinned.group("name", "revision")
    try:
        return load_tokenizer(source, revision)
    except ImportError as error:
        raise EngineError("--tokenizer needs transformers: install the extra hf of prox-spark") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"--tokenizer {name} cannot be loaded: {' '.join(str(error).split())[:200]}") from error


@lru_cache(maxsize=1)
def _backend(text: str) -> Tokenizer:
    from tokenizers import Tokenizer

    backend: Tokenizer = Tokenizer.from_str(text)
    backend.no_padding()
    backend.no_truncation()
    backend.encode_special_tokens = True
    return backend
