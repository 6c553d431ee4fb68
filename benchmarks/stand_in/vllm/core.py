"""The stand-in's core process: schedules as vLLM does, and takes the time that the card would take.

A step takes up to `budget` tokens: one for each request that decodes, the rest for prompts, which may be cut between
steps. It lasts as long as these tokens take at `rate` tokens a second, and at least `floor_seconds`. The folder of the
model says in `stand_in.json` how fast the card is, what the answers are, and where to write what was seen.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import msgspec
import zmq

from .messages import Request, Step


class Running:
    """A request in the batch: what is left of its prompt, and its answer."""

    __slots__ = ("answer", "name", "place", "prompt")

    def __init__(self, name: str, prompt: int, answer: list[int]) -> None:
        self.name, self.prompt, self.answer, self.place = name, prompt, answer, 0


class Core:
    """The card as a clock."""

    def __init__(self, told: dict[str, Any]) -> None:
        about = json.loads((Path(told["model"]) / "stand_in.json").read_text())
        self.answers: list[list[int]] = about["answers"]
        self.rate, self.floor = float(about["rate"]), float(about["floor_seconds"])
        self.sequences = told["sequences"]
        self.budget = told["budget"]
        self.seen_file = Path(about["seen"]) / f"core-{os.getpid()}.json"
        self.waiting: deque[Request] = deque()
        self.running: list[Running] = []
        self.seen = dict.fromkeys(("prompt_tokens", "output_tokens", "requests", "steps", "busy", "hungry"), 0.0)
        self.seen |= {"first": 0.0, "last_prompt": 0.0, "last_answer": 0.0, "hungry_before_last_prompt": 0.0}
        context = zmq.Context(io_threads=1)
        self.requests, self.outputs = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        for socket in (self.requests, self.outputs):
            socket.set_hwm(0)
            socket.linger = 0
        self.requests.connect(f"tcp://127.0.0.1:{told['ports'][0]}")
        self.outputs.connect(f"tcp://127.0.0.1:{told['ports'][1]}")
        self.decoder = msgspec.msgpack.Decoder(Request)
        self.encoder = msgspec.msgpack.Encoder()

    def run(self) -> None:
        """Work until the parent is gone."""
        parent = os.getppid()
        self.outputs.send(self.encoder.encode(Step([])))
        free = time.monotonic()
        while os.getppid() == parent:
            if not self.running and not self.waiting:
                self.write()
                if not self.requests.poll(200):
                    continue
                free = self.starve(free)
            self.take()
            free = self.step(max(free, time.monotonic() - 0.05))

    def starve(self, since: float) -> float:
        """Count the time without any request as hunger; before the first one nobody was asked for any."""
        now = time.monotonic()
        if self.seen["first"]:
            self.hunger(now - since)
        return now

    def hunger(self, seconds: float) -> None:
        self.seen["hungry"] += seconds

    def take(self) -> None:
        while True:
            try:
                request = self.decoder.decode(self.requests.recv(zmq.NOBLOCK))
            except zmq.Again:
                return
            now = time.monotonic()
            self.seen["first"] = self.seen["first"] or now
            self.seen["last_prompt"] = now
            self.seen["hungry_before_last_prompt"] = self.seen["hungry"]
            self.seen["requests"] += 1
            self.waiting.append(request)

    def step(self, began: float) -> float:
        """Advance every request, wait until the card would be done, and send what it made; give that moment."""
        left = self.budget
        made: list[tuple[str, int, str | None]] = []
        for request in self.running:
            left -= self.advance(request, left, made)
        while left > 0 and self.waiting and len(self.running) < self.sequences:
            taken = self.waiting.popleft()
            ids = taken.prompt_token_ids
            answer = self.answers[(len(ids) * 31 + ids[len(ids) // 2]) % len(self.answers)][: taken.max_tokens]
            self.running.append(request := Running(taken.request_id, len(ids), answer))
            self.seen["prompt_tokens"] += len(ids)
            left -= self.advance(request, left, made)
        self.running = [request for request in self.running if request.place < len(request.answer)]
        seconds: float = max(self.floor, (self.budget - left) / self.rate)
        # Underfed: tokens of the step stayed free, nothing waited, and there was a place for one more request.
        if left > 0 and not self.waiting and len(self.running) < self.sequences:
            self.hunger(seconds * left / self.budget)
        done = began + seconds
        time.sleep(max(0.0, done - time.monotonic()))
        self.seen["busy"] += seconds
        self.seen["steps"] += 1
        self.seen["output_tokens"] += len(made)
        self.seen["last_answer"] = done
        self.outputs.send(self.encoder.encode(Step(made)))
        return done

    def advance(self, request: Running, left: int, made: list[tuple[str, int, str | None]]) -> int:
        """Take what a request may have of the step's tokens: a part of its prompt, or one token of its answer."""
        if left <= 0:
            return 0
        taken = min(left, request.prompt) or 1
        request.prompt = max(0, request.prompt - taken)
        if not request.prompt:
            token = request.answer[request.place]
            request.place += 1
            made.append((request.name, token, "stop" if request.place == len(request.answer) else None))
        return taken

    def write(self) -> None:
        partial = self.seen_file.with_suffix(".partial")
        partial.write_text(json.dumps(self.seen))
        partial.replace(self.seen_file)


if __name__ == "__main__":
    Core(json.loads(sys.argv[1])).run()
