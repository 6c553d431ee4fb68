"""The printer is the inverse of the parser, whatever the strings hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prox_spark.program import Operation, parse
from prox_spark.program.operations import MAX_LINE
from prox_spark.program.stored import operation, read
from prox_spark.program.write import write, write_chunk

HOSTILE = st.text(alphabet="\"'\\,;()=# \t\n\r\x00\x0b\x1b\x85\u2028\ufdd0ntux01a中", max_size=24)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))  # half of a surrogate pair is no text
STRINGS = HOSTILE | ANY_TEXT | st.sampled_from(['", target_str="', '")', "```", "keep_doc()", "\\", "\\u0041", '\\"'])

VERDICTS = st.sampled_from([Operation("keep_doc"), Operation("drop_doc"), Operation("keep_chunk")])
REMOVALS = st.tuples(st.integers(0, MAX_LINE), st.integers(0, MAX_LINE)).map(
    lambda lines: Operation("remove_lines", min(lines), max(lines))
)
REPLACEMENTS = st.builds(Operation, st.just("normalize"), source=STRINGS, target=STRINGS)
OPERATIONS = st.lists(VERDICTS | REMOVALS | REPLACEMENTS, min_size=1)


@given(OPERATIONS)
def test_what_is_written_is_read_back_and_stands_on_a_line_of_its_own(operations: list[Operation]) -> None:
    program = parse(write_chunk(operations))
    assert program.operations == tuple(operations)
    assert program.problems == ()
    assert [parse(write(item)).operations for item in operations] == [(item,) for item in operations]


@given(OPERATIONS)
def test_what_is_stored_of_a_completion_gives_its_operations_again(operations: list[Operation]) -> None:
    columns = read(write_chunk(operations)).columns()
    assert [operation(row) for row in columns["ops"]] == operations


def test_what_only_the_published_parser_reads_is_read_back_by_it() -> None:
    for removal in (Operation("remove_lines"), Operation("remove_lines", -3, 5), Operation("remove_lines", 7, 2)):
        assert parse(write(removal), mode="reference").operations == (removal,)
