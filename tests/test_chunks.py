"""The chunker: the reference's windows, and that chunks tile every text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_spark.chunks import Numbering, Tokenizer, Window, WordTokenizer, as_tokenizer, chunk, cut, number_lines

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def llama(shared: Path) -> Any:
    tokenizers = pytest.importorskip("tokenizers")
    return tokenizers.Tokenizer.from_file(str(shared / "llama_tokenizer" / "tokenizer.json"))


@pytest.fixture(scope="module")
def transformers_llama(shared: Path) -> Any:
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(shared / "llama_tokenizer")


class Counted:
    """What a tokenizer counted of each line of a page, without the tokenizer."""

    def __init__(self, text: str, line_tokens: list[int]) -> None:
        self._tokens = dict(zip(number_lines(text.split("\n")), line_tokens, strict=True))

    def count(self, texts: Sequence[str]) -> list[int]:
        return [self._tokens[text] for text in texts]


def test_pages_are_cut_into_the_windows_of_the_reference() -> None:
    rows = parquet.read_table(DATA / "reference_chunks.parquet").to_pylist()
    assert len(rows) == 40
    for row in rows:
        chunks = chunk(row["text"], Counted(row["text"], row["line_tokens"]))
        assert [part.line_start for part in chunks] == row["line_start"]
        assert [part.line_end for part in chunks] == row["line_end"]
        assert f"[doc]\n{chunks[0].prompt}\n[/doc]" == row["first_chunk_prompt"]


def assert_reference_chunks(shared: Path, tokenizer: object) -> None:
    for row in parquet.read_table(shared / "reference_chunks.parquet").to_pylist():
        chunks = chunk(row["text"], tokenizer)
        assert [part.line_start for part in chunks] == row["line_start"]
        assert [part.line_end for part in chunks] == row["line_end"]
        assert f"[doc]\n{chunks[0].prompt}\n[/doc]" == row["first_chunk_prompt"]


def test_all_reference_chunks_agree_with_a_tokenizers_tokenizer(shared: Path, llama: Any) -> None:
    assert_reference_chunks(shared, llama)


def test_all_reference_chunks_agree_with_a_transformers_tokenizer(shared: Path, transformers_llama: Any) -> None:
    assert_reference_chunks(shared, transformers_llama)


def test_tokens_are_those_of_each_numbered_line_alone(shared: Path, llama: Any, transformers_llama: Any) -> None:
    for row in parquet.read_table(shared / "reference_chunks.parquet").slice(0, 10).to_pylist():
        for part in chunk(row["text"], llama):
            lines = part.prompt.split("\n")
            assert part.tokens == sum(len(transformers_llama.encode(line)) for line in lines)


def test_an_earlier_truncation_does_not_change_the_count(llama: Any, transformers_llama: Any) -> None:
    texts = ["[000]" + "one very long line " * 50, "[001]"]
    expected = as_tokenizer(llama).count(texts)
    transformers_llama(texts, truncation=True, max_length=8, padding="max_length")
    assert as_tokenizer(transformers_llama).count(texts) == expected
    cut = type(llama).from_str(llama.to_str())
    cut.enable_truncation(8)
    cut.enable_padding()
    assert as_tokenizer(cut).count(texts) == expected
    assert cut.truncation["max_length"] == 8


def test_a_line_that_does_not_fit_is_a_chunk_of_its_own(llama: Any) -> None:
    text = "one\n" + "one very long line " * 900 + "\nthree"
    chunks = chunk(text, llama)
    assert [(part.line_start, part.line_end) for part in chunks] == [(0, 0), (1, 1), (2, 2)]
    assert [part.tokens > 1500 for part in chunks] == [False, True, False]


def test_blank_lines_cost_what_their_numbers_cost(llama: Any) -> None:
    assert len(chunk("\n" * 1499, llama)) == 7


def test_lines_beyond_a_thousand_have_four_digits() -> None:
    lines = chunk("\n" * 1000, WordTokenizer(), max_tokens=10_000)[0].prompt.split("\n")
    assert (lines[7], lines[999], lines[1000]) == ("[007]", "[999]", "[1000]")


class FixedTokenizer:
    """Count what the line itself says: `[003]7` has seven tokens."""

    def __init__(self) -> None:
        self.calls = 0

    def count(self, texts: Sequence[str]) -> list[int]:
        self.calls += 1
        return [int(text.split("]")[1] or 0) for text in texts]


@pytest.mark.parametrize(
    ("tokens", "windows"),
    [
        ("4 6 1", [(0, 1, 10), (2, 2, 1)]),
        ("4 7 1", [(0, 0, 4), (1, 2, 8)]),
        ("11 1", [(0, 0, 11), (1, 1, 1)]),
        ("1 11 1", [(0, 0, 1), (1, 1, 11), (2, 2, 1)]),
        ("11 11", [(0, 0, 11), (1, 1, 11)]),
        ("10 0 0", [(0, 2, 10)]),
        ("11 0", [(0, 0, 11), (1, 1, 0)]),
        ("0 11", [(0, 0, 0), (1, 1, 11)]),
    ],
)
def test_windows_are_filled_greedily(tokens: str, windows: list[tuple[int, int, int]]) -> None:
    chunks = chunk(tokens.replace(" ", "\n"), FixedTokenizer(), max_tokens=10)
    assert [(part.line_start, part.line_end, part.tokens) for part in chunks] == windows


def test_all_lines_are_counted_in_one_call_a_batch() -> None:
    tokenizer = FixedTokenizer()
    chunk("1\n" * 4095 + "1", tokenizer)
    assert tokenizer.calls == 1
    chunk("1\n" * 10_000, tokenizer)
    assert tokenizer.calls == 4


@given(st.text(st.sampled_from("ab \n\r\x0c\u2028]["), max_size=80), st.integers(0, 12))
def test_chunks_tile_every_text(text: str, max_tokens: int) -> None:
    chunks = chunk(text, WordTokenizer(), max_tokens=max_tokens)
    assert [part.index for part in chunks] == list(range(len(chunks)))
    numbers = [number for part in chunks for number in range(part.line_start, part.line_end + 1)]
    assert numbers == list(range(text.count("\n") + 1))
    joined = "\n".join(part.prompt for part in chunks).split("\n")
    assert "\n".join(line[len(f"[{number:03d}]") :] for number, line in enumerate(joined)) == text
    assert all(part.tokens <= max_tokens or part.line_start == part.line_end for part in chunks)


def test_what_counts_is_a_tokenizer_and_what_does_not_is_refused() -> None:
    assert isinstance(as_tokenizer(WordTokenizer()), Tokenizer)
    with pytest.raises(TypeError, match="got int"):
        as_tokenizer(7)


def test_windows_that_overlap_are_ultraxs(shared: Path) -> None:
    """508 texts that UltraX's own code has cut; it ends lines at a lone carriage return before it numbers them."""
    for row in parquet.read_table(shared / "refiners" / "ultrax_windows.parquet").to_pylist():
        note = json.loads(row["note"])
        window = Window(note["max_chars"], overlap=note["overlap_ratio"])
        text = row["text"].replace("\r\n", "\n").replace("\r", "\n")
        parts = cut(text, WordTokenizer(), Numbering("<lid:{n}>", 1), window)
        first_own = [part.line_start if part.own_start is None else part.own_start for part in parts]
        spans = [[part.line_start + 1, part.line_end + 1, own + 1] for part, own in zip(parts, first_own, strict=True)]
        assert spans == note["windows"]
