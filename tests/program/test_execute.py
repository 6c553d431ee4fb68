"""Strict execution: scopes, contradictions, the budget, the policy, and what holds for every text and program."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_spark.chunks import WordTokenizer, chunk
from prox_spark.program import (
    ChunkProgram,
    Execution,
    Level,
    Mode,
    Operation,
    Policy,
    count_words,
    execute,
    execute_operations,
)

TEXT = "\n".join(["Home | About", "The river rises.", "It floods in March.", "Share", "Contact us", "The end."])
LINES = TEXT.split("\n")


def chunks(*programs: tuple[int, int, str]) -> list[Any]:
    class Part:
        def __init__(self, index: int, start: int, end: int) -> None:
            self.index, self.line_start, self.line_end = index, start, end

    return [(Part(index, start, end), written) for index, (start, end, written) in enumerate(programs)]


def fates(execution: Execution) -> list[tuple[str, str | None, int | None, int | None]]:
    return [(fate.status, fate.reason, fate.found, fate.words_removed) for fate in execution.operations]


def test_programs_of_chunks_act_on_their_own_lines_only() -> None:
    execution = execute(
        TEXT,
        chunks((0, 2, 'normalize("The ", "")\nremove_lines(0, 0)'), (3, 5, "remove_lines(3, 4)\nremove_lines(0, 0)")),
    )
    assert execution.text == "river rises.\nIt floods in March.\nThe end."
    assert fates(execution) == [
        ("applied", None, 1, 1),
        ("applied", None, 1, 3),
        ("applied", None, 2, 3),
        ("rejected", "outside_chunk", 0, 0),
    ]
    assert [fate.chunk_index for fate in execution.operations] == [0, 0, 1, 1]
    assert [(fate.scope_start, fate.scope_end) for fate in execution.operations] == [(0, 2), (0, 2), (3, 5), (3, 5)]


def test_lines_that_no_chunk_covers_stay() -> None:
    assert execute(TEXT, chunks((3, 4, "remove_lines(3, 4)"))).text == "\n".join([*LINES[:3], LINES[5]])


def test_overlapping_ranges_remove_each_line_once() -> None:
    execution = execute(TEXT, "remove_lines(0, 2)\nremove_lines(1, 3)")
    assert execution.text == "Contact us\nThe end."
    assert [fate.found for fate in execution.operations] == [3, 3]


def test_line_numbers_are_those_before_any_removal() -> None:
    assert execute(TEXT, "remove_lines(0, 0)\nremove_lines(1, 1)").text == "\n".join(LINES[2:])


def test_replacements_never_change_the_line_structure() -> None:
    assert execute("a b\nShare\n\nc", 'normalize("Share", "")\nremove_lines(3, 3)').text == "a b\n\n"


def test_the_budget_leaves_one_chunk_as_it_was_and_the_others_edited() -> None:
    execution = execute(TEXT, chunks((0, 2, "remove_lines(0, 0)\nprose\nmore prose"), (3, 5, "remove_lines(3, 4)")))
    assert execution.text == "\n".join([*LINES[:3], LINES[5]])
    assert fates(execution)[0] == ("rejected", "mostly_rejected", 0, 0)


def test_half_wrong_is_within_the_budget() -> None:
    assert execute(TEXT, "remove_lines(0, 0)\nprose").text == "\n".join(LINES[1:])


def test_the_budget_is_a_matter_of_policy() -> None:
    program = "remove_lines(0, 0)\nprose\nprose\nprose"
    assert execute(TEXT, program, policy=Policy(max_rejected_share=1.0)).outcome == "edited"
    assert execute(TEXT, "remove_lines(0, 0)\nprose", policy=Policy(max_rejected_share=0.0)).outcome == "kept"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("keep_chunk()\nremove_lines(0, 0)\nkeep_doc()", [None, "contradiction", None]),
        ("drop_doc()\nkeep_chunk()", ["contradiction", None]),
        ('drop_doc()\nnormalize("zzz")', ["mostly_rejected", "mostly_rejected"]),
        ("keep_chunk()\nkeep_all()", [None, None]),
    ],
)
def test_of_contradicting_operations_the_milder_wins(program: str, expected: list[str | None]) -> None:
    execution = execute(TEXT, program)
    if "mostly_rejected" in expected:
        expected = ["contradiction", "not_found"]
    assert [fate.reason for fate in execution.operations] == expected
    assert execution.text == TEXT


def test_a_document_verdict_in_a_chunk_is_refused_and_keeps_its_edits() -> None:
    execution = execute(TEXT, chunks((0, 5, "drop_doc()\nremove_lines(0, 0)")))
    assert fates(execution) == [("rejected", "wrong_level", 0, 0), ("applied", None, 1, 3)]


def test_typed_operations_that_no_parser_gives_are_refused() -> None:
    operations = (
        Operation("remove_lines"),
        Operation("remove_lines", line_start=3, line_end=1),
        Operation("remove_lines", line_start=-1, line_end=1),
        Operation("normalize"),
    )
    execution = execute_operations(TEXT, [ChunkProgram(operations=operations)])
    assert [fate.reason for fate in execution.operations] == ["outside_chunk"] * 3 + ["blank_source"]


def test_a_scope_behind_the_text_does_nothing() -> None:
    program = ChunkProgram(0, 7, 9, operations=(Operation("remove_lines", 7, 8), Operation("normalize", source="end")))
    execution = execute_operations(TEXT, [program])
    assert execution.text == TEXT
    assert [fate.reason for fate in execution.operations] == ["outside_chunk", "not_found"]


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Policy(min_words=3), "too_few_words"),
        (Policy(min_words=2), None),
        (Policy(min_kept_share=0.2), "too_little_kept"),
        (Policy(min_kept_share=2 / 15), None),
    ],
)
def test_thresholds_are_policy(policy: Policy, reason: str | None) -> None:
    execution = execute(TEXT, "remove_lines(0, 4)", policy=policy)
    assert (execution.words_before, execution.reason) == (15, reason)
    assert (execution.text is None) == (reason is not None)
    assert execution.words_after == (0 if reason else 2)


def test_policy_limits_of_replacements_hold() -> None:
    assert execute("ab ab ab", 'normalize("ab")', policy=Policy(max_matches=2)).outcome == "kept"
    assert execute("x y z w", 'normalize("x")', policy=Policy(min_source_chars=1)).text == " y z w"
    assert execute("ab cd", 'normalize("ab", "abcd")', policy=Policy(max_growth=2.0)).text == "abcd cd"


def test_removing_everything_is_nothing_left() -> None:
    assert (execute("a\n b", "remove_lines(0, 1)").text, execute("a\n \u3000", "remove_lines(0, 0)").text) == (
        None,
        None,
    )
    assert execute("a", "remove_lines(0, 0)").reason == "nothing_left"


def test_an_empty_text_is_kept() -> None:
    for mode in ("strict", "reference"):
        for program in ("", "keep_chunk()", "remove_lines(5, 9)"):
            assert execute("", program, mode=mode).outcome == "kept"


def test_a_document_answer_ignores_thresholds_and_prose() -> None:
    execution = execute(TEXT, "I think:\nkeep_chunk()", level="document", policy=Policy(min_words=1000))
    assert (execution.outcome, execution.reason, execution.words_after) == ("kept", None, 15)


def test_the_mode_is_the_argument_or_the_policy() -> None:
    program = "remove_lines(all=True)"
    assert execute(TEXT, program).outcome == "kept"
    assert execute(TEXT, program, mode="reference").outcome == "dropped"
    assert execute(TEXT, program, policy=Policy(mode="reference")).outcome == "dropped"


TEXTS = st.text(st.sampled_from("ab Z\n\r\u3000中é|.\ufdd0\x0c"), max_size=60)
OPERATIONS = st.one_of(
    st.builds(
        Operation,
        st.just("remove_lines"),
        line_start=st.none() | st.integers(-3, 40),
        line_end=st.none() | st.integers(-3, 2**31 - 1),
    ),
    st.builds(
        Operation,
        st.just("normalize"),
        source=st.none() | st.text(st.sampled_from("ab Z\n中é"), max_size=4),
        target=st.none() | st.text(st.sampled_from("ab Z中"), max_size=4),
    ),
    st.builds(Operation, st.sampled_from(["keep_doc", "keep_chunk", "drop_doc"])),
)
POLICIES = st.builds(
    Policy,
    min_source_chars=st.integers(0, 3),
    max_matches=st.integers(0, 4),
    max_growth=st.sampled_from([0.0, 1.0, 3.0]),
    max_rejected_share=st.sampled_from([0.0, 0.5, 1.0]),
)


def programs(text: str, parts: list[tuple[int, list[Operation]]]) -> list[ChunkProgram]:
    """Tile the text's lines with chunks of the given sizes, each with its operations."""
    last, start, tiled = text.count("\n"), 0, []
    for index, (size, operations) in enumerate(parts):
        if start > last:
            break
        end = min(last, start + size)
        tiled.append(ChunkProgram(index, start, end, operations=tuple(operations)))
        start = end + 1
    return tiled


