"""The JVM executor against the Python twin: the same text, the same fates, the same counts, on hostile input."""

from __future__ import annotations

import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from support.executions import CASES, Case, as_execution, chunk_row, disagreements, execute_in_jvm, run
from support.language_cases import language_cases
from support.random_programs import TEXT, random_program

from prox_spark.lake import schema
from prox_spark.program import (
    ChunkProgram,
    Level,
    Mode,
    Operation,
    Policy,
    chunk_program,
    columns,
    count_words,
    execute_operations,
)
from prox_spark.program.characters import RESERVED, UNSPACED, WHITESPACE, characters
from prox_spark.program.columns_words import literal
from prox_spark.program.operations import OperationName

pytestmark = pytest.mark.spark

HERE = Path(__file__).parent
BOTH = pytest.mark.parametrize("mode", ["strict", "reference"])
POLICIES = [
    Policy(),
    Policy(mode="reference"),
    Policy(min_source_chars=1, max_matches=2, max_growth=3.0, max_rejected_share=1.0),
    Policy(max_rejected_share=0.0, min_words=3, min_kept_share=0.34),
]

WORDS = (
    "Home",
    "home",
    "Homes",
    "a=b",
    "of",
    "x",
    "中文",
    "中",
    "ไทย",
    "שלום",
    "سلام",
    "e\u0301te",
    "été",
    "🙂",
    "👩‍👩‍👧",
    "한국",
)
SPACES = (" ", " ", " ", "  ", "\t", "\r", "\u00a0", "\u3000", "\u2028", "\u0085", "\x0b", "\x0c", "\x1c", "\x1f", "")
ODD = (
    "\x00",
    "\ufeff",
    "\u200b",
    "\u200f",
    "\ufdd0",
    "\ufdef",
    "\ufffd",
    "\u0e33",
    "\U00020001",
    "\U0001aff5",
    "$1",
    "\\",
    ".*",
    "'",
)
NUMBERS = (None, -1, 0, 1, 2, 3, 5, 8, 13, 40, 2**31 - 1)


@pytest.fixture(params=[False, True], ids=["expressions", "compiled"])
def compiled(request: pytest.FixtureRequest) -> bool:
    """Say whether the accelerator executes; it is loaded then."""
    if request.param:
        request.getfixturevalue("loaded_accelerator")
    return bool(request.param)


def random_text(chance: random.Random) -> str:
    lines = []
    for _ in range(chance.choice((1, 1, 2, 4, 9, 30))):
        parts = []
        for _ in range(chance.choice((0, 1, 2, 5, 12, 40))):
            parts.append(chance.choice(WORDS) if chance.random() < 0.93 else chance.choice(ODD))
            parts.append(" " if chance.random() < 0.6 else chance.choice(SPACES))
        lines.append("".join(parts))
    return "\n".join(lines)


def random_string(chance: random.Random, text: str) -> str | None:
    kind = chance.random()
    if kind < 0.5 and text:
        start = chance.randrange(len(text))
        return text[start : start + chance.choice((1, 2, 3, 6, 15))]
    if kind < 0.55:
        return None
    return chance.choice(WORDS) if kind < 0.85 else chance.choice((*ODD, *SPACES, "Home of", "\n", "中文 x"))


def random_operation(chance: random.Random, text: str, names: tuple[OperationName, ...]) -> Operation:
    name = chance.choice(names)
    if name == "remove_lines":
        start = chance.choice(NUMBERS)
        end = (
            chance.choice(NUMBERS)
            if start is None or chance.random() < 0.2
            else min(start + chance.choice((0, 1, 4)), 2**31 - 1)
        )
        return Operation("remove_lines", line_start=start, line_end=end)
    if name == "normalize":
        target = random_string(chance, text) if chance.random() < 0.3 else chance.choice((None, "", "-", "ab"))
        return Operation("normalize", source=random_string(chance, text), target=target)
    return Operation(name)


