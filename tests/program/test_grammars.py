"""The grammars of constrained decoding for refiners after ProX: what they let through is read without a problem."""

from __future__ import annotations

import json
import random

import pytest
from support.guided import accepts, written

from prox_spark.chunks import Chunk, Numbering, Window, WordTokenizer, cut
from prox_spark.program import execute_operations, readers
from prox_spark.program.execute import chunk_programs
from prox_spark.program.grammars import GRAMMARS, answers
from prox_spark.program.operations import Operation, Policy
from prox_spark.program.readers.ultrax_calls import Call
from prox_spark.program.readers.ultrax_calls import write as write_ultrax
from prox_spark.program.write import write_removals

llguidance = pytest.importorskip("llguidance")

PAGES = [
    [
        "Home | About us",
        "",
        "It rained all day.",
        'He said "no" \\ twice\there',
        "x",
        "日本語の文章",
        "a\u0007b\u00a0c",
    ],
    ["it's the 'end'", "  both ' and \" \u3000 there  ", "a < b </think> c", "<keep>", "rm 3", "one\rtwo", "the last"],
]
NUMBERINGS = {
    "np": Numbering("[{n:03d}]"),
    "keep_ranges": Numbering("[{n}]"),
    "refinex": Numbering("[{n}]", 1, over="window"),
    "ultrax": Numbering("<lid:{n}>", 1),
    "rescraper": Numbering("<lid:{n}> ", 1, shown="nonblank_stripped"),
}
LENIENT = Policy(insert="accept", rewrite="accept", max_rejected_share=1.0, max_growth=1e9)
REPEATED = {"duplicate", "overlaps", "too_many_lines", None}


@pytest.fixture(scope="module")
def guide() -> object:
    return llguidance.LLTokenizer("byte")


def windows(grammar: str, lines: list[str]) -> list[Chunk]:
    return cut("\n".join(lines), WordTokenizer(), NUMBERINGS[grammar], Window(70, overlap=0.4))


def test_every_grammar_of_programs_can_be_followed() -> None:
    assert set(GRAMMARS) == set(NUMBERINGS) == set(readers.GRAMMARS) - {"prox", "score"}


@pytest.mark.parametrize("lines", PAGES, ids=["mixed", "quotes"])
@pytest.mark.parametrize("grammar", GRAMMARS)
def test_what_a_random_model_writes_within_the_grammar_is_read_and_nothing_but_repetitions_is_rejected(
    guide: object, grammar: str, lines: list[str]
) -> None:
    text, parts = "\n".join(lines), windows(grammar, lines)
    assert len(parts) > 1
    allowed = [answers(grammar, lines, part) for part in parts]
    for seed in range(12):
        said = [written(guide, rules, 100 * seed + part.index) for part, rules in zip(parts, allowed, strict=True)]
        whole = [accepts(guide, rules, one) for one, rules in zip(said, allowed, strict=True)]
        said_of = [
            readers.Answer(part, one, "stop" if ended else "length")
            for part, one, ended in zip(parts, said, whole, strict=True)
        ]
        for reading, ended in zip(readers.read(grammar, text, said_of), whole, strict=True):
            assert {problem.reason for problem in reading.problems} <= (set() if ended else {"truncated"}), said
        done = execute_operations(text, chunk_programs(text, said_of, grammar), policy=LENIENT)
        assert {fate.reason for fate in done.operations} <= REPEATED, (said, done.operations)


def quoted(line: str, chance: random.Random) -> str:
    """Give a run of words that stands once on a line; the line where there is none."""
    words = line.split(" ")
    start = chance.randrange(len(words))
    run = " ".join(words[start : chance.randint(start + 1, len(words))])
    return run if run and line.count(run) == 1 else line


