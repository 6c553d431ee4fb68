"""How strict mode replaces strings inside one chunk: whole words only, no cascades, every place counted.

A place that was replaced is held by a placeholder made of reserved characters until the last operation is done, so no
operation finds what an earlier one wrote. Texts and strings that hold such characters themselves are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from prox_spark.program.characters import RESERVED, WHITESPACE, WORD, characters, regex_class
from prox_spark.program.operations import Operation, Policy

OPENING, CLOSING, CANDIDATE = "\ufdd0", "\ufdd1", "\ufdef"
"""A placeholder is OPENING, the digits of its operation's index, CLOSING; a CANDIDATE is a place not yet judged."""

_DIGITS = str.maketrans("0123456789", "".join(chr(0xFDD2 + digit) for digit in range(10)))
_RESERVED = re.compile(f"[{regex_class(RESERVED)}]")
_PLACEHOLDER = re.compile(f"{OPENING}[^{CLOSING}]*{CLOSING}")
_WORD = re.compile(f"[{regex_class(WORD)}]")
_STRIPPED = characters(WHITESPACE)

_NOT_AFTER_WORD = f"(?<![{regex_class(WORD)}{CANDIDATE}])"
_NOT_BEFORE_WORD = f"(?![{regex_class(WORD)}{CANDIDATE}])"
PLACES = {
    (False, False): re.compile(CANDIDATE),
    (True, False): re.compile(f"{_NOT_AFTER_WORD}{CANDIDATE}"),
    (False, True): re.compile(f"{CANDIDATE}{_NOT_BEFORE_WORD}"),
    (True, True): re.compile(f"{_NOT_AFTER_WORD}{CANDIDATE}{_NOT_BEFORE_WORD}"),
}
"""Where a candidate counts, by whether its string starts and ends with a word character; never built from text."""


def placeholder(index: int) -> str:
    """Give the characters that hold the places which operation `index` replaced."""
    return f"{OPENING}{str(index).translate(_DIGITS)}{CLOSING}"


def normalize(
    text: str, operations: Sequence[tuple[int, Operation]], policy: Policy
) -> tuple[str, dict[int, tuple[str | None, int]]]:
    """Apply `operations`, each with its index, in order; give the text and (reason for rejection, places) by index.

    >>> swap = (Operation("normalize", source="foo", target="bar"), Operation("normalize", source="bar", target=""))
    >>> normalize("foo bar food", list(enumerate(swap)), Policy())
    ('bar  food', {0: (None, 1), 1: (None, 1)})
    """
    reserved = _RESERVED.search(text) is not None
    fates: dict[int, tuple[str | None, int]] = {}
    targets: dict[str, str] = {}
    for index, operation in operations:
        reason = _refused(operation, policy, reserved=reserved)
        if reason is None:
            text, reason, places = _replace(text, operation.source or "", placeholder(index), policy)
            targets[placeholder(index)] = operation.target or ""
        fates[index] = (reason, 0 if reason else places)
    if targets:
        text = _PLACEHOLDER.sub(lambda match: targets[match.group()], text)
    return text, fates


def _refused(operation: Operation, policy: Policy, *, reserved: bool) -> str | None:
    """Give the reason for refusing an operation before the text is searched, in the order of REJECTION_REASONS."""
    source, target = operation.source or "", operation.target or ""
    if not source.strip(_STRIPPED):
        return "blank_source"
    if len(source) < policy.min_source_chars:
        return "short_source"
    if any(line_break in string for line_break in "\r\n" for string in (source, target)):
        return "spans_lines"
    if len(target) > policy.max_growth * len(source):
        return "grows"
    if reserved or _RESERVED.search(source) or _RESERVED.search(target):
        return "reserved_character"
    return None


def _replace(text: str, source: str, held: str, policy: Policy) -> tuple[str, str | None, int]:
    """Put `held` wherever `source` stands; give the text, the reason if it stays as it is, and the count."""
    if source not in text:
        return text, "not_found", 0
    edges = (_WORD.match(source) is not None, _WORD.match(source[-1]) is not None)
    candidates = text.replace(source, CANDIDATE)
    marked, places = PLACES[edges].subn(held, candidates)
    if places == 0:
        return text, "inside_word", 0
    if places > policy.max_matches:
        return text, "too_many_matches", 0
    return marked.replace(CANDIDATE, source), None, places
