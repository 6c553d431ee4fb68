"""The rules engine: the published heuristics answer prompts with programs, as a model would; the baseline to beat.

A document prompt is answered `keep_doc()`, or `drop_doc()` with the first broken rule as a comment. A chunk prompt is
answered with C4's rule for lines: `remove_lines` for every run of lines that C4 drops, headings included, and
`normalize` for the marks of edited pages. C4's two rules that drop a whole page for one line (a curly bracket, lorem
ipsum) drop that line here, as a chunk cannot drop its document. Two things differ from C4 and keep the paragraphs
of a page: a blank line goes only when it follows a line that goes, and a citation such as [12] goes only where it
cannot be code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prox_spark.chunks import WordTokenizer
from prox_spark.engines.rules.quality import broken_rules, c4_line
from prox_spark.engines.seam import Completion, Prompt
from prox_spark.program.operations import Operation
from prox_spark.program.ranges import numbered_lines, runs
from prox_spark.program.write import write_chunk

if TYPE_CHECKING:
    from prox_spark.config import RuleSet

RULES_VERSION = 1
"""Part of the fingerprint: raise it with every change of what the rules answer."""

_CITATION = re.compile(r"\[(?:[0-9]{1,3}|edit|citation needed)\]")
_CITED = '.,;:!?"\u201d)'


class RulesEngine:
    """The rules as an engine; needs no model, no GPU and no file."""

    def __init__(self, rule_sets: Sequence[RuleSet] = ("c4", "gopher", "fineweb")) -> None:
        """Take the sets whose document rules count; the rule for lines is C4's in any case."""
        self._rule_sets = tuple(rule_sets)
        self._tokenizer = WordTokenizer()

    @property
    def tokenizer(self) -> WordTokenizer:
        """Count words, as there is no model."""
        return self._tokenizer

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt; the answers are never cut, as they cost nothing."""
        programs = [self._program(prompt) for prompt in prompts]
        read = self._tokenizer.count([prompt.text for prompt in prompts])
        written = self._tokenizer.count(programs)
        return [
            Completion(program, "stop", prompt_tokens, output_tokens)
            for program, prompt_tokens, output_tokens in zip(programs, read, written, strict=True)
        ]

    def close(self) -> None:
        """Do nothing: rules hold nothing."""

    def _program(self, prompt: Prompt) -> str:
        if prompt.level == "document":
            return document_program(prompt.text, self._rule_sets)
        return chunk_program(prompt.text)


def document_program(text: str, rule_sets: Sequence[RuleSet]) -> str:
    """Write the program for a document.

    >>> document_program("Too short.", ["gopher"])
    'drop_doc()  # gopher_short'
    """
    broken = broken_rules(text, rule_sets)
    return f"drop_doc()  # {broken[0]}" if broken else "keep_doc()"


def chunk_program(prompt: str) -> str:
    r"""Write the program for a chunk of numbered lines.

    >>> chunk_program("[007]Home\n[008]About us\n[009]It rained all day long.[2]")
    'remove_lines(start=7, end=8)\nnormalize(source_str="[2]", target_str="")'
    """
    lines = list(numbered_lines(prompt))
    texts = [text for _, text in lines]
    goes = _removed(texts)
    ranges = runs(number for (number, _), gone in zip(lines, goes, strict=True) if gone)
    kept = [text for text, gone in zip(texts, goes, strict=True) if not gone]
    removals = [Operation("remove_lines", start, end) for start, end in ranges]
    return write_chunk([*removals, *(Operation("normalize", source=mark, target="") for mark in _marks(texts, kept))])


def _removed(texts: Sequence[str]) -> list[bool]:
    """Say for each line whether it goes; a blank line shares the fate of the line before it."""
    fates: list[bool] = []
    for text in texts:
        if text.strip():
            fates.append(_breaks_a_rule(text))
        else:
            fates.append(bool(fates) and fates[-1])
    return fates


def _breaks_a_rule(text: str) -> bool:
    bare = _CITATION.sub("", text)
    return c4_line(bare) is not None or "{" in bare or "lorem ipsum" in bare.lower()


def _marks(texts: Sequence[str], kept: Sequence[str]) -> list[str]:
    """Find the citation marks in the kept lines, in the order in which they first stand there.

    `normalize` changes every place in the chunk, so a number in brackets is taken only if each place where it stands
    is right behind punctuation, as citations are and array indexes (`a[1]`) and list labels (`[1] Smith`) are not.
    """
    marks = dict.fromkeys(mark for text in kept for mark in _CITATION.findall(text))
    unsafe = {mark for text in texts for mark in _not_citations(text)}
    return [mark for mark in marks if mark not in unsafe]


def _not_citations(text: str) -> Iterator[str]:
    """Find numbers in brackets that stand neither behind punctuation nor behind such a citation."""
    end_of_last = -1
    for match in _CITATION.finditer(text):
        start = match.start()
        if not match[0][1].isdigit() or start == end_of_last or (start > 0 and text[start - 1] in _CITED):
            end_of_last = match.end()
        else:
            yield match[0]
