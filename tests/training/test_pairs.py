"""Pairs to learn from."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from prox_spark.chunks import WordTokenizer
from prox_spark.profiles import PROFILES
from prox_spark.program import execute
from prox_spark.training.pairs import PAIRS, frame, from_labels, from_program

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROFILE = replace(PROFILES["tiny-chunk"], max_chunk_tokens=12)
TEXT = "Home\nAbout\nIt rained all day.\nThe river rose.\nLogin\nShare"
KEEP = [False, False, True, True, False, False]


def test_the_programs_of_the_chunks_leave_what_the_labels_keep() -> None:
    pairs = list(from_labels(TEXT, KEEP, PROFILE, WordTokenizer()))
    assert len(pairs) > 1
    assert execute(TEXT, "\n".join(pair.completion for pair in pairs)).text == "It rained all day.\nThe river rose."
    assert all("[00" in pair.prompt for pair in pairs)


def test_a_chunk_of_content_is_answered_by_keeping_it() -> None:
    [pair] = from_labels("It rained.", [True], PROFILE, WordTokenizer())
    assert pair.completion == "keep_chunk()"


def test_a_program_is_cut_at_the_ends_of_chunks() -> None:
    program = 'remove_lines(start=1, end=4)\nnormalize(source_str="rose", target_str="")'
    pairs = list(from_program(TEXT, program, PROFILE, WordTokenizer()))
    ranges = [line for pair in pairs for line in pair.completion.split("\n") if line.startswith("remove")]
    assert len(ranges) > 1
    executed = execute(TEXT, "\n".join(ranges))
    assert executed.text == "Home\nShare"
    assert sum("normalize" in pair.completion for pair in pairs) == 1


def test_a_document_pass_learns_the_verdict() -> None:
    [pair] = from_program(TEXT, "drop_doc()  # why", PROFILES["tiny-doc"], WordTokenizer())
    assert (pair.prompt, pair.completion) == (TEXT, "drop_doc()")


@pytest.mark.spark
def test_spark_makes_the_same_pairs(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(TEXT, KEEP)], "text string, keep array<boolean>")
    made = frame(rows, PROFILE, partial(WordTokenizer))
    assert made.schema.simpleString() == spark.createDataFrame([], PAIRS).schema.simpleString()
    expected = [(pair.prompt, pair.completion) for pair in from_labels(TEXT, KEEP, PROFILE, WordTokenizer())]
    assert [(row["prompt"], row["completion"]) for row in made.collect()] == expected
    programs = spark.createDataFrame([(TEXT, "remove_lines(0, 1)")], "text string, program string")
    assert "remove_lines(start=0, end=1)" in [
        row["completion"] for row in frame(programs, PROFILE, WordTokenizer).collect()
    ]
