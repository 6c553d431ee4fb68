"""A small random model for real vLLM; without vLLM these tests are skipped (`make test-vllm` has it)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from support.small_models import make_llama

collect_ignore_glob = [] if importlib.util.find_spec("vllm") else ["test_*.py"]


@pytest.fixture(scope="session")
def vllm_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a random Llama with a context of 2048 whose answers end after a few or many tokens."""
    folder = tmp_path_factory.mktemp("vllm_model")
    make_llama(folder)
    return folder
