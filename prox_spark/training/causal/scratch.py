"""A small language model from nothing: it reads a chunk and then says one verdict for every line, in order.

A line number is one token as a marker, and a verdict on a line is one token: the call that removes it, or a comment
that names it. So every line of a page gives a loss, and each verdict is said after the whole chunk has been read.

All tokens of one kind (markers, removals, comments) learn as one: they differ by a fixed code of their number only, and
a number that no page ever showed works like any other. The code is made of waves, so that the code of the next line is
a rotation of it: a head that turns by one line looks from a verdict at the end of the line that it is about.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from prox_spark import profiles
from prox_spark.program.write import write_removals
from prox_spark.training.recipes import Scratch

_CALLS = ("keep_chunk()", "[doc]", "\n[/doc]", "\u2026", "keep_doc()", "drop_doc()")
_LOUD = 2.5
"""How long the codes of the verdicts are to begin with, so that the right number is sure from the first step."""
_THETA = 1e8
"""The base of the rotary positions: most of a head's pairs hardly turn within a chunk, and can hold a line's code."""

_OFFSETS = (1, 0, 2, -1, 3, -2)
"""Where the heads of all layers but the first look when training begins: lines from the end of a verdict's own."""


def make_tokenizer(texts: Iterable[str], scratch: Scratch) -> Any:
    """Learn byte pairs from lines as they are shown; a marker, a verdict and a length are one token each."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=scratch.vocabulary, special_tokens=["<pad>", "<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    backend.train_from_iterator(texts, trainer)
    lengths = [f"\u2026{length}" for length in profiles.LENGTHS]
    whole = [*_CALLS, *lengths, *openings(scratch), *markers(scratch), *removals(scratch), *comments(scratch)]
    backend.add_tokens([AddedToken(text, normalized=False) for text in whole])
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    fast: Any = PreTrainedTokenizerFast
    return fast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        clean_up_tokenization_spaces=False, model_max_length=scratch.context,
    )  # fmt: skip


def markers(scratch: Scratch) -> list[str]:
    r"""Give the line markers that are one token, the line break before them included.

    >>> markers(Scratch(numbers=2))
    ['\n[000]', '\n[001]']
    """
    return [f"\n[{number:03d}]" for number in range(scratch.numbers)]


def openings(scratch: Scratch) -> list[str]:
    r"""Give the markers of a chunk's first line, with the opening of the chunk.

    >>> openings(Scratch(numbers=1))
    ['[doc]\n[000]']
    """
    return [f"[doc]{marker}" for marker in markers(scratch)]


def removals(scratch: Scratch) -> list[str]:
    r"""Give the verdicts that remove a line.

    >>> removals(Scratch(numbers=1))
    ['remove_lines(start=0, end=0)\n']
    """
    return [f"{write_removals([(number, number)])}\n" for number in range(scratch.numbers)]


def comments(scratch: Scratch) -> list[str]:
    r"""Give the verdicts that keep a line: comments, which no executor minds.

    >>> comments(Scratch(numbers=1))
    ['# 0\n']
    """
    return [f"# {number}\n" for number in range(scratch.numbers)]


def make_model(tokenizer: Any, scratch: Scratch) -> Any:
    """Make a Llama with random weights in which line numbers are codes, and heads begin by looking at lines."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=scratch.width, intermediate_size=scratch.feed,
        num_hidden_layers=scratch.layers, num_attention_heads=scratch.heads, num_key_value_heads=scratch.heads,
        max_position_embeddings=scratch.context, rope_parameters={"rope_type": "default", "rope_theta": _THETA},
        tie_word_embeddings=False, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    head = scratch.width // scratch.heads
    code = _codes(scratch.numbers + 1, head)
    with torch.no_grad():
        shown, answered = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        opened, marked, removed, kept = _ids(tokenizer, scratch)
        for ids, numbers in ((opened, code[:-1]), (marked, code[:-1]), (removed, code[1:]), (kept, code[1:])):
            shown[ids] = torch.randn(scratch.width) * 0.02
            shown[ids, :head] = numbers  # a verdict stands for the line that comes next
        for ids in (removed, kept):
            answered[ids] = torch.randn(scratch.width) * 0.02
            answered[ids, :head] = code[:-1] * _LOUD
        shown[opened, -1] = shown[tokenizer.convert_tokens_to_ids("\n[/doc]"), -1] = 1.0
        for layer in model.model.layers[1:]:
            _look(layer.self_attn, head)
        if scratch.layers > 1:
            _fetch(model.model.layers[1].self_attn, head)
    return model


def share(model: Any, tokenizer: Any, scratch: Scratch) -> None:
    """Make all tokens of a kind learn as one: each gets the mean of their gradients."""
    kinds = _ids(tokenizer, scratch)

    def mean(gradient: Any) -> Any:
        gradient = gradient.clone()
        for ids in kinds:
            gradient[ids] = gradient[ids].mean(0)
        return gradient

    model.get_input_embeddings().weight.register_hook(mean)
    model.get_output_embeddings().weight.register_hook(mean)


def _ids(tokenizer: Any, scratch: Scratch) -> list[list[int]]:
    kinds = openings, markers, removals, comments
    return [tokenizer.convert_tokens_to_ids(texts(scratch)) for texts in kinds]


def _frequencies(count: int) -> Any:
    """Spread frequencies over (0, pi) without a common period: by the square roots of the primes."""
    import torch

    odd_primes = [number for number in range(3, 20 * count + 9, 2) if all(number % n for n in range(3, number, 2))]
    return math.pi * (torch.tensor([2, *odd_primes][:count], dtype=torch.float64).sqrt() % 1.0).float()


def _codes(count: int, width: int) -> Any:
    """Give each number a code of waves, of length 1: cosines first, then sines."""
    import torch

    angles = torch.arange(count)[:, None] * _frequencies(width // 2)[None]
    return torch.cat([angles.cos(), angles.sin()], 1) * (width // 2) ** -0.5


def _look(attention: Any, head: int) -> None:
    """Let each head compare codes, its own one turned by some lines, in those of its pairs that hardly turn."""
    import torch

    pairs = head // 2
    frequencies = _frequencies(pairs)
    query, key = attention.q_proj.weight, attention.k_proj.weight
    query.mul_(0.2)
    key.mul_(0.2)
    for number in range(query.shape[0] // head):
        offset = _OFFSETS[number % len(_OFFSETS)]
        for wave, pair in enumerate(range(pairs - min(10, pairs), pairs)):
            turn = frequencies[wave] * offset
            for matrix, angle in ((query, turn), (key, torch.zeros(()))):
                first, second = number * head + pair, number * head + pair + pairs
                matrix[first, wave] += angle.cos()
                matrix[first, pairs + wave] -= angle.sin()
                matrix[second, wave] += angle.sin()
                matrix[second, pairs + wave] += angle.cos()


def _fetch(attention: Any, head: int) -> None:
    """Let a layer's last head copy the code of a chunk's first line number to the closing marker.

    There the model writes its first verdict, and no earlier verdict is there to tell it which line is next.
    """
    import torch

    own = slice(attention.q_proj.weight.shape[0] - head, None)
    for matrix in (attention.q_proj.weight, attention.k_proj.weight):
        matrix[own] = 0.0
        matrix[-1, -1] = 1.5  # the last row is of a pair that hardly turns
    attention.v_proj.weight[own, :head] += torch.eye(head)
    attention.o_proj.weight[:head, own] += 0.1 * torch.eye(head)