def program(grammar: str, lines: list[str], chance: random.Random) -> str:
    """Write a program as those who taught the models do: about lines that can be quoted, in their numbers."""
    texts = {number: line for number, line in enumerate(lines, 1) if line.strip() and line.isprintable()}
    numbers = sorted(chance.choices(sorted(texts), k=2))
    run = quoted(texts[numbers[0]], chance)
    calls: list[Call] = [
        ("remove_lines", *numbers),
        ("replace_str", numbers[0], run, "It's 'new'"),
        ("add_line", numbers[1], 1, 'A "line".'),
        ("replace_str", numbers[0], lines[numbers[0] - 1] + "\n", ""),
    ]
    removals = [f"rm {numbers[0]}", f"rm {numbers[0]}-{numbers[1]}", f"sub {numbers[0]}: {json.dumps(run)}"]
    edits = "\n".join(chance.choices(removals, k=2))
    tag = chance.choice(["<keep>", "<edit>", "<delete>", "<rewrite>"])
    behind = {"<edit>": f"\n{edits}", "<rewrite>": "\nA page.\n\nIts end."}.get(tag, "")
    return {
        "np": write_removals([(numbers[0], numbers[1])]),
        "keep_ranges": json.dumps([numbers]),
        "refinex": f"remove_lines({numbers[0]}, {numbers[1]})\nremove_str({numbers[0]}, {run!r})",
        "ultrax": "\n".join(write_ultrax(call) for call in chance.sample(calls, 2)),
        "rescraper": f"{tag}\n<extract>\n{edits}\n{tag}{behind}",
    }[grammar]


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_programs_as_the_models_were_taught_are_within_the_grammar(guide: object, grammar: str) -> None:
    lines = ["Home | About us", "It rained all day.", "it's the end", "'one' and 'one'", "日本語の文章", "The last."]
    shown = Chunk(0, 0, len(lines) - 1, "", 0, number_base=1)
    allowed = answers(grammar, lines, shown)
    chance = random.Random(grammar)
    for _ in range(30):
        said = program(grammar, lines, chance)
        if "'one'" not in said.replace("'one' and 'one'", ""):
            assert accepts(guide, allowed, said), said


@pytest.mark.parametrize(
    ("grammar", "said"),
    [
        ("np", "remove_lines(3, 2)"),
        ("np", "remove_lines(1, 9)"),
        ("np", 'normalize("Home", "")'),
        ("keep_ranges", "[]"),
        ("refinex", "remove_str(1, 'ome')"),
        ("ultrax", "remove_lines(0, 1)"),
        ("ultrax", "replace_str(1, 'Home', 'a\nb')"),
        ("ultrax", "replace_str(2, 'Home', '')"),
        ("ultrax", "replace_str(3, 'one', '')"),
        ("ultrax", "keep_all()\nremove_lines(1, 1)"),
        ("ultrax", "add_line(9, 1, 'x')"),
        ("rescraper", "<edit>\n<extract>\n<edit>"),
        ("rescraper", "<edit>\n<extract>\n<keep>\nrm 1"),
        ("rescraper", "<rewrite>\n<extract>\n<rewrite>\n"),
        ("rescraper", "<edit>\n<extract>\n<edit>\nThis page is an advert."),
        ("rescraper", "<rewrite>\n<extract>\n<rewrite>\nSo. </think> Yes."),
    ],
)
def test_what_a_reader_would_not_take_is_not_within_the_grammar(guide: object, grammar: str, said: str) -> None:
    lines = ["Home | About us", "It rained.", "one one"]
    shown = Chunk(0, 0, 2, "", 0, number_base=1)
    assert not accepts(guide, answers(grammar, lines, shown), said)


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_a_window_that_owns_no_line_can_be_kept(guide: object, grammar: str) -> None:
    shown = Chunk(1, 0, 2, "", 0, own_start=3, own_end=2, number_base=1)
    keeps = {"np": "keep_chunk()", "keep_ranges": "[[1, 1]]", "rescraper": "<keep>"}.get(grammar, "keep_all()")
    assert accepts(guide, answers(grammar, ["a", "b", "c"], shown), keeps)


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_a_window_of_many_lines_has_a_grammar_that_can_be_followed(guide: object, grammar: str) -> None:
    lines = ["a b c d e f"[: at % 12] for at in range(6000)]
    said = written(guide, answers(grammar, lines, Chunk(0, 0, 5999, "", 0, number_base=1)), 1)
    assert said


def test_a_string_may_end_with_its_line_and_escapes_are_those_of_repr(guide: object) -> None:
    lines = ["Home \u3000there", "It rained."]
    allowed = answers("ultrax", lines, Chunk(0, 0, 1, "", 0, number_base=1))
    assert accepts(guide, allowed, "replace_str(1, 'there\\n', 'there ')")
    assert accepts(guide, allowed, "replace_str(1, '\\u3000there', 'there')")
    assert not accepts(guide, allowed, "replace_str(2, 'rained.\\n', '')")
    (reading,) = readers.read(
        "ultrax", "\n".join(lines), [readers.Answer(readers.Whole.of("a\nb"), "replace_str(1, '\\n', '')")]
    )
    assert reading.operations == (Operation("replace_str", 0, 0, "\n", ""),)
