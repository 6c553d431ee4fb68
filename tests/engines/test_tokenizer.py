"""The tokenizer of a model, and Llama's two ways with a space."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_spark.engines import PromptTokenizer
from prox_spark.engines.tokenizer import ModelTokenizer

tokenizers = pytest.importorskip("tokenizers")


@pytest.fixture(scope="module")
def llama(shared: Path) -> ModelTokenizer:
    return ModelTokenizer(tokenizers.Tokenizer.from_file(str(shared / "llama_tokenizer" / "tokenizer.json")))


@pytest.fixture(scope="module")
def small(small_tokenizer: Path) -> ModelTokenizer:
    return ModelTokenizer(tokenizers.Tokenizer.from_file(str(small_tokenizer / "tokenizer.json")))


def test_it_is_a_prompt_tokenizer(small: ModelTokenizer) -> None:
    assert isinstance(small, PromptTokenizer)


def test_the_space_after_a_special_token_is_the_slow_or_the_fast_tokenizers(llama: ModelTokenizer) -> None:
    assert llama.encode("<s>[INST]", add_bos=False)[:2] == [1, 29961]
    assert llama.encode("<s>[INST]", dummy_prefix="always")[:3] == [1, 1, 518]


def test_both_forms_of_a_llama_tokenizer_give_the_same_pair(llama: ModelTokenizer) -> None:
    for form in (llama._first, llama._always):
        again = ModelTokenizer(form)
        for prefix in ("first", "always"):
            text = "<s>[INST] it  rained</s>so"
            assert again.encode(text, dummy_prefix=prefix) == llama.encode(text, dummy_prefix=prefix)


def test_counts_include_the_beginning_token(llama: ModelTokenizer) -> None:
    assert llama.count(["[000]", ""]) == [6, 1]
    assert llama.count(["[000]It rained."]) == [len(llama.encode("[000]It rained."))]


def test_ids_decode_to_their_text(llama: ModelTokenizer) -> None:
    assert llama.decode(llama.encode("It rained.\nÜber 日本 \U0001f327")) == "It rained.\nÜber 日本 \U0001f327"


@given(st.text(max_size=300), st.integers(0, 40))
def test_a_cut_text_is_a_prefix_within_the_limit(small: ModelTokenizer, text: str, limit: int) -> None:
    cut = small.truncate(text, limit)
    assert text.startswith(cut)
    assert cut == text or len(small.encode(text, add_bos=False)) > limit
    assert len(small.encode(cut, add_bos=False)) <= limit + 1  # a cut in the middle of a word may split it elsewhere


def test_a_long_text_is_cut_close_to_the_limit(llama: ModelTokenizer, shared: Path) -> None:
    for text in pq.read_table(shared / "web_lines_dev.parquet", columns=["text"]).column(0).to_pylist()[:50]:
        found = len(llama.encode(llama.truncate(text, 300), add_bos=False))
        assert found <= 301
        assert found >= 299 or llama.truncate(text, 300) == text


def test_a_text_of_long_tokens_is_not_cut_short(llama: ModelTokenizer) -> None:
    text = " " * 4000 + "end"
    assert len(llama.encode(text, add_bos=False)) < 300
    assert llama.truncate(text, 300) == text


def test_the_slow_form_is_what_sentencepiece_gives(llama: ModelTokenizer, shared: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    model_proto = pytest.importorskip("sentencepiece.sentencepiece_model_pb2")
    proto = model_proto.ModelProto.FromString((shared / "llama_tokenizer" / "tokenizer.model").read_bytes())
    proto.normalizer_spec.add_dummy_prefix = False  # as the slow tokenizer with legacy=False after a special token
    slow = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    for text in pq.read_table(shared / "web_lines_dev.parquet", columns=["text"]).column(0).to_pylist()[:100]:
        assert llama.encode(f"<s>[INST] {text}", add_bos=False) == [1, *slow.encode(f"[INST] {text}")]


def test_a_tokenizer_of_another_kind_is_left_as_it_is() -> None:
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel({"it": 0, "rained": 1, "[UNK]": 2}, unk_token="[UNK]"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    other = ModelTokenizer(backend)
    assert other.encode("it rained it") == [0, 1, 0]
    assert other.count(["it rained", ""]) == [2, 0]
