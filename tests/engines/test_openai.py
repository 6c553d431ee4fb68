"""The openai engine against an endpoint on loopback that fails as endpoints do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from prox_spark.config import OpenAISettings
from prox_spark.engines import Prompt, create
from prox_spark.engines.openai import OpenAIEngine
from prox_spark.errors import EngineError, TaskError

pytest.importorskip("tenacity")
pytest.importorskip("httpx2")


class Endpoint:
    """Answer in upper case; each prompt may say how often it is turned away before that, and with what."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.pause = 0.0
        self.odd: dict[str, bytes] = {}
        """By prompt, what is answered as it is, with status 200."""

    def answer(self, body: dict[str, Any], key: str | None) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.asked.append(body)
            self.keys.append(key)
            before = sum(other["prompt"] == body["prompt"] for other in self.asked) - 1
        text = body["prompt"]
        if text.startswith("busy") and before < 2:
            return 429, {}
        if text.startswith("down"):
            return 503, {}
        if text.startswith("too long"):
            return 400, {"error": "This model's maximum context length is 10 tokens"}
        if text.startswith("secret"):
            return 401, {}
        reason = "length" if text.startswith("cut") else "stop"
        usage = {"prompt_tokens": len(text), "completion_tokens": 2}
        return 200, {"choices": [{"text": text.upper(), "finish_reason": reason}], "usage": usage}


@pytest.fixture
def endpoint() -> Iterator[tuple[Endpoint, str]]:
    place = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with place.lock:
                place.now += 1
                place.most = max(place.most, place.now)
            time.sleep(place.pause)
            status, answer = place.answer(body, self.headers["Authorization"])
            with place.lock:
                place.now -= 1
            content = place.odd.get(body["prompt"]) or json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield place, f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def engine_of(url: str, **more: Any) -> OpenAIEngine:
    engine = create(OpenAISettings(url=url, model="served", **more))
    assert isinstance(engine, OpenAIEngine)
    return engine


def test_answers_come_in_order_with_their_tokens(endpoint: tuple[Endpoint, str]) -> None:
    place, url = endpoint
    engine = engine_of(url)
    first, second = engine.generate([Prompt("abc", max_new_tokens=7), Prompt("cut")])
    assert (first.text, first.finish_reason, first.prompt_tokens, first.output_tokens) == ("ABC", "stop", 3, 2)
    assert second.finish_reason == "length"
    assert place.asked[0]["temperature"] == 0.0
    assert {body["max_tokens"] for body in place.asked} == {7, 256}
    engine.close()


def test_a_busy_endpoint_is_asked_again(endpoint: tuple[Endpoint, str]) -> None:
    place, url = endpoint
    engine = engine_of(url)
    assert engine.generate([Prompt("busy")])[0].text == "BUSY"
    assert len(place.asked) == 3
    engine.close()


def test_an_endpoint_that_stays_down_fails_the_task(endpoint: tuple[Endpoint, str]) -> None:
    _, url = endpoint
    engine = engine_of(url, attempts=2)
    with pytest.raises(TaskError, match="does not answer: HTTP 503"):
        engine.generate([Prompt("down")])
    engine.close()


def test_nobody_listening_fails_the_task() -> None:
    engine = engine_of("http://127.0.0.1:1/v1", attempts=1)
    with pytest.raises(TaskError, match=r"ConnectError: .*Connection refused"):
        engine.generate([Prompt("a")])
    engine.close()


def test_a_prompt_that_the_endpoint_refuses_is_that_prompts_error(endpoint: tuple[Endpoint, str]) -> None:
    place, url = endpoint
    engine = engine_of(url)
    answers = engine.generate([Prompt("a"), Prompt("too long"), Prompt("b")])
    assert [answer.finish_reason for answer in answers] == ["stop", "error", "stop"]
    assert "maximum context length" in (answers[1].error or "")
    assert len(place.asked) == 3
    engine.close()


