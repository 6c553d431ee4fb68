"""A small random model with a tokenizer of its own, as a folder; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.small_models import write_tokenizer


@pytest.fixture(scope="session")
def small_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a small tokenizer in Llama's form and nothing else."""
    pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a random Llama of two layers and a context of 512, with weights as safetensors."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("model")
    vocabulary = write_tokenizer(folder)
    torch.manual_seed(7)
    config = transformers.LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.5,  # far from zero, so that the largest logit is clear in every order of summation
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder
