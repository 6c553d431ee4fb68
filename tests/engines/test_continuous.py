"""Continuous batching over a core that the tests make fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from prox_spark.engines.careful import answered
from prox_spark.engines.continuous import Continuous
from prox_spark.engines.scripted import ScriptedEngine
from prox_spark.engines.seam import Completion, Prompt, stream
from prox_spark.errors import EngineError, TaskError


class Core:
    """Answer each prompt after as many steps as it has letters; `poison` breaks every step that it is in."""

    def __init__(self, *, room: int = 1000) -> None:
        self.left: dict[int, tuple[Prompt, int]] = {}
        self.room = room
        self.most = self.steps = self.added = 0

    def add(self, request: int, prompt: Prompt) -> None:
        self.added += 1
        if prompt.text == "refused":
            raise ValueError("not this one")
        if prompt.text == "constrained":
            raise ModuleNotFoundError("No module named 'lmformatenforcer'")
        self.left[request] = (prompt, len(prompt.text))

    def step(self) -> Sequence[tuple[int, Completion]]:
        self.steps += 1
        self.most = max(self.most, len(self.left))
        texts = [prompt.text for prompt, _ in self.left.values()]
        if len(texts) > self.room:
            raise MemoryError("too many")
        if "poison" in texts:
            raise RuntimeError("poisoned")
        if "death" in texts:
            raise TaskError("dead")
        self.left = {request: (prompt, count - 1) for request, (prompt, count) in self.left.items()}
        done = [request for request, (_, count) in self.left.items() if count <= 0]
        return [(request, Completion(self.left.pop(request)[0].text.upper(), "stop", 1, 1)) for request in done]

    def ready(self) -> bool:
        return False

    def abort(self, requests: Sequence[int]) -> None:
        for request in requests:
            self.left.pop(request, None)


def ask(core: Core, texts: Sequence[str], window: int = 8) -> dict[int, Completion]:
    answers = list(Continuous([core], window).stream((key, Prompt(text)) for key, text in enumerate(texts)))
    assert len(answers) == len({key for key, _ in answers}) == len(texts)
    assert core.left == {}
    return dict(answers)


def test_every_prompt_is_answered_once_and_short_ones_come_first() -> None:
    core = Core()
    answers = list(Continuous([core], 8).stream([(1, Prompt("long one")), (2, Prompt("s"))]))
    assert [(key, answer.text) for key, answer in answers] == [(2, "S"), (1, "LONG ONE")]


def test_the_next_prompts_are_fed_while_others_decode() -> None:
    core = Core()
    ask(core, ["x" * 30] + ["y"] * 30, window=2)
    assert core.steps <= 31  # batches of two, each waited for, would take 30 + 15
    assert core.most == 2


def test_prompts_are_taken_only_as_there_is_room() -> None:
    taken = []

    def source() -> Iterator[tuple[int, Prompt]]:
        for number in range(100):
            taken.append(number)
            yield number, Prompt("ab")

    answers = Continuous([Core()], 4).stream(source())
    next(answers)
    assert len(taken) <= 5
    answers.close()  # type: ignore[attr-defined]  # a generator, as all engines' streams are


def test_whoever_stops_listening_leaves_no_request_behind() -> None:
    core = Core()
    answers = Continuous([core], 4).stream(enumerate([Prompt("a"), Prompt("bbbb"), Prompt("cccc")]))
    next(answers)
    answers.close()  # type: ignore[attr-defined]  # a generator, as all engines' streams are
    assert core.left == {}


def test_the_prompt_that_breaks_a_step_is_found_and_the_others_are_answered() -> None:
    texts = ["fine", "poison", "good", "refused", "well", "poison", "last"]
    answers = ask(Core(), texts)
    assert [key for key, answer in answers.items() if answer.error] != []
    assert {texts[key] for key, answer in answers.items() if answer.finish_reason == "error"} == {"poison", "refused"}
    assert answers[1].error == "RuntimeError: poisoned"
    assert answers[6].text == "LAST"


def test_one_bad_prompt_among_many_costs_few_more_steps() -> None:
    core = Core()
    ask(core, ["a"] * 63 + ["poison"], window=64)
    assert core.added <= 64 * 3
    assert core.steps <= 20


def test_too_little_memory_lowers_the_window_and_blames_nobody() -> None:
    core = Core(room=5)
    feed = Continuous([core], 16)
    answers = dict(feed.stream((key, Prompt("text")) for key in range(40)))
    assert all(answer.text == "TEXT" for answer in answers.values()) and len(answers) == 40
    assert feed.window == 4


def test_a_dead_core_fails_the_task() -> None:
    with pytest.raises(TaskError):
        ask(Core(), ["a", "death"])


def test_a_missing_package_is_no_error_of_a_prompt() -> None:
    core = Core()
    with pytest.raises(EngineError, match="lmformatenforcer"):
        list(Continuous([core], 4).stream(enumerate([Prompt("life"), Prompt("constrained"), Prompt("more")])))
    assert core.left == {}


class Remote(Core):
    """Answer in a process of its own, so to speak: there is an answer every few looks."""

    def __init__(self, every: int, *, room: int = 1000) -> None:
        super().__init__(room=room)
        self.every = every
        self.looks = 0

    def ready(self) -> bool:
        self.looks += 1
        return self.looks % self.every == 0


def test_several_cores_share_the_prompts_and_the_fast_one_gets_more() -> None:
    fast, slow = Remote(1), Remote(9)
    answers = list(Continuous([fast, slow], 8).stream((key, Prompt("text")) for key in range(400)))
    assert sorted(key for key, _ in answers) == list(range(400))
    assert max(fast.most, slow.most) <= 8
    assert slow.added >= 8 and fast.added > 2 * slow.added
    assert fast.left == slow.left == {}


def test_a_prompt_that_breaks_one_of_several_cores_is_found_and_the_others_are_answered() -> None:
    cores = [Remote(1), Remote(2), Remote(3)]
    texts = ["poison" if number in (3, 50) else "text" for number in range(90)]
    answers = dict(Continuous(cores, 8).stream((key, Prompt(text)) for key, text in enumerate(texts)))
    assert [key for key in sorted(answers) if answers[key].error] == [3, 50] and len(answers) == 90
    assert all(core.left == {} for core in cores)


def test_too_little_memory_of_one_core_lowers_its_window_alone() -> None:
    cores = [Remote(1), Remote(1, room=5)]
    feed = Continuous(cores, 16)
    answers = dict(feed.stream((key, Prompt("text")) for key in range(200)))
    assert all(answer.text == "TEXT" for answer in answers.values()) and len(answers) == 200
    assert feed.window == 16 + 4


def test_a_dead_core_among_several_fails_the_task() -> None:
    with pytest.raises(TaskError):
        list(Continuous([Remote(1), Remote(1)], 4).stream(enumerate([Prompt("life"), Prompt("death")])))


def test_answers_leave_while_prompts_still_come() -> None:
    core, taken = Remote(1), []

    def source() -> Iterator[tuple[int, Prompt]]:
        for number in range(1000):
            taken.append(number)
            yield number, Prompt("a")

    answers = Continuous([core], 900).stream(source())
    next(answers)
    assert len(taken) < 100
    answers.close()  # type: ignore[attr-defined]  # a generator, as all engines' streams are


class Mortal(ScriptedEngine):
    """Die, for good, of one prompt."""

    def __init__(self) -> None:
        super().__init__({}, default="keep_chunk()")
        self.dead = False

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        self.dead = self.dead or any("death" in prompt.text for prompt in prompts)
        if self.dead:
            raise TaskError("dead")
        return super().generate(prompts)


def test_after_a_death_the_prompt_to_blame_is_found_with_new_engines() -> None:
    engines = [Mortal()]
    asked = [(key, Prompt("death" if key == 11 else "life")) for key in range(32)]
    answers = dict(answered(asked, lambda: engines[-1], lambda: engines.append(Mortal())))
    assert [key for key, answer in answers.items() if answer.error] == [11]
    assert answers[11].error == "TaskError: dead"
    assert len(answers) == 32 and len(engines) == 7  # the first, and one more after each of six deaths


def test_an_engine_without_a_stream_is_asked_in_batches() -> None:
    engine = ScriptedEngine(lambda prompt: prompt.text.upper())
    asked = ((key, Prompt(text)) for key, text in enumerate("abcde"))
    assert [(key, answer.text) for key, answer in stream(engine, asked, batch=2)] == list(enumerate("ABCDE"))
