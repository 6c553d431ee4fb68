"""Rows become shards that their own libraries read back, cut the same however the rows arrive."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from support.small_models import write_tokenizer

from prox_spark.errors import EngineError, UserError
from prox_spark.formats import Format, Layout, Place, Written, index, write
from prox_spark.formats.formats import blocks

COLUMNS = ("doc_id", "source", "snapshot", "url", "text", "metadata")
READER = Path(__file__).with_name("read_mds.py")
LIBRARY = os.environ.get("PROX_SPARK_MOSAICML") or str(Path(sys.prefix, "mosaicml"))


def rows(count: int) -> list[dict[str, Any]]:
    chance = random.Random(5)
    texts = ("A page.", "中文文本\nand 🙂", "", "</s> is text\x00\u2028", "It rained all day long. " * 40)
    return [
        {
            "part": at * 2 // count,
            "doc_id": f"{at:064x}",
            "source": "c4",
            "snapshot": "en",
            "url": None if at % 3 else f"https://{at}.example",
            "text": f"{chance.choice(texts)}{at}",
            "metadata": None if at % 2 else '{"n": 12345678901234567890,\n "s": "\\u00e9"}',
        }
        for at in range(count)
    ]


def batches(given_rows: Sequence[dict[str, Any]], size: int) -> list[pa.RecordBatch]:
    return [pa.RecordBatch.from_pylist(list(given_rows[at : at + size])) for at in range(0, len(given_rows), size)]


def exported(folder: Path, form: Format, *, count: int = 40, limit: int = 2000, packing: Any = None) -> list[Written]:
    place = Place.at(str(folder))
    place.create()
    layout = Layout(form, place, limit, packing)
    files = list(write(batches(rows(count), 7), layout))
    if described := layout.described:
        written = [file for file in files if file.path is not None]
        entries = [{name: getattr(file, name) for name in ("path", "bytes", "sha256", "samples")} for file in written]
        place.write("index.json", index(entries, described))
    return files


def read_mds(folder: Path) -> list[dict[str, Any]]:
    """Read a folder with MosaicML's library, in a process of its own."""
    if not Path(LIBRARY, "streaming").is_dir():
        pytest.skip("no MosaicML Streaming: make mosaicml, or name its folder in PROX_SPARK_MOSAICML")
    done = subprocess.run(
        [sys.executable, str(READER), str(folder)],
        env={**os.environ, "PYTHONPATH": LIBRARY},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def without_part(given_rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in COLUMNS} for row in given_rows]


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 60), min_size=1, max_size=30), first=st.integers(1, 30), limit=st.integers(1, 99))
def test_shards_end_at_the_same_rows_however_the_rows_arrive(sizes: list[int], first: int, limit: int) -> None:
    made = [{"part": at // 9, "text": "x" * size} for at, size in enumerate(sizes)]

    def cut(size: int) -> list[tuple[int, list[str]]]:
        return [(part, table["text"].to_pylist()) for part, table in blocks(batches(made, size), limit)]

    found = cut(first)
    assert found == cut(len(made))
    assert [text for _, texts in found for text in texts] == [row["text"] for row in made]
    assert all(len(texts) == 1 or sum(map(len, texts)) <= limit for _, texts in found)
    assert all(texts for _, texts in found)


def test_parquet_is_read_by_arrow_and_names_and_bytes_are_the_same_again(tmp_path: Path) -> None:
    files = exported(tmp_path / "one", "parquet")
    assert [file.path for file in files][:2] == ["shard.00000.00000.parquet", "shard.00000.00001.parquet"]
    assert any(file.path and file.path.startswith("shard.00001.") for file in files)
    tables = [pq.read_table(tmp_path / "one" / str(file.path)) for file in files]
    assert [row for table in tables for row in table.to_pylist()] == without_part(rows(40))
    assert exported(tmp_path / "two", "parquet") == files
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(str(file.path) for file in files)


def test_jsonl_is_read_by_zstandard_one_object_a_line_with_the_metadata_inside(tmp_path: Path) -> None:
    lines = []
    for file in exported(tmp_path, "jsonl.zst"):
        with zstandard.open(tmp_path / str(file.path), "rt", encoding="utf-8", newline="\n") as stream:
            lines += [json.loads(line) for line in io.StringIO(stream.read(), newline="\n")]
    expected = [{**row, "metadata": row["metadata"] and json.loads(row["metadata"])} for row in without_part(rows(40))]
    assert lines == expected


def test_mds_is_read_by_mosaicml_streaming(tmp_path: Path) -> None:
    files = exported(tmp_path, "mds")
    assert len(files) > 2
    expected = [{name: value or "" for name, value in row.items()} for row in without_part(rows(40))]
    assert read_mds(tmp_path) == expected


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Any:
    pytest.importorskip("transformers", reason="needs transformers")
    from prox_spark.formats.vocabulary import Vocabulary

    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return Vocabulary.load(str(folder))


def test_tokens_of_each_document_are_read_by_mosaicml_streaming(tmp_path: Path, vocabulary: Any) -> None:
    from prox_spark.formats.tokens import Packing

    files = exported(tmp_path, "tokens", packing=Packing(vocabulary))
    expected = [array.tolist() for array in vocabulary.encode([row["text"] for row in rows(40)])]
    assert sum(file.tokens for file in files) == sum(map(len, expected))
    found = read_mds(tmp_path)
    assert [sample["tokens"] for sample in found] == expected
    assert [sample["doc_id"] for sample in found] == [row["doc_id"] for row in rows(40)]
    assert {sample["dtype"] for sample in found} == {"uint16"}
    # 2 ends a text, and stands nowhere else: "</s>" in a text is text, and no token begins one.
    assert all(tokens.index(2) == len(tokens) - 1 and 1 not in tokens for tokens in expected)


def test_sequences_of_one_length_hold_every_token_but_the_counted_rest(tmp_path: Path, vocabulary: Any) -> None:
    from prox_spark.formats.tokens import Packing

    files = exported(tmp_path, "tokens", limit=500, packing=Packing(vocabulary, length=32))
    found = read_mds(tmp_path)
    assert len(files) > 4 and all(file.samples <= 500 // 64 for file in files)
    assert {len(sample["tokens"]) for sample in found} == {32}
    rests = [file for file in files if file.path is None]
    assert len(rests) == 2 and all(rest.tokens < 32 for rest in rests)
    streams = [
        [token for row in rows(40) if row["part"] == part for token in vocabulary.encode([row["text"]])[0].tolist()]
        for part in (0, 1)
    ]
    kept = [token for stream in streams for token in stream[: len(stream) // 32 * 32]]
    assert [token for sample in found for token in sample["tokens"]] == kept
    assert sum(file.documents for file in files) == 40
    assert sum(file.tokens for file in files) == sum(map(len, streams))


def test_a_tokenizer_is_a_folder_or_pinned(tmp_path: Path) -> None:
    from prox_spark.formats.vocabulary import Vocabulary

    pytest.importorskip("transformers", reason="needs transformers")
    with pytest.raises(EngineError, match="NAME@COMMIT"):
        Vocabulary.load("gair-prox/RedPJ-ProX-0.3B")
    with pytest.raises(EngineError, match="cannot be loaded"):
        Vocabulary.load(str(tmp_path))
    write_tokenizer(tmp_path)
    about = json.loads((tmp_path / "tokenizer_config.json").read_text())
    del about["eos_token"]
    about["tokenizer_class"] = "PreTrainedTokenizerFast"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(about))
    with pytest.raises(EngineError, match="end-of-text"):
        Vocabulary.load(str(tmp_path))


def test_a_place_is_a_folder_or_a_uri_that_pyarrow_knows(tmp_path: Path) -> None:
    assert Place.at("file:///data/x/").uri == Place.at("/data/x").uri == "/data/x"
    assert Place.at("s3a://bucket/x/").uri == "s3://bucket/x"
    with pytest.raises(UserError, match="--to must be a folder, or one of s3://"):
        Place.at("ftp://host/x")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot write"):
        Place.at(str(tmp_path / "file" / "x")).create()
    place = Place.at(str(tmp_path))
    place.write("a", b"12")
    place.write("a", b"123")
    assert place.sizes() == {"a": 3, "file": 1}
    (tmp_path / "taken").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*taken"):
        place.write("taken", b"1")
    assert place.sizes() == {"a": 3, "file": 1, "taken": -1}  # nothing half written is left
