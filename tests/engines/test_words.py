"""Encoding word by word gives the ids of the library, for every text; a tokenizer that does not allow it is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_spark import profiles
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.engines.words import WordEncoder, splits_into_words

tokenizers = pytest.importorskip("tokenizers")

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
LETTERS = [*"\u2581abcdeTh0123456789[]()<>/s.,-é日", "…"]
MERGES = [
    ("T", "h"),
    ("Th", "e"),
    ("\u2581", "The"),
    ("\u2581", "\u2581"),
    ("a", "b"),
    ("\u2581", "["),
    ("]", "T"),
    ("é", "é"),
]


def llama_like(*merges: tuple[str, str]) -> ModelTokenizer:
    """Make a tokenizer of Llama's form with a few merges."""
    merges = (*MERGES, *merges)
    tokens = ["<unk>", "<s>", "</s>", *BYTES, *LETTERS, *("".join(merge) for merge in merges)]
    model = tokenizers.models.BPE(
        {token: number for number, token in enumerate(dict.fromkeys(tokens))},
        list(merges),
        unk_token="<unk>",
        fuse_unk=True,
        byte_fallback=True,
    )
    backend = tokenizers.Tokenizer(model)
    prepend = tokenizers.normalizers.Prepend("\u2581")
    backend.normalizer = tokenizers.normalizers.Sequence([prepend, tokenizers.normalizers.Replace(" ", "\u2581")])
    backend.add_special_tokens(["<unk>", "<s>", "</s>"])
    template = tokenizers.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    backend.post_processor = template
    return ModelTokenizer(backend)


def by_the_library(tokenizer: ModelTokenizer) -> ModelTokenizer:
    """Give the same tokenizer without words: every call goes to the library."""
    other = ModelTokenizer(tokenizer._first)
    other._words = None
    return other


@pytest.fixture(scope="module")
def small() -> ModelTokenizer:
    return llama_like()


@pytest.fixture(scope="module")
def llama(shared: Path) -> ModelTokenizer:
    return ModelTokenizer(tokenizers.Tokenizer.from_file(str(shared / "llama_tokenizer" / "tokenizer.json")))


SPECIAL = ["<s>", "</s>", "<unk>"]
ODD = ["\u2581", "é", "日本", "\U0001f327", "<0x0A>", "\t", "\r", "\x00", "…", "<s", "\ud800", "ſ"]
PARTS = [*SPECIAL, *ODD, " ", "  ", "\n", "The", "a", "b", "7", "42", "[", "]"]


def texts() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(PARTS), max_size=14).map("".join)


@given(texts(), st.integers(0, 12))
def test_every_text_has_the_ids_count_and_cut_of_the_library(small: ModelTokenizer, text: str, limit: int) -> None:
    library = by_the_library(small)
    assert small._words is not None
    assert small.encode(text) == library.encode(text)
    assert small.encode(text, dummy_prefix="always") == library.encode(text, dummy_prefix="always")
    assert small.count([text]) == library.count([text])
    assert small.truncate(text, limit) == library.truncate(text, limit)


@given(st.lists(texts(), min_size=1, max_size=4))
def test_lines_joined_have_the_ids_of_their_text(small: ModelTokenizer, lines: list[str]) -> None:
    lines = [part for line in lines for part in line.split("\n")]
    joined = small.encode_lines(lines)
    if any(special in "\n".join(lines) for special in SPECIAL):
        assert joined is None
        return
    assert joined is not None
    whole = by_the_library(small).encode("T\n" + "\n".join(lines), add_bos=False)
    assert [*small.encode("T", add_bos=False), *(token for line in joined for token in line)] == whole


@pytest.mark.parametrize(
    ("name", "parity", "texts"),
    [
        ("prox-web-chunk", False, 300),
        ("prox-web-chunk", True, 50),
        ("prox-web-doc", False, 50),
        ("tiny-lm-chunk", False, 50),
    ],
)
def test_prompts_of_golden_texts_are_those_of_the_library(
    shared: Path, llama: ModelTokenizer, name: str, parity: bool, texts: int
) -> None:
    profile, library = profiles.find(name, parity=parity), by_the_library(llama)
    golden = parquet.read_table(shared / "reference_chunks.parquet", columns=["text"])["text"].to_pylist()
    for text in golden[:texts]:
        assert profiles.prompts(profile, text, llama) == profiles.prompts(profile, text, library)


@pytest.mark.parametrize("constrain", [False, True])
def test_prompts_of_chunks_are_those_of_the_library(small: ModelTokenizer, constrain: bool) -> None:
    profile = profiles.find("prox-web-chunk", constrain=constrain)
    page = "\n".join(f"{'  The' * (number % 7)} abé日 {number} …[doc]" for number in range(300))
    for text in ("", "\n\n", "The", page, page + "\n" + "ab " * 3000, "</s>\n<unk>", page.replace("\n", "\r\n")):
        assert profiles.prompts(profile, text, small) == profiles.prompts(profile, text, by_the_library(small))


@pytest.mark.parametrize("merge", [("e", "\u2581"), ("1", "2"), ("a", "\n")], ids=["space behind", "digits", "break"])
def test_a_tokenizer_whose_merges_reach_across_words_is_left_to_the_library(merge: tuple[str, str]) -> None:
    parts = {"model": {"type": "BPE", "byte_fallback": True, "vocab": dict.fromkeys(BYTES, 0), "merges": [list(merge)]}}
    assert not splits_into_words(parts | {"added_tokens": []})
    parts["model"]["merges"] = [["a", "b"]]
    assert splits_into_words(parts | {"added_tokens": []})


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: parts["model"].update(dropout=0.1),
        lambda parts: parts["model"].update(byte_fallback=False),
        lambda parts: parts["model"]["vocab"].pop("<0x0A>"),
        lambda parts: parts["added_tokens"][0].update(lstrip=True),
    ],
    ids=["dropout", "no bytes", "a byte is missing", "stripped"],
)
def test_what_else_would_change_the_ids_is_seen(
    small: ModelTokenizer, change: Callable[[dict[str, object]], object]
) -> None:
    parts = json.loads(small._first.to_str())
    assert splits_into_words(parts)
    change(parts)
    assert not splits_into_words(parts)


def test_pieces_are_forgotten_before_they_fill_the_memory(small: ModelTokenizer) -> None:
    encoder = WordEncoder(small._first, json.loads(small._first.to_str()), most=8)
    for number in range(40):
        text = f"The a{'b' * number} {'日' * 99}"
        assert encoder.encode(text, "first") == by_the_library(small).encode(text, add_bos=False)
    assert len(encoder._pieces) <= 8
