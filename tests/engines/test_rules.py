"""The rules engine writes programs that parse and say what C4 would."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_spark.engines import Prompt, RulesEngine
from prox_spark.engines.rules import c4_line, chunk_program, document_program
from prox_spark.program import parse

SENTENCE = "It rained all day long, and the river rose over its banks."


def numbered(*lines: str, first: int = 0) -> str:
    return "\n".join(f"[{number:03d}]{line}" for number, line in enumerate(lines, start=first))


def removed(program: str) -> list[int]:
    operations = parse(program).operations
    return [
        line
        for op in operations
        if op.op == "remove_lines" and op.line_start is not None and op.line_end is not None
        for line in range(op.line_start, op.line_end + 1)
    ]


def test_a_chunk_of_sentences_is_kept() -> None:
    assert chunk_program(numbered(SENTENCE, SENTENCE)) == "keep_chunk()"


def test_menus_around_a_sentence_are_removed_by_the_numbers_in_the_prompt() -> None:
    prompt = numbered("Home", "About us", SENTENCE, "Copyright 2020", first=998)
    assert chunk_program(prompt) == "remove_lines(start=998, end=999)\nremove_lines(start=1001, end=1001)"


@pytest.mark.parametrize(
    "line",
    [
        "A heading without an end mark",
        "Read more about it on the next page...",
        "Too few words.",
        "Please enable JavaScript to read this page.",
        "This site uses cookies to know who you are.",
        "By going on you agree to our Terms of Use.",
        "Lorem ipsum dolor sit amet consectetur.",
        "function f() { return 1 and nothing else at all.",
        "See " + "x" * 1001 + " for all of the rest.",
    ],
)
def test_a_line_that_c4_drops_is_removed(line: str) -> None:
    assert removed(chunk_program(numbered(SENTENCE, line, SENTENCE))) == [1]


@pytest.mark.parametrize(
    "line",
    [SENTENCE, 'She said "it rained all day long."', "\u201cIt rained all day long\u201d", "Did it rain all day?"],
)
def test_a_line_that_c4_keeps_is_kept(line: str) -> None:
    assert removed(chunk_program(numbered(line))) == []


def test_blank_lines_between_paragraphs_stay_and_after_removed_lines_go() -> None:
    assert removed(chunk_program(numbered(SENTENCE, "", SENTENCE, "Menu", "", "", SENTENCE))) == [3, 4, 5]


def test_citations_and_edit_marks_are_normalized() -> None:
    program = chunk_program(numbered("It rained all day long.[12][3]", "History[edit] is what it rained all day."))
    sources = [op.source for op in parse(program).operations]
    assert sources == ["[12]", "[3]", "[edit]"]


def test_array_indexes_and_list_labels_are_not_citations() -> None:
    assert chunk_program(numbered("We then set a[1] to the sum of both.")) == "keep_chunk()"
    assert chunk_program(numbered("(x)[2] It rained all day.[1]", "[1] Smith says it rained all day.")) == (
        'normalize(source_str="[2]", target_str="")'
    )


def test_wrapper_lines_of_a_prompt_are_not_lines_of_the_document() -> None:
    prompt = "[doc]\n" + numbered("Home", SENTENCE) + "\n[/doc]"
    assert removed(chunk_program(prompt)) == [0]


def test_a_number_inside_a_line_does_not_move_the_numbering() -> None:
    assert removed(chunk_program(numbered(SENTENCE, f"[000]{SENTENCE}", "[001] menu"))) == [2]


@given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=80), min_size=1, max_size=30))
def test_every_chunk_program_parses_and_stays_in_its_lines(lines: list[str]) -> None:
    program = chunk_program(numbered(*lines, first=5))
    assert parse(program).problems == ()
    for line in removed(program):
        assert 5 <= line < 5 + len(lines)


@given(st.text(max_size=400))
def test_every_document_program_is_a_verdict(text: str) -> None:
    program = parse(document_program(text, ["c4", "gopher", "fineweb"]))
    assert program.problems == ()
    assert [op.op for op in program.operations] in (["keep_doc"], ["drop_doc"])


def test_a_dropped_document_says_which_rule_it_broke() -> None:
    assert document_program("Home\nAbout us", ["gopher"]) == "drop_doc()  # gopher_short"
    assert document_program("\n".join([SENTENCE] * 2), ["c4"]) == "drop_doc()  # c4_few_sentences"
    assert document_program("\n".join([SENTENCE] * 3), ["c4"]) == "keep_doc()"


def test_only_the_chosen_rule_sets_count() -> None:
    page = "\n".join([SENTENCE] * 6)  # every line but the first is a duplicate
    assert document_program(page, ["c4", "gopher"]) == "keep_doc()"
    assert document_program(page, ["fineweb"]) == "drop_doc()  # fineweb_duplicates"


def test_the_level_of_the_prompt_decides_what_is_answered() -> None:
    text = numbered("Home", SENTENCE)
    chunk, document = RulesEngine().generate([Prompt(text), Prompt(text, level="document")])
    assert chunk.text == "remove_lines(start=0, end=0)"
    assert document.text.startswith("drop_doc()")


@pytest.mark.parametrize("line", ["[1]" * 300_000, "." * 1_000_000, '."' * 500_000, "a " * 500_000, "\u2026" * 900_000])
def test_a_line_of_a_megabyte_takes_no_longer_than_its_length(line: str) -> None:
    start = time.process_time()
    RulesEngine().generate([Prompt(f"[000]{line}"), Prompt(line, level="document")])
    assert time.process_time() - start < 10


def test_real_pages_lose_the_lines_that_the_readme_of_the_data_says(shared: Path) -> None:
    table = pq.read_table(shared / "web_lines_dev.parquet", columns=["text", "keep"]).slice(0, 100)
    agree = total = 0
    for page in table.to_pylist():
        lines = page["text"].split("\n")
        gone = set(removed(chunk_program(numbered(*lines))))
        total += len(lines)
        agree += sum((number not in gone) == keep for number, keep in enumerate(page["keep"]))
    assert agree / total > 0.88  # these are news pages, where C4's rule is near its ceiling


def test_raw_pages_are_neither_all_kept_nor_all_dropped(shared: Path) -> None:
    texts = pq.read_table(shared / "web_lines_train.parquet", columns=["text"]).column(0).to_pylist()[::8]
    engine = RulesEngine()
    programs = [c.text for c in engine.generate([Prompt(text, level="document") for text in texts])]
    kept = programs.count("keep_doc()") / len(programs)
    assert 0.4 < kept < 0.8
    names = {re.sub(r".*# ", "", program) for program in programs} - {"keep_doc()"}
    assert {name.partition("_")[0] for name in names} == {"c4", "gopher", "fineweb"}


def test_documents_that_people_keep_are_kept_more_often(shared: Path) -> None:
    rows = pq.read_table(shared / "doc_quality_dev.parquet", columns=["text", "keep_doc"]).to_pylist()
    kept: dict[bool, list[bool]] = {True: [], False: []}
    for row in rows:
        kept[row["keep_doc"]].append(document_program(row["text"], ["c4", "gopher", "fineweb"]) == "keep_doc()")
    assert sum(kept[True]) / len(kept[True]) > 0.85
    assert sum(kept[False]) / len(kept[False]) < 0.65


def test_c4_judges_a_line_without_its_surrounding_blanks() -> None:
    assert c4_line(f"  {SENTENCE}\r") is None