@pytest.mark.parametrize(
    "odd",
    [
        b"{}",
        b'{"choices": []}',
        b'{"choices": null}',
        b'{"choices": [null]}',
        b'{"choices": ["text"]}',
        b'{"choices": [{"text": null, "finish_reason": "stop"}]}',
        b'{"choices": [{"text": ["a"], "finish_reason": "stop"}]}',
        b'{"choices": [{"text": "a", "finish_reason": {"type": "stop"}}]}',
        b'{"choices": [{"text": "a", "finish_reason": "content_filter"}]}',
        b'{"choices": [{"message": {"content": "keep_chunk()"}, "finish_reason": "stop"}]}',
        b'{"choices": [{"text": "a", "finish_reason": "stop"}], "usage": "ten tokens"}',
        b'{"choices": [{"text": "a", "finish_reason": "stop"}], "usage": {"prompt_tokens": "ten"}}',
        b'{"choices": [{"text": "a", "finish_reason": "stop"}], "usage": {"prompt_tokens": -1}}',
        b'{"choices": [{"text": "a", "finish_reason": "stop"}], "usage": {"completion_tokens": 1e99}}',
        b'{"choices": [{"text": "a", "finish_reason": "stop"}], "usage": {"completion_tokens": 99999999999}}',
        b'{"choices": [{"text": "\\ud800", "finish_reason": "stop"}]}',
        b'{"choices": [{"text": "\xff", "finish_reason": "stop"}]}',
        b'{"choices": [{"text": "cut off',
        b'{"choices": ' + b"[" * 100_000,
        b'{"error": {"message": "the model is too tired"}}',
        b"[]",
        b"null",
        b'"keep_chunk()"',
    ],
)
def test_an_answer_of_another_shape_is_the_error_of_its_prompt(endpoint: tuple[Endpoint, str], odd: bytes) -> None:
    place, url = endpoint
    place.odd["odd"] = odd
    engine = engine_of(url)
    answers = engine.generate([Prompt("a"), Prompt("odd"), Prompt("b")])
    assert [answer.finish_reason for answer in answers] == ["stop", "error", "stop"]
    assert answers[1].text == ""
    assert answers[1].error
    assert len(place.asked) == 3
    engine.close()


def test_an_answer_without_end_is_the_error_of_its_prompt(endpoint: tuple[Endpoint, str]) -> None:
    place, url = endpoint
    place.odd["odd"] = b'{"choices": [{"text": "' + b"a" * (17 << 20)
    engine = engine_of(url)
    answers = engine.generate([Prompt("odd"), Prompt("b")])
    assert "longer than" in (answers[0].error or "")
    assert answers[1].text == "B"
    engine.close()


def test_a_page_where_an_answer_should_be_fails_the_task(endpoint: tuple[Endpoint, str]) -> None:
    place, url = endpoint
    place.odd["a"] = b"<html>Log in to the network</html>"
    engine = engine_of(url, attempts=1)
    with pytest.raises(TaskError, match="not JSON: <html>"):
        engine.generate([Prompt("a")])
    engine.close()


def test_no_more_requests_are_in_flight_than_allowed(endpoint: tuple[Endpoint, str]) -> None:
    place, url = endpoint
    place.pause = 0.02
    engine = engine_of(url, in_flight=3)
    assert len(engine.generate([Prompt(f"p{number}") for number in range(30)])) == 30
    assert place.most == 3
    engine.close()


def test_the_key_comes_from_the_environment_only(
    endpoint: tuple[Endpoint, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, url = endpoint
    monkeypatch.setenv("ENDPOINT_KEY", "not-for-logs")
    engine = engine_of(url, key_variable="ENDPOINT_KEY")
    engine.generate([Prompt("a")])
    engine.close()
    assert place.keys == ["Bearer not-for-logs"]
    assert "not-for-logs" not in repr(OpenAISettings(url=url, model="m", key_variable="ENDPOINT_KEY"))


def test_a_wrong_key_fails_the_task_and_says_so(endpoint: tuple[Endpoint, str]) -> None:
    _, url = endpoint
    engine = engine_of(url)
    with pytest.raises(TaskError, match="HTTP 401: check"):
        engine.generate([Prompt("secret")])
    engine.close()


@pytest.mark.parametrize("url", ["ftp://host/v1", "host", "http://user:password@host/v1"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(EngineError, match=r"engine\.url"):
        engine_of(url)


def test_a_missing_key_names_its_variable() -> None:
    with pytest.raises(EngineError, match="NO_SUCH_KEY, which is not set"):
        engine_of("http://127.0.0.1:1/v1", key_variable="NO_SUCH_KEY")
