"""The page of the demo that the language model refines, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prox_spark import profiles
from prox_spark.demo.line import DATA
from prox_spark.demo.llama import NumpyLlama
from prox_spark.demo.second import write
from prox_spark.evaluation import judge, read, summarise
from prox_spark.program import execute, parse

MODEL = Path(__file__).parents[2] / "prox_spark" / "models" / "tiny-lm"
GOLD = Path(__file__).parents[2] / "notebooks" / "gold.parquet"


def test_it_refines_pages_that_people_have_labelled() -> None:
    pages = list(read(GOLD))[:8]
    scores = summarise(judge(pages, NumpyLlama(MODEL), profiles.find("tiny-lm-chunk")))
    assert scores.kept_f1.value > 0.8 and scores.removed_f1.value > 0.6
    assert scores.parsed == 1.0


def test_what_is_shown_of_it_is_its_program_and_what_that_leaves() -> None:
    page = next(read(GOLD))
    text = "\n".join(page.lines)
    written = write("https://example.org", text)
    assert written.program.count("\n") == len(page.lines) and not parse(written.program).problems
    assert written.after == execute(text, written.program).text
    assert written.document == "keep_doc()"
    assert written.chunks >= 1 and written.seconds > 0


def test_most_pages_are_kept_and_what_is_boilerplate_on_them_would_be_dropped() -> None:
    engine, profile = NumpyLlama(MODEL), profiles.find("tiny-doc")
    said: dict[str, list[str]] = {"page": [], "boilerplate": []}
    for page in list(read(GOLD))[:20]:
        boilerplate = [line for line, keep in zip(page.lines, page.keep, strict=True) if not keep]
        for kind, lines in (("page", page.lines), ("boilerplate", boilerplate)):
            [(_, prompt)] = profiles.prompts(profile, "\n".join(lines), engine.tokenizer)
            assert prompt is not None and prompt.token_ids is not None and len(prompt.token_ids) <= 900
            said[kind].append(engine.generate([prompt])[0].text)
    assert said["page"].count("keep_doc()") >= 15 and said["boilerplate"].count("drop_doc()") >= 12


def test_it_needs_no_torch() -> None:
    code = "from prox_spark.demo.second import write; import sys; write('x', 'Home'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_real_pages_get_a_verdict_for_each_line_within_the_grammar() -> None:
    llguidance = pytest.importorskip("llguidance")
    guide = llguidance.LLTokenizer("byte")
    engine, profile = NumpyLlama(MODEL), profiles.find("tiny-lm-chunk", constrain=True)
    [path] = (DATA / "fineweb").rglob("*.parquet")
    for text in pq.read_table(path, columns=["text"]).column("text").to_pylist()[:4]:
        for chunk, prompt in profiles.prompts(profile, text, engine.tokenizer):
            assert prompt is not None
            program = engine.generate([prompt])[0].text
            assert program.count("\n") == chunk.line_end - chunk.line_start + 1
            matcher = llguidance.LLMatcher(guide, prompt.grammar)
            assert matcher.consume_tokens(list(program.encode())) and matcher.is_accepting()