@given(TEXTS, st.lists(st.tuples(st.integers(0, 3), st.lists(OPERATIONS, max_size=6)), max_size=4), POLICIES)
def test_execution_never_raises_and_touches_only_what_was_applied(
    text: str, parts: list[tuple[int, list[Operation]]], policy: Policy
) -> None:
    tiled = programs(text, parts)
    execution = execute_operations(text, tiled, policy=policy)
    fates = execution.operations
    assert [fate.operation for fate in fates] == [op for program in tiled for op in program.operations]
    edits = [f for f in fates if f.status == "applied" and f.operation.op in ("remove_lines", "normalize")]
    if not edits:
        assert execution.text == text
    removed = {
        line
        for fate in edits
        if fate.operation.op == "remove_lines"
        for line in range(fate.operation.line_start or 0, min(fate.operation.line_end or 0, fate.scope_end or 0) + 1)
    }
    changed = {
        line
        for fate in edits
        if fate.operation.op == "normalize"
        for line in range(fate.scope_start or 0, (fate.scope_end or 0) + 1)
    }
    if execution.text is not None:
        survivors = [line for line in range(text.count("\n") + 1) if line not in removed]
        result = execution.text.split("\n") if survivors else []
        assert len(result) == len(survivors)
        for line, written in zip(survivors, result, strict=True):
            if line not in changed:
                assert written == text.split("\n")[line]


@given(st.text(), st.text(), st.sampled_from(["chunk", "document"]), st.sampled_from(["strict", "reference"]))
def test_no_text_and_completion_make_execution_raise(text: str, completion: str, level: Level, mode: Mode) -> None:
    execution = execute(text, completion, level=level, mode=mode)
    assert (execution.text is None) == (execution.outcome == "dropped")


@given(st.text(), st.sampled_from(["keep_doc()", "keep_all()", "keep_chunk()", "untouch_doc()", ""]))
def test_keep_changes_nothing(text: str, program: str) -> None:
    assert execute(text, program).text == text
    parts = chunk(text, WordTokenizer(), max_tokens=5)
    execution = execute(text, [(part, program) for part in parts])
    assert (execution.text, execution.outcome) == (text, "kept")


@given(st.text(), st.text())
def test_words_add_up_over_lines(first: str, second: str) -> None:
    assert count_words(f"{first}\n{second}") == count_words(first) + count_words(second)


def test_a_range_far_beyond_the_text_costs_nothing() -> None:
    for mode in ("strict", "reference"):
        assert execute("a b\n" * 20, "remove_lines(line_start=3, line_end=30000000)", mode=mode).outcome != "failed"