def random_case(chance: random.Random) -> Case:
    text = random_text(chance)
    count = text.count("\n") + 1
    edges = sorted({0, count, *(chance.randrange(count + 1) for _ in range(chance.choice((0, 0, 1, 3))))})
    scopes = [(start, end - 1) for start, end in pairwise(edges)]
    names: tuple[OperationName, ...] = chance.choice(
        (
            ("remove_lines",),
            ("normalize",),
            ("remove_lines", "normalize"),
            ("keep_doc", "keep_chunk"),
            ("remove_lines", "normalize", "keep_chunk", "keep_doc", "drop_doc"),
        )
    )
    programs = []
    for index, (start, end) in enumerate(scopes):
        whole = len(scopes) == 1 and chance.random() < 0.5
        operations, reference = (
            tuple(random_operation(chance, text, names) for _ in range(chance.choice((0, 1, 1, 2, 3, 6, 12))))
            for _ in range(2)
        )
        programs.append(
            ChunkProgram(
                chunk_index=None if whole else index,
                scope_start=None if whole else start,
                scope_end=None if whole else end,
                completion=chance.choice(("", "keep_doc()", "drop_doc()", "Backdrop")),
                operations=operations,
                problems=chance.choice((0, 0, 0, 1, 3)),
                reference_operations=tuple(one for one in reference if one.op in ("remove_lines", "normalize")),
                reference_errors=chance.choice((0, 0, 0, 1, 2)),
            )
        )
    return text, programs


def random_cases(seed: int, count: int) -> list[Case]:
    chance = random.Random(seed)
    return [random_case(chance) for _ in range(count)]


@pytest.mark.parametrize("level", ["chunk", "document"])
@pytest.mark.parametrize("policy", POLICIES, ids=["strict", "reference", "lenient", "severe"])
def test_random_programs_on_hostile_texts_end_as_in_the_twin(
    spark: SparkSession, level: Level, policy: Policy, compiled: bool
) -> None:
    cases = random_cases(seed=len(level), count=1500)
    assert disagreements(spark, cases, level=level, policy=policy, compiled=compiled) == []


@pytest.mark.parametrize("level", ["chunk", "document"])
@pytest.mark.parametrize("policy", POLICIES, ids=["strict", "reference", "lenient", "severe"])
def test_words_that_are_known_give_the_same_numbers_as_words_that_are_counted(
    spark: SparkSession, level: Level, policy: Policy, compiled: bool
) -> None:
    cases = random_cases(seed=40, count=300)
    expected = [execute_operations(text, chunks, level=level, policy=policy) for text, chunks in cases]
    known = [one.words_before if number % 3 else None for number, one in enumerate(expected)]
    execution = columns.execute("text", "chunks", level=level, policy=policy, known_words="known", compiled=compiled)
    assert [as_execution(row) for row in run(spark, cases, execution, known)] == expected


@pytest.mark.usefixtures("loaded_accelerator")
def test_the_compiled_counter_counts_bytes_that_are_no_utf_8_as_words(spark: SparkSession) -> None:
    broken = ("C3", "E2 80", "F0 9F", "80", "FF", "61 20 F7 BF BF BF 20 62")
    given = [(bytes.fromhex(value),) for value in broken]
    frame = spark.createDataFrame(given, "raw binary").selectExpr("CAST(raw AS STRING) AS text")
    assert [row.words for row in frame.select(columns.words("text", compiled=True)).collect()] == [1, 1, 1, 1, 1, 3]


def test_reserved_characters_are_refused_and_their_neighbours_are_not(spark: SparkSession, compiled: bool) -> None:
    codes = [code for start, end in RESERVED for code in (start - 1, start, end, end + 1)]
    texts = [f"Home of {chr(code)} pages" for code in (*codes, 0xFDFA)]
    cases = [(text, [chunk_program(None, 'normalize("Home of", "Home")')]) for text in texts]
    assert disagreements(spark, cases, level="chunk", policy=Policy(), compiled=compiled) == []
    found = execute_in_jvm(spark, cases, level="chunk", policy=Policy(), compiled=compiled)
    assert [one.operations[0].status for one in found] == ["applied", "rejected", "rejected", "applied", "applied"]


@BOTH
def test_random_completions_end_as_in_the_twin(spark: SparkSession, mode: Mode, compiled: bool) -> None:
    chance = random.Random(5)
    cases = [(TEXT, [chunk_program(None, random_program(chance))]) for _ in range(1000)]
    assert disagreements(spark, cases, level="chunk", policy=Policy(mode=mode), compiled=compiled) == []


