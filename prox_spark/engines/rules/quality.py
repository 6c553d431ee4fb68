"""The published heuristics for web text: C4's rule for lines, and the rules of C4, Gopher and FineWeb for documents.

Sources, and what is taken from each (thresholds as published):

* C4: Raffel et al. 2020, arXiv 1910.10683, section 2.2, and `c4_utils.py` of tensorflow/datasets for what the paper
  leaves open (5 words a line, 3 sentences a page, the policy phrases, lines that end in "..." are no sentences). The
  filters on a list of bad words, on language and on repeated spans of three sentences are not here: the first needs
  the list, the second a language model, the third the whole corpus.
* Gopher: Rae et al. 2021, arXiv 2112.11446, appendix A.1.1, "quality filtering". Its repetition filters are not here.
* FineWeb: Penedo et al. 2024, arXiv 2406.17557, section 3.6: the three filters chosen there. Their shares of lines were
  chosen on extracted text; on raw pages every menu line counts, so they are the ones that decide. Measured on 1,741
  raw pages: all sets keep 81 % of pages of 2006 and 47 % of 2025, C4 and Gopher alone keep 98 % and 95 %.

Words are split at whitespace (the papers differ in their tokenizers), so punctuation stays on them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prox_spark.config import RuleSet

_END_MARKS = (".", "?", "!", '"')
_END_QUOTES = "\u201d"  # the paper says "an end quotation mark"; the code knows only the straight one
_TERMINAL = (*_END_MARKS, _END_QUOTES)
_POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
_MIN_LINE_WORDS = 5
_MIN_SENTENCES = 3
_MAX_WORD_LENGTH = 1000

_SENTENCE_END = re.compile(r"[.?!][\"'\u201d\u2019)\]]*(?=\s|$)")
_STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
_BULLETS = ("\u2022", "\u2023", "\u25b6", "\u25cf", "\u25aa", "-", "*")
_ELLIPSES = ("...", "\u2026")
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u2018\u2019\u201c\u201d\u2026"


def c4_line(line: str) -> str | None:
    """Say which of C4's rules the line breaks, or None when C4 keeps it.

    >>> c4_line("Home | About us"), c4_line("This site uses cookies to know you."), c4_line("It rained all day long.")
    ('c4_no_end_mark', 'c4_policy', None)
    """
    line = line.strip()
    words = line.split()
    if any(len(word) > _MAX_WORD_LENGTH for word in words):
        return "c4_long_word"
    if not line.endswith(_TERMINAL) or line.endswith("..."):
        return "c4_no_end_mark"
    if len(words) < _MIN_LINE_WORDS:
        return "c4_few_words"
    lower = line.lower()
    if "javascript" in lower:
        return "c4_javascript"
    return "c4_policy" if any(phrase in lower for phrase in _POLICY) else None


@dataclass(frozen=True)
class Page:
    """Measure one document; every number is computed when first asked for."""

    text: str

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not blank, stripped."""
        return [line.strip() for line in self.text.split("\n") if line.strip()]

    @cached_property
    def words(self) -> list[str]:
        """The words, split at whitespace."""
        return self.text.split()

    @cached_property
    def bare_words(self) -> list[str]:
        """The words without the punctuation around them; words that are nothing else are left out."""
        return [bare for word in self.words if (bare := word.strip(_PUNCTUATION))]

    @cached_property
    def c4_lines(self) -> list[str]:
        """The lines that C4 would keep."""
        return [line for line in self.lines if c4_line(line) is None]

    @property
    def sentences(self) -> int:
        """Count the sentences of the lines that C4 would keep, each at least one."""
        return sum(max(1, len(_SENTENCE_END.findall(line))) for line in self.c4_lines)

    @property
    def mean_word_length(self) -> float:
        """The mean number of characters of a word without its punctuation."""
        return _share(sum(map(len, self.bare_words)), len(self.bare_words))

    @property
    def ellipses(self) -> int:
        """Count ellipses, in either spelling."""
        return sum(self.text.count(mark) for mark in _ELLIPSES)

    def share_of_lines(self, wanted: Callable[[str], bool]) -> float:
        """The share of non-blank lines for which `wanted` holds."""
        return _share(sum(map(wanted, self.lines)), len(self.lines))

    @property
    def alphabetic_share(self) -> float:
        """The share of words with at least one letter."""
        return _share(sum(any(map(str.isalpha, word)) for word in self.words), len(self.words))

    @property
    def stop_words(self) -> int:
        """Count which of Gopher's eight stop words occur at all."""
        return len(_STOP_WORDS.intersection(word.lower() for word in self.bare_words))

    @property
    def duplicate_share(self) -> float:
        """The share of characters that stand in lines seen before."""
        seen = Counter(self.lines)
        return _share(sum((n - 1) * len(line) for line, n in seen.items()), sum(map(len, self.lines)))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _bulleted(line: str) -> bool:
    return line.startswith(_BULLETS)


def _trails_off(line: str) -> bool:
    return line.endswith(_ELLIPSES)


def _punctuated(line: str) -> bool:
    return line.endswith(_TERMINAL)


def _short(line: str) -> bool:
    return len(line) < 30


DOCUMENT_RULES: dict[str, tuple[RuleSet, Callable[[Page], bool]]] = {
    "gopher_short": ("gopher", lambda page: len(page.bare_words) < 50),
    "gopher_long": ("gopher", lambda page: len(page.bare_words) > 100_000),
    "gopher_short_words": ("gopher", lambda page: page.mean_word_length < 3),
    "gopher_long_words": ("gopher", lambda page: page.mean_word_length > 10),
    "gopher_hashes": ("gopher", lambda page: page.text.count("#") > 0.1 * len(page.words)),
    "gopher_ellipses": ("gopher", lambda page: page.ellipses > 0.1 * len(page.words)),
    "gopher_bullets": ("gopher", lambda page: page.share_of_lines(_bulleted) > 0.9),
    "gopher_ellipsis_lines": ("gopher", lambda page: page.share_of_lines(_trails_off) > 0.3),
    "gopher_not_alphabetic": ("gopher", lambda page: page.alphabetic_share < 0.8),
    "gopher_stop_words": ("gopher", lambda page: page.stop_words < 2),
    "c4_lorem_ipsum": ("c4", lambda page: any("lorem ipsum" in line.lower() for line in page.c4_lines)),
    "c4_curly_bracket": ("c4", lambda page: any("{" in line for line in page.c4_lines)),
    "c4_few_sentences": ("c4", lambda page: page.sentences < _MIN_SENTENCES),
    "fineweb_punctuation": ("fineweb", lambda page: page.share_of_lines(_punctuated) <= 0.12),
    "fineweb_duplicates": ("fineweb", lambda page: page.duplicate_share >= 0.1),
    "fineweb_short_lines": ("fineweb", lambda page: page.share_of_lines(_short) >= 0.67),
}
"""Name of a rule to its set and the condition under which the document is dropped; asked in this order."""


def broken_rules(text: str, rule_sets: Iterable[RuleSet]) -> list[str]:
    """Name the rules of these sets that speak for dropping the document, in order.

    >>> broken_rules("Too short.", ["gopher"])
    ['gopher_short', 'gopher_stop_words']
    """
    page, chosen = Page(text), frozenset(rule_sets)
    return [name for name, (rule_set, breaks) in DOCUMENT_RULES.items() if rule_set in chosen and breaks(page)]
