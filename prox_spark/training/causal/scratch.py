"""A small language model from nothing: a tokenizer in which a line number is one token, and a Llama with few layers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from prox_spark.training.pairs import Pair
from prox_spark.training.recipes import Scratch

_CALLS = ("remove_lines(start=", ", end=", ")", ")\nremove_lines(start=", "keep_chunk()", "[doc]", "\n[/doc]", "\u2026")
_BRIEF = ("Home", "About", "Login", "More", "Search", "Next", "News", "Share", "Menu", "Contact")
_LONG = ("The", "It", "We", "In", "A", "When", "But", "There", "He", "She")


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


def drills(count: int, seed: int, scratch: Scratch) -> Iterator[Pair]:
    """Make up easy pages: short lines go, long ones stay; what is learned is to find lines and write their numbers."""
    rng = random.Random(seed)
    for _ in range(count):
        lines = rng.randint(3, 30)
        first = 0 if rng.random() < 0.5 else rng.randint(0, scratch.numbers - lines)
        shown: list[str] = []
        ranges: list[tuple[int, int]] = []
        keep = rng.random() < 0.3
        for number in range(first, first + lines):
            keep = keep if rng.random() < 0.75 else not keep
            shown.append(
                f"[{number:03d}]" + (f"{rng.choice(_LONG)}\u2026{rng.randint(50, 400)}" if keep else rng.choice(_BRIEF))
            )
            if not keep and ranges and ranges[-1][1] == number - 1:
                ranges[-1] = (ranges[-1][0], number)
            elif not keep:
                ranges.append((number, number))
        program = "\n".join(f"remove_lines(start={start}, end={end})" for start, end in ranges) or "keep_chunk()"
        yield Pair("[doc]\n" + "\n".join(shown) + "\n[/doc]", None, program)


def make_model(tokenizer: Any, scratch: Scratch) -> Any:
    """Make a Llama with random weights; a number and the marker of that line begin as one vector."""
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
        for layer in model.model.layers[1:]:
            # Attention that hands on what it looks at: to write a line's number is then only to look at its marker.
            torch.nn.init.eye_(layer.self_attn.v_proj.weight)
            torch.nn.init.eye_(layer.self_attn.o_proj.weight)
    return model
