"""What the executors of UltraX and ReScraper made of texts and programs, byte for byte, in both of our executors."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.executions import Case, execute_in_jvm

from prox_spark.chunks import Chunk
from prox_spark.program import Policy, execute, execute_operations
from prox_spark.program.execute import chunk_programs
from prox_spark.program.readers import Answer, Whole, read

FILES = ["ultrax_exec", "ultrax_windows", "rescraper_exec"]


def policy_of(name: str) -> Policy:
    return Policy(mode="reference", grammar=name.split("_")[0])


def answers(name: str, row: dict[str, Any]) -> list[Answer]:
    if name != "ultrax_windows":
        return [Answer(Whole.of(row["text"], nonblank=name == "rescraper_exec"), row["program"])]
    windows = json.loads(row["note"])["windows"]
    return [
        Answer(Chunk(index, start - 1, end - 1, "", 0, own_start=own - 1, own_end=end - 1, number_base=1), written)
        for index, ((start, end, own), written) in enumerate(zip(windows, json.loads(row["program"]), strict=True))
    ]


def cases(name: str, rows: list[dict[str, Any]]) -> Iterator[tuple[Case, str | None]]:
    """Give each text with its programs and what is expected; of a text that made their executor fail there is none."""
    grammar = policy_of(name).grammar
    for row in rows:
        if "raises" in json.loads(row["note"]) and name == "ultrax_exec":
            continue
        yield (row["text"], chunk_programs(row["text"], answers(name, row), grammar)), row["expected"] or None


@pytest.mark.parametrize("name", FILES)
def test_the_twin_makes_of_every_case_what_their_executor_made(name: str, refiner_cases: Any) -> None:
    wrong = [
        text
        for (text, chunks), expected in cases(name, refiner_cases(name))
        if execute_operations(text, chunks, policy=policy_of(name)).text != expected
    ]
    assert wrong == []


@pytest.mark.spark
@pytest.mark.parametrize("name", FILES)
def test_the_jvm_makes_of_every_case_what_the_twin_makes(spark: SparkSession, name: str, refiner_cases: Any) -> None:
    given = [case for case, _ in cases(name, refiner_cases(name))]
    expected = [execute_operations(text, chunks, policy=policy_of(name)) for text, chunks in given]
    assert execute_in_jvm(spark, given, level="chunk", policy=policy_of(name)) == expected


def test_a_number_with_more_digits_than_python_reads_is_no_operation() -> None:
    assert execute("a\nb", f"remove_lines({'1' * 5000}, 2)", policy=policy_of("ultrax")).text == "a\nb"


@pytest.mark.parametrize(
    ("grammar", "answer"),
    [
        ("ultrax", "remove_lines(1, 10000000)\n" * 3000),
        ("ultrax", "\n".join(f"replace_str({n}, 'w', 'v')" for n in range(1, 3000))),
        ("ultrax", "\n".join(f"add_line({n}, 1, '{n * 7919:040d}')" for n in range(400))),
        ("rescraper", "<edit>\n<extract>\n<edit>\n" + "rm 2-10000000\n" * 3000),
        ("rescraper", "<edit>\n<extract>\n<edit>\n" + 'sub 7: "w"\n' * 3000),
        ("rescraper", "<edit>\n<extract>\n<edit>\nsub 1: " + "[" * 100_000),
    ],
)
def test_hostile_answers_are_read_in_the_time_that_their_length_takes(grammar: str, answer: str) -> None:
    text = "word of a line\n" * 20_000
    begun = time.perf_counter()
    read(grammar, text, [Answer(Whole.of(text, nonblank=grammar == "rescraper"), answer)])
    assert time.perf_counter() - begun < 3
