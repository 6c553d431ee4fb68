"""A small language model from nothing: a tokenizer in which a line number is one token, and a Llama with few layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prox_spark.training.recipes import Scratch

_CALLS = ("remove_lines(start=", ", end=", ")", ")\nremove_lines(start=", "keep_chunk()", "[doc]", "\n[/doc]", "\u2026")


def make_tokenizer(texts: Iterable[str], scratch: Scratch) -> Any:
    """Learn byte pairs from texts; a line number, with and without brackets, and a part of a call are one token."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=scratch.vocabulary, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    backend.train_from_iterator(texts, trainer)
    whole = [*_CALLS, *markers(scratch), *map(str, range(scratch.numbers))]
    backend.add_tokens([AddedToken(text, normalized=False) for text in whole])
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    fast: Any = PreTrainedTokenizerFast
    return fast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        clean_up_tokenization_spaces=False, model_max_length=scratch.context,
    )  # fmt: skip


def markers(scratch: Scratch) -> list[str]:
    """Give the line markers that are one token, the line break before them included.

    >>> markers(Scratch(numbers=2))
    ['\\n[000]', '\\n[001]']
    """
    return [f"\n[{number:03d}]" for number in range(scratch.numbers)]


def make_model(tokenizer: Any, scratch: Scratch) -> Any:
    """Make a Llama with random weights; a number and the marker of that line begin as the same vector."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=scratch.width, intermediate_size=3 * scratch.width,
        num_hidden_layers=scratch.layers, num_attention_heads=scratch.heads, num_key_value_heads=scratch.heads,
        max_position_embeddings=scratch.context, tie_word_embeddings=True, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        numbers = tokenizer.convert_tokens_to_ids([str(number) for number in range(scratch.numbers)])
        table[tokenizer.convert_tokens_to_ids(markers(scratch))] = table[numbers]
    return model