TEXTS = st.text(
    st.one_of(
        st.sampled_from("ab \n\t\r\x00\x85\u2028\u0301中ก🙂א\ufdef\u00a0"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)
OPERATIONS = st.one_of(
    st.builds(Operation, st.just("remove_lines"), st.integers(-1, 6), st.integers(-1, 2**31 - 1)),
    st.builds(Operation, st.just("normalize"), source=st.one_of(st.none(), TEXTS), target=st.one_of(st.none(), TEXTS)),
    st.builds(Operation, st.sampled_from(["keep_doc", "keep_chunk", "drop_doc"])),
)


@st.composite
def generated_cases(draw: st.DrawFn) -> Case:
    """Give a text and a program whose strings are, half of the time, pieces of the text."""
    text = draw(TEXTS)
    start = draw(st.integers(0, max(len(text) - 1, 0)))
    piece = Operation(
        "normalize", source=text[start : start + draw(st.integers(1, 4))], target=draw(st.sampled_from(["", "a"]))
    )
    operations = (*draw(st.lists(OPERATIONS, max_size=3)), *([piece] if draw(st.booleans()) else []))
    edits = tuple(one for one in operations if one.op in ("remove_lines", "normalize"))
    return text, [ChunkProgram(operations=operations, reference_operations=edits)]


@BOTH
def test_generated_texts_and_programs_end_as_in_the_twin(spark: SparkSession, mode: Mode, compiled: bool) -> None:
    # One Spark job for an example would take minutes: each example is a batch.
    @settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(generated_cases(), min_size=40, max_size=80))
    def agree(cases: list[Case]) -> None:
        assert disagreements(spark, cases, level="chunk", policy=Policy(mode=mode), compiled=compiled) == []

    agree()


@BOTH
@pytest.mark.usefixtures("compiled_plans")
def test_the_reference_cases_end_as_in_the_twin_and_in_reference_mode_as_published(
    spark: SparkSession, reference_cases: list[dict[str, Any]], mode: Mode
) -> None:
    assert len(reference_cases) in (400, 4000)
    cases = [(row["text"], [chunk_program(None, row["program"])]) for row in reference_cases]
    executed = execute_in_jvm(spark, cases, level="chunk", policy=Policy(mode=mode))
    twins = [execute_operations(text, chunks, policy=Policy(mode=mode)) for text, chunks in cases]
    differing = [case for case, jvm, twin in zip(cases, executed, twins, strict=True) if jvm != twin]
    assert differing == []
    if mode == "reference":
        assert [execution.text or "" for execution in executed] == [row["expected"] for row in reference_cases]


def test_the_language_cases_give_what_their_files_say(spark: SparkSession, compiled: bool) -> None:
    groups = defaultdict(list)
    for case in language_cases():
        groups[case.level, case.policy].append(case)
    for (level, policy), cases in groups.items():
        given = [(case.text, [case.chunk()]) for case in cases]
        found = execute_in_jvm(spark, given, level=level, policy=policy, compiled=compiled)
        written = {case.name: case.written(execution) for case, execution in zip(cases, found, strict=True)}
        assert written == {case.name: case.expected for case in cases}


def test_lines_end_at_line_feeds_only_where_java_sees_more_line_ends(spark: SparkSession) -> None:
    text = "one\x85two\u2028three\rfour\x0bfive\x0csix\x1cseven\nthe end\nlast"
    [kept] = execute_in_jvm(
        spark, [(text, [chunk_program(None, "remove_lines(1, 1)")])], level="chunk", policy=Policy()
    )
    assert kept.text == text.replace("the end\n", "")
    java = spark.createDataFrame([(text,)], "text string").select(F.size(F.split("text", r"\R"))).first()[0]
    assert java > len(text.split("\n"))


def test_words_end_at_pythons_whitespace_which_is_not_javas(spark: SparkSession) -> None:
    texts = [f"one{space}two" for space in (*characters(WHITESPACE), "\u200b", "\u180e", "\ufeff", "\x00")]
    frame = spark.createDataFrame(list(enumerate(texts)), "number int, text string")
    java = F.size(F.split("text", r"\s+"))
    rows = frame.select(columns.words("text", mode="reference"), columns.words("text"), java).collect()
    assert [row[0] for row in rows] == [len(text.split()) for text in texts]
    assert [row[1] for row in rows] == [count_words(text) for text in texts]
    differ = [text for text, row in zip(texts, rows, strict=True) if row[0] != row[2]]
    assert {"one\x85two", "one\xa0two", "one\u2028two", "one\x1ctwo", "one\u3000two"} <= set(differ)


def test_every_whitespace_and_every_unspaced_character_counts_as_in_the_twin(
    spark: SparkSession, compiled: bool
) -> None:
    edges = [chr(code) for pair in (*WHITESPACE, *UNSPACED) for end in pair for code in (end - 1, end, end + 1)]
    alphabet = [*edges, *"abcde", *[" "] * len(edges), "\ufdef"]
    chance = random.Random(3)
    texts = ["".join(chance.choices(alphabet, k=chance.choice((0, 1, 5, 60, 400)))) for _ in range(2000)]
    frame = spark.createDataFrame(list(enumerate(texts)), "number int, text string")
    counted = columns.words("text", compiled=compiled).alias("words")
    rows = frame.select("number", counted, columns.words("text", mode="reference", compiled=compiled)).collect()
    for number, words, split in rows:
        assert (words, split) == (count_words(texts[number]), len(texts[number].split())), texts[number]


@pytest.fixture(params=[("true", "true"), ("true", "false"), ("false", "true"), ("false", "false")])
def parser_settings(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[None]:
    """Switch ANSI mode and escaped string literals, and put back what was set before."""
    names = ("spark.sql.ansi.enabled", "spark.sql.parser.escapedStringLiterals")
    before = [str(spark.conf.get(name)) for name in names]
    for name, value in zip(names, request.param, strict=True):
        spark.conf.set(name, value)
    yield
    for name, value in zip(names, before, strict=True):
        spark.conf.set(name, value)


@pytest.mark.usefixtures("parser_settings")
def test_no_setting_of_the_parser_changes_a_result(spark: SparkSession) -> None:
    cases = random_cases(seed=9, count=150)
    for policy in POLICIES[:2]:
        assert disagreements(spark, cases, level="chunk", policy=policy) == []


@BOTH
@pytest.mark.parametrize("level", ["chunk", "document"])
def test_a_null_text_gives_nulls_and_null_programs_do_nothing(
    spark: SparkSession, mode: Mode, level: Level, compiled: bool
) -> None:
    text = "one two three four five six seven eight nine ten eleven"
    empty = dict.fromkeys(schema.CHUNK.names)
    hollow = empty | {"ops": [None, (None,) * 5], "reference_ops": [None, (None,) * 5], "completion": "keep_doc()"}
    rows = [
        (0, None, []),
        (1, None, None),
        (2, text, None),
        (3, text, []),
        (4, text, [None]),
        (5, text, [empty]),
        (6, text, [hollow]),
    ]
    execution = columns.execute("text", "chunks", level=level, policy=Policy(mode=mode), compiled=compiled)
    frame = spark.createDataFrame(rows, CASES).select("number", execution.alias("made"))
    made = {row.number: row.made for row in frame.collect()}
    for number in (0, 1):
        assert made[number].asDict() == dict.fromkeys(made[number].asDict())
    for number in (2, 3, 4, 5, 6):
        assert (made[number].text, made[number].outcome) == (text, "kept")
        assert (made[number].words_before, made[number].words_after) == (11, 11)
    assert all(fate.status == "rejected" for fate in made[6].ops if mode == "strict")


def test_the_result_has_the_types_of_the_tables(spark: SparkSession, compiled: bool) -> None:
    frame = spark.createDataFrame([], CASES)
    for level in ("chunk", "document"):
        for mode in ("strict", "reference"):
            policy = Policy(mode=mode)
            execution = columns.execute("text", "chunks", level=level, policy=policy, compiled=compiled)
            made = frame.select(execution.alias("x"))
            fields = {field.name: field.dataType.simpleString() for field in made.select("x.*").schema}
            assert fields == {name: schema.CORPUS[name].dataType.simpleString() for name in fields}
            assert list(fields) == ["text", "outcome", "reason", "ops", "words_before", "words_after"]


@BOTH
def test_only_functions_that_spark_4_0_has_are_used(spark: SparkSession, mode: Mode) -> None:
    for level in ("chunk", "document"):
        text = columns.execution_sql(level, Policy(mode=mode))
        names = set(re.findall(r"\b([a-z_0-9]+)\(", text)) - {"in", "and", "or"}
        assert {"transform", "named_struct"} <= names
        for name in names:
            described = spark.sql(f"DESCRIBE FUNCTION EXTENDED {name}").collect()
            since = re.search(r"Since: (\d+)\.(\d+)", "\n".join(row[0] for row in described))
            assert since is not None, name
            assert (int(since[1]), int(since[2])) <= (4, 0), name


def test_a_program_that_edits_nothing_splits_nothing_and_searches_nothing(spark: SparkSession) -> None:
    """A text that is only kept is read once, to count its words: its line ends are never looked for."""
    cases = [("line\n" * 5, [chunk_program(None, "keep_doc()")])]
    [execution] = execute_in_jvm(spark, cases, level="chunk", policy=Policy())
    assert (execution.outcome, execution.words_after) == ("kept", 5)
    assert columns.execution_sql("document", Policy()).count("split(") == 0


@pytest.mark.parametrize(
    "text",
    [
        "a" * 400_000,
        "a " * 200_000,
        "中" * 200_000,
        "a中 " * 100_000,
        "\n" * 400_000,
        "\u00a0a" * 100_000,
        " " * 400_000,
    ],
)
def test_time_is_linear_in_hostile_texts(spark: SparkSession, text: str, compiled: bool) -> None:
    lines = text.count("\n") + 1
    program = "\n".join(f"remove_lines({line}, {line})" for line in range(0, min(lines, 600), 2))
    cases = [(text, [chunk_program(None, program + '\nnormalize("aa")\nnormalize("中")')])]
    started = time.perf_counter()
    policy = Policy(max_rejected_share=1.0)
    assert disagreements(spark, cases, level="chunk", policy=policy, compiled=compiled) == []
    assert time.perf_counter() - started < 30


def test_a_replacement_that_would_fill_the_memory_is_left_out(spark: SparkSession) -> None:
    bomb = Operation("normalize", source="a", target="a" * 16)
    text = "a " * 1000
    cases = [(text, [ChunkProgram(reference_operations=(bomb,) * 6)])]
    assert disagreements(spark, cases, level="chunk", policy=Policy(mode="reference")) == []


@BOTH
def test_apply_program_executes_operations_for_the_whole_document(spark: SparkSession, mode: Mode) -> None:
    text = "\n".join(f"line {number} of the text with more words" for number in range(6))
    operations = (Operation("remove_lines", 1, 2), Operation("normalize", source="more words", target="words"))
    program = ChunkProgram(operations=operations, reference_operations=operations)
    expected = execute_operations(text, [program], policy=Policy(mode=mode)).text
    given = F.array(
        *(F.struct(*(F.lit(getattr(one, name)).alias(name) for name in schema.OPERATION.names)) for one in operations)
    )
    made = (
        spark.createDataFrame([(text,)], "text string")
        .select(columns.apply_program("text", given, mode=mode))
        .first()[0]
    )
    assert made == expected
    assert made is not None and "line 1" not in made


def test_apply_program_reads_fields_by_name_and_keeps_operations_in_their_scope(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("a b\nc d\ne f",)], "text string")
    one = "named_struct('line_end', 2L, 'line_start', 1L, 'op', 'remove_lines')"
    lines = "'line_start', 0, 'line_end', 9, 'scope_start', 0, 'scope_end', 1"
    scoped = f"named_struct('op', 'remove_lines', {lines}, 'status', {{}})"
    drop = "named_struct('op', 'drop_doc')"
    for ops, expected in (
        (f"array({one})", "a b"),
        (f"array({scoped.format(literal('applied'))})", "e f"),
        (f"array({scoped.format(literal('rejected'))})", "a b\nc d\ne f"),
        (f"array({drop})", None),
        ("NULL", "a b\nc d\ne f"),
    ):
        assert frame.select(columns.apply_program("text", F.expr(ops))).first()[0] == expected


def test_executing_the_fates_of_an_execution_again_gives_its_text(spark: SparkSession) -> None:
    policy = Policy(max_rejected_share=1.0)
    cases = random_cases(seed=21, count=600)
    execution = columns.execute("text", "chunks", policy=policy)
    rows = [(number, text, [chunk_row(one) for one in chunks]) for number, (text, chunks) in enumerate(cases)]
    made = spark.createDataFrame(rows, CASES).select("text", execution.alias("made")).localCheckpoint()
    again = made.select(
        "made.text", columns.apply_program("text", "made.ops", policy=policy).alias("again"), "made.reason"
    )
    for row in again.where("reason IS NULL OR reason = 'drop_doc'").collect():
        assert row.text == row.again


def test_a_literal_is_the_same_string_under_every_setting(spark: SparkSession) -> None:
    for value in ("plain", "it's", "back\\slash", "\n", "\x00", "\ufdd0", "🙂", ""):
        for setting in ("true", "false"):
            spark.conf.set("spark.sql.parser.escapedStringLiterals", setting)
            assert spark.range(1).select(F.expr(literal(value))).first()[0] == value
    spark.conf.unset("spark.sql.parser.escapedStringLiterals")


def test_results_do_not_depend_on_neighbours_in_the_same_job(spark: SparkSession) -> None:
    cases = random_cases(seed=30, count=40)
    execution = columns.execute("text", "chunks")
    together = run(spark, cases, execution)
    assert [row for case in cases[:5] for row in run(spark, [case], execution)] == together[:5]
