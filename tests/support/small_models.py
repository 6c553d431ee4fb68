"""Small random models with tokenizers of their own, as folders; nothing is downloaded."""

from __future__ import annotations

import json
from pathlib import Path

LINES = [
    "keep_doc() drop_doc() keep_chunk() remove_lines(start=0, end=12)",
    'normalize(source_str="Home | About us", target_str="")',
    "You are a helpful, respectful and honest assistant. [INST] <<SYS>> <</SYS>> [/INST] [doc] [/doc]",
    "[000]It rained all day long, and the river rose over its banks.",
    "[001]Home About Contact Privacy policy Terms of use Copyright",
]


def make_llama(folder: Path, *, hidden: int = 128, context: int = 2048, end: float = 1.5) -> None:
    """Write a random Llama of two layers, as safetensors.

    Args:
        folder: Where to.
        hidden: Width; vLLM's attention on a CPU wants four heads of 32 numbers or more.
        context: Its positions.
        end: How much louder than any other the end token is: the higher, the shorter the answers.
    """
    import torch
    import transformers

    vocabulary = write_tokenizer(folder)
    torch.manual_seed(7)
    config = transformers.LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=hidden // 32,
        num_key_value_heads=1,
        max_position_embeddings=context,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.5,  # far from zero, so that the largest logit is clear in every order of summation
    )
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight[2] *= end
    model.save_pretrained(folder)


def make_classifier(folder: Path, *, outputs: int = 1) -> None:
    """Write a random BERT that judges texts, with a tokenizer of word pieces, as safetensors; its context is 64.

    Args:
        folder: Where to.
        outputs: One is a regression; more are labelled `LABEL_0`, `LABEL_1`, ...
    """
    import torch
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        num_labels=outputs,
        initializer_range=0.5,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)


def make_qwen3(folder: Path, *, context: int = 4096, end: float = 1.5) -> None:
    """Write a random Qwen3 of two layers with a byte-level tokenizer that has the tokens of its chat, as safetensors.

    Args:
        folder: Where to.
        context: Its positions.
        end: How much louder than any other the end token is: the higher, the shorter the answers.
    """
    import torch
    import transformers
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(
        [*LINES, "system user assistant <lid:12> replace_str(1, 'a', '') keep_all()"], trainer
    )
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special[:3]])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in special[3:]])
    end_id = tokenizer.token_to_id("<|im_end|>")
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    torch.manual_seed(7)
    config = transformers.Qwen3Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=context,
        bos_token_id=None,
        eos_token_id=end_id,
        tie_word_embeddings=False,
        initializer_range=0.5,
    )
    model = transformers.Qwen3ForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight[end_id] *= end
    model.save_pretrained(folder)


def write_tokenizer(folder: Path) -> int:
    """Train a tokenizer in Llama's form on a few lines and save it; give the size of its vocabulary."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    byte_pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    special = [AddedToken(text, special=True, normalized=False) for text in ("<unk>", "<s>", "</s>")]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=[*special, *byte_pieces], show_progress=False)
    tokenizer.train_from_iterator(LINES, trainer)
    parts = json.loads(tokenizer.to_str())  # the bytes are pieces of the vocabulary, not special tokens
    parts["added_tokens"] = [token for token in parts["added_tokens"] if token["id"] < len(special)]
    tokenizer = Tokenizer.from_str(json.dumps(parts))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return tokenizer.get_vocab_size()
