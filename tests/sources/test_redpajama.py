"""RedPajama-V2: documents get the signals of their line, and the joined and the merged form are the same records."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from support.source_files import read, reasons, texts, write, write_raw

from prox_spark.sources import Record, adapter, why_left_out
from prox_spark.sources.redpajama import signals_path

NAME = "redpajama-v2"


def document(row: int) -> dict[str, Any]:
    return {
        "url": f"http://example.org/{row}", "date_download": "2023-02-05T01:59:51Z", "digest": f"sha1:{row}",
        "title": "Straße", "raw_content": f"Page {row}", "perplexity": 2357.90, "bucket": "head",
    }  # fmt: skip


def signal(row: int) -> dict[str, Any]:
    return {
        "id": f"2023-06/0000/en_head.json.gz/{row}", "id_int": 2**63 + row,
        "metadata": {"url": f"http://example.org/{row}", "language": "en"},
        "quality_signals": {"ccnet_length": [[0, 6, 6.0]], "rps_doc_ml": [[0, 6, None]]},
    }  # fmt: skip


def merged(row: int) -> dict[str, Any]:
    meta = {name: value for name, value in document(row).items() if name != "raw_content"}
    return {
        "raw_content": f"Page {row}", "doc_id": signal(row)["id"], "meta": json.dumps(meta),
        "quality_signals": json.dumps(signal(row)["quality_signals"]),
    }  # fmt: skip


def jsonl(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def joined(folder: Path, documents: bytes, signals: bytes | None) -> list[Record]:
    path = write(folder, "documents/2023-06/0000/en_head.json.gz", documents)
    other = signals_path(path)
    assert other is not None
    if signals is None:
        return read(path, NAME)
    write_raw(folder, str(Path(other).relative_to(folder)), signals)
    return read(path, NAME, joined=other)


def about(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record.metadata or b"")
    return found


def test_a_document_gets_the_signals_of_its_line(tmp_path: Path) -> None:
    records = joined(
        tmp_path, jsonl([document(n) for n in range(3)]), gzip.compress(jsonl([signal(n) for n in range(3)]))
    )
    assert texts(records) == ["Page 0", "Page 1", "Page 2"]
    assert {record.snapshot for record in records} == {"2023-06"}
    found = about(records[2])
    assert found["quality_signals"] == signal(2)["quality_signals"]
    assert (found["doc_id"], found["id_int"], found["signals_metadata"]) == (
        signal(2)["id"], 2**63 + 2, signal(2)["metadata"],
    )  # fmt: skip
    assert {"date_download", "digest", "title", "perplexity", "bucket"} <= set(found)
    assert {"url", "raw_content"}.isdisjoint(found)


def test_the_joined_and_the_merged_form_give_the_same_ids_and_signals(tmp_path: Path) -> None:
    rows = range(3)
    one = joined(tmp_path, jsonl([document(n) for n in rows]), gzip.compress(jsonl([signal(n) for n in rows])))
    two = read(write(tmp_path, "merged/a.json.gz", jsonl([merged(n) for n in rows])), NAME)
    assert [record.doc_id for record in one] == [record.doc_id for record in two]
    assert [record.snapshot for record in one] == [record.snapshot for record in two]
    for left, right in zip(one, two, strict=True):
        assert about(right).items() <= about(left).items()
        assert left.url == right.url


def test_a_line_that_lacks_its_signal_leaves_the_others_in_place(tmp_path: Path) -> None:
    signals = gzip.compress(jsonl([signal(n) for n in (0, 2, 3)]))
    records = joined(tmp_path, jsonl([document(n) for n in range(5)]), signals)
    assert ["quality_signals" in about(record) for record in records] == [True, False, True, True, False]
    assert about(records[2])["doc_id"].endswith("/2")


def test_a_bad_document_does_not_shift_the_signals(tmp_path: Path) -> None:
    lines = [json.dumps(document(n)).encode() for n in range(3)]
    records = joined(
        tmp_path, b"\n".join([lines[0], b"rubbish", lines[2]]), gzip.compress(jsonl([signal(n) for n in range(3)]))
    )
    assert reasons(records) == ["invalid_json"]
    assert about(records[2])["doc_id"].endswith("/2")


def test_signals_of_another_page_are_left_out_and_reported_in_their_file(tmp_path: Path) -> None:
    wrong = signal(1) | {"metadata": {"url": "http://elsewhere.org/"}}
    given = jsonl([signal(0), wrong, signal(2)])
    records = joined(tmp_path, jsonl([document(n) for n in range(3)]), gzip.compress(given))
    documents = [record for record in records if record.reason is None]
    assert ["quality_signals" in about(record) for record in documents] == [True, False, True]
    (bad,) = [record for record in records if record.reason]
    assert (bad.reason, bad.position) == ("misplaced_signals", given.index(b"\n") + 1)
    assert bad.source_file == signals_path(documents[0].source_file)
    assert bad.detail == "the document in line 1 is of another page than http://elsewhere.org/"
    assert json.loads(bad.raw or b"") == wrong


def test_without_signals_the_documents_are_the_same(tmp_path: Path) -> None:
    rows = jsonl([document(n) for n in range(3)])
    with_signals = joined(tmp_path, rows, gzip.compress(jsonl([signal(n) for n in range(3)])))
    without = joined(tmp_path, rows, None)
    assert [record.doc_id for record in with_signals] == [record.doc_id for record in without]
    assert "quality_signals" not in about(without[0])


def test_damage_to_the_signals_costs_signals_and_is_reported_for_their_file(tmp_path: Path) -> None:
    lines = [json.dumps(signal(n)).encode() for n in range(4)]
    lines[1] = b"rubbish"
    lines[2] = b'{"id": "without a row"}'
    records = joined(tmp_path, jsonl([document(n) for n in range(4)]), gzip.compress(b"\n".join(lines))[:-8])
    assert texts(records) == [f"Page {n}" for n in range(4)]
    assert ["quality_signals" in about(record) for record in records[:4]] == [True, False, False, False]
    assert reasons(records) == ["invalid_json", "wrong_type", "truncated_file"]
    assert {record.source_file for record in records if record.reason} == {str(signals_path(records[0].source_file))}


def test_a_merged_record_whose_meta_is_no_json_keeps_it_as_it_is(tmp_path: Path) -> None:
    (record,) = read(write(tmp_path, "a.json", jsonl([merged(0) | {"meta": "no JSON"}])), NAME)
    assert about(record)["meta"] == "no JSON"
    assert record.url is None


def test_signals_and_the_other_parts_of_the_data_set_are_never_read_as_documents() -> None:
    source = adapter(NAME)
    assert why_left_out(source, "/rp/documents/2023-06/0000/en_head.json.gz") is None
    for path in (
        "/rp/quality_signals/2023-06/0000/en_head.signals.json.gz", "/x/en_head.signals.json.gz",
        "/rp/duplicates/2023-06/0000/en_head.duplicates.parquet", "/rp/minhash/2023-06/0000/en_head.minhash.parquet",
    ):  # fmt: skip
        assert why_left_out(source, path) == why_left_out(source, path, named=True) == "no_documents"


def test_the_samples_give_each_record_once_in_both_forms(shared: Path) -> None:
    raw = shared / "raw" / "redpajama_v2"
    one = [
        record
        for path in sorted(raw.glob("documents/**/*.json.gz"))
        for record in read(str(path), NAME, joined=signals_path(str(path)))
    ]
    two = [record for path in sorted(raw.glob("merged/*.json.gz")) for record in read(str(path), NAME)]
    assert len(one) == len(two) == 571
    assert [record.doc_id for record in one] == [record.doc_id for record in two]
    assert all(len(about(record)["quality_signals"]) > 40 for record in one)
