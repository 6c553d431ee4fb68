"""Annotation by a strong model, asked over HTTP on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_spark.errors import ConfigError, RunError, UserError
from prox_spark.program import execute
from prox_spark.training import annotation
from prox_spark.training.annotation import AnnotationSettings, annotate, annotate_text

TEXT = "Home\nAbout us\nIt rained all day long.\nThe river rose.\nCopyright 2024"


def answer(question: str) -> str:
    if "Educational score" in question:
        return "Educational score: 2"
    if "Extraction Quality Score" in question:
        return "Extraction Quality Score: 4"
    if "navigation" in question:
        return "remove_lines(start=0, end=1)"
    return "remove_lines(start=4, end=4)" if "footers" in question else "keep_chunk()"


class Service:
    """Be an OpenAI-compatible service on loopback that answers with a function."""

    def __init__(self, respond: Callable[[str], str]) -> None:
        self.seen: list[dict[str, object]] = []
        self.keys: list[str | None] = []
        self.failures: list[int] = []
        self.odd: bytes | None = None
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.seen.append(body)
                service.keys.append(self.headers["Authorization"])
                status = service.failures.pop() if service.failures else 200
                reply = {"choices": [{"message": {"content": respond(body["messages"][0]["content"])}}]}
                self.send_response(status)
                self.end_headers()
                self.wfile.write(service.odd or json.dumps(reply).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service(answer)
    yield running
    running.stop()


def settings(tmp_path: Path, url: str = "http://127.0.0.1:9/v1", **changes: object) -> AnnotationSettings:
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"text": [TEXT, TEXT + "\nMore of it."]}), path)
    fields = {"endpoint": url, "model": "strong", "data": (str(path),), "out": str(tmp_path / "out"), "parallel": 2}
    return AnnotationSettings.model_validate({**fields, **changes})


def test_answers_become_pairs_to_learn_from(tmp_path: Path, service: Service) -> None:
    counts = annotate(settings(tmp_path, service.url))
    assert counts == {"texts": 2, "asked": 2, "documents": 2, "chunks": 2}
    rows = pq.read_table(tmp_path / "out" / "chunk.parquet").to_pylist()
    assert execute(rows[0]["text"], rows[0]["program"]).text == "It rained all day long.\nThe river rose."
    verdicts = pq.read_table(tmp_path / "out" / "document.parquet")["program"].to_pylist()
    assert verdicts == ["keep_doc()", "keep_doc()"]
    assert {(body["model"], body["temperature"]) for body in service.seen} == {("strong", 0.0)}


def test_a_second_run_asks_nothing_again(tmp_path: Path, service: Service) -> None:
    annotate(settings(tmp_path, service.url, limit=1))
    asked = len(service.seen)
    assert annotate(settings(tmp_path, service.url))["asked"] == 1
    with (tmp_path / "out" / "answers.jsonl").open("a") as file:
        file.write('{"text_sha256": "cut of')
    assert annotate(settings(tmp_path, service.url))["asked"] == 0
    assert len(service.seen) == 2 * asked


def test_an_answer_behind_one_that_was_cut_off_is_kept(tmp_path: Path, service: Service) -> None:
    annotate(settings(tmp_path, service.url, limit=1))
    with (tmp_path / "out" / "answers.jsonl").open("a") as file:
        file.write('{"text_sha256": "cut of')
    counts = annotate(settings(tmp_path, service.url))
    assert (counts["asked"], counts["documents"]) == (1, 2)


def test_the_key_comes_from_the_environment_and_is_stored_nowhere(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = settings(tmp_path, service.url, key_variable="STRONG_KEY")
    with pytest.raises(ConfigError, match="STRONG_KEY"):
        annotate(asked)
    monkeypatch.setenv("STRONG_KEY", "hidden-value")
    annotate(asked)
    assert set(service.keys) == {"Bearer hidden-value"}
    assert b"hidden-value" not in b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_a_busy_service_is_asked_again_and_one_that_refuses_is_not(tmp_path: Path, service: Service) -> None:
    service.failures = [503]
    annotate(settings(tmp_path, service.url, limit=1))
    service.failures = [401] * 20
    with pytest.raises(UserError, match="HTTP 401: check endpoint"):
        annotate(settings(tmp_path, service.url, out=str(tmp_path / "other")))


@pytest.mark.parametrize("odd", [b'{"choices": [null]}', b'{"choices": [{"message": {"content": null}}]}', b"{}"])
def test_an_answer_of_another_shape_is_the_problem_of_its_text(tmp_path: Path, service: Service, odd: bytes) -> None:
    service.odd = odd
    assert annotate(settings(tmp_path, service.url, limit=1)) == {"texts": 1, "asked": 1, "documents": 0, "chunks": 0}
    service.odd = None
    assert annotate(settings(tmp_path, service.url))["documents"] == 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "answers.jsonl").read_text().splitlines()]
    assert [bool(row["problems"]) for row in rows] == [True, False]


def test_a_question_that_is_too_long_for_the_service_is_the_problem_of_its_text(
    tmp_path: Path, service: Service
) -> None:
    service.failures = [400]
    counts = annotate(settings(tmp_path, service.url, parallel=1))
    assert (counts["asked"], counts["documents"]) == (2, 1)


def test_a_password_in_the_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        settings(tmp_path, "https://me:secret@host/v1")


def test_a_service_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="could not be asked"):
        annotate(settings(tmp_path, attempts=1))


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("Sure! Remove the menu.", "chunk 0: not_an_operation"),
        ("remove_lines(start=0, end=4)", "chunk 0: 13 of"),
        ("remove_lines(start=90, end=94)", "chunk 0: lines outside the chunk"),
    ],
)
def test_what_cannot_be_believed_gives_no_program(tmp_path: Path, program: str, problem: str) -> None:
    found = annotate_text(TEXT, lambda question: program if "runs of lines" in question or "run of lines" in question
                          else answer(question), settings(tmp_path))  # fmt: skip
    assert found.program is None
    assert found.problems[0].startswith(problem)


def test_an_answer_without_a_score_gives_no_verdict(tmp_path: Path) -> None:
    found = annotate_text(TEXT, lambda question: "great text", settings(tmp_path))
    assert (found.document, found.education) == (None, None)


def test_a_wrong_key_of_the_settings_is_named(tmp_path: Path) -> None:
    path = tmp_path / "annotate.yaml"
    path.write_text("endpoint: ftp://x\nmodel: m\ndata: [a]\n")
    with pytest.raises(ConfigError, match="endpoint"):
        annotation.read(path)
