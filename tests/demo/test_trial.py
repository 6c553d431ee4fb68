"""A user's own file is tried without Spark, and comes out as a run would have it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from prox_spark.cli import main
from prox_spark.config import load
from prox_spark.demo.trial import trial
from prox_spark.errors import SourceError

TEXTS = ("Home\nIt rained all day.\nShare", "It snowed all night, and the roads were closed until noon.")


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    file = tmp_path / "my pages.jsonl"
    records = [{"body": text, "link": f"http://a.b/{number}"} for number, text in enumerate(TEXTS)]
    lines = [json.dumps(records[0]), "no JSON", json.dumps(records[1])]
    file.write_text("\n".join(lines), "utf-8")
    return file


def scripted(folder: Path, **answers: str) -> list[str]:
    """Have each pass give one answer to all prompts."""
    passes = []
    for name, answer in answers.items():
        file = folder / f"{name}.jsonl"
        file.write_text(json.dumps({"completion": answer}), "utf-8")
        engine = {"kind": "scripted", "answers": str(file)}
        passes.append({"name": name, "profile": f"prox-web-{name}", "engine": engine})
    return [f"passes={json.dumps(passes)}"]


def test_documents_go_through_all_passes(pages: Path, tmp_path: Path) -> None:
    config = load(overrides=scripted(tmp_path, doc="keep_doc()", chunk="remove_lines(start=0, end=0)"))
    tried = trial(str(pages), config, documents=50)
    assert (tried.guess.source, tried.guess.text_column, tried.guess.url_column) == ("jsonl", "body", "link")
    assert [(item.before, item.after, item.outcome) for item in tried.documents] == [
        (TEXTS[0], "It rained all day.\nShare", "edited"),
        (TEXTS[1], None, "dropped"),
    ]
    assert (tried.unreadable, tried.more) == (1, False)
    doc, chunk = tried.passes
    assert (doc.documents, doc.kept, doc.words_before, doc.words_after) == (2, 2, 17, 17)
    assert (chunk.edited, chunk.dropped, chunk.failed, chunk.words_after) == (1, 1, 0, 5)


def test_what_is_dropped_is_not_asked_about_again(pages: Path, tmp_path: Path) -> None:
    config = load(overrides=scripted(tmp_path, doc="drop_doc()", chunk="keep_chunk()"))
    tried = trial(str(pages), config, documents=1)
    assert [item.documents for item in tried.passes] == [1, 0]
    assert [(item.outcome, item.reason) for item in tried.documents] == [("dropped", "drop_doc")]
    assert tried.more


def test_the_command_shows_documents_and_what_to_type_for_the_whole_file(
    pages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["try", str(pages), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "read as jsonl: text in body, URL in link" in shown
    assert "http://a.b/" in shown
    (ingest,) = (line for line in shown.splitlines() if " ingest " in line)
    words = shlex.split(ingest)[1:]
    assert words == [
        *("ingest", "jsonl", str(pages), "--text-column", "body", "--url-column", "link", "--lake", "lake"),
    ]


def test_json_has_every_document(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", str(pages), "--json", "--quiet", "--lake", "there"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [item["before"] for item in told["documents"]] == list(TEXTS)
    assert [line.split()[-1] for line in told["commands"]] == ["there"] * 3


def test_a_folder_and_what_holds_no_document_are_mistakes(tmp_path: Path, pages: Path) -> None:
    with pytest.raises(SourceError, match="is a folder: name one file in it"):
        trial(str(tmp_path), load(), documents=1)
    with pytest.raises(SourceError, match="is no file of this machine"):
        trial("s3://bucket/pages.jsonl", load(), documents=1)
    pages.write_text('{"text": 1}\n{"text": 2, "title": "Rain"}\n{"text": 3}', "utf-8")
    with pytest.raises(SourceError, match="no document could be read"):
        trial(str(pages), load(), documents=3, text_column="text")
