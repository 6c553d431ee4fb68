"""The character classes that programs are executed with, written once for Python's and for Java's expressions.

Python and the JVM know different versions of Unicode, so neither's `\\w`, `\\b` or `\\s` may decide what an operation
does: the same text and program must give the same bytes anywhere, forever. The classes are closed lists of ranges.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Ranges = tuple[tuple[int, int], ...]
Flavour = Literal["python", "java"]

WHITESPACE: Ranges = (
    (0x09, 0x0D),
    (0x1C, 0x20),
    (0x85, 0x85),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
)
"""What Python's `str.split()` splits at, `str.strip()` strips and `str.isspace()` accepts: 29 characters."""

WORD: Ranges = (
    (0x30, 0x39),  # ASCII digits
    (0x41, 0x5A),
    (0x5F, 0x5F),
    (0x61, 0x7A),
    (0xAA, 0xAA),  # Latin-1 letters
    (0xB5, 0xB5),
    (0xBA, 0xBA),
    (0xC0, 0xD6),
    (0xD8, 0xF6),
    (0xF8, 0x2AF),  # Latin Extended, IPA
    (0x300, 0x374),  # combining marks, Greek
    (0x376, 0x37D),
    (0x37F, 0x383),
    (0x386, 0x386),
    (0x388, 0x3F5),
    (0x3F7, 0x481),  # Greek, Cyrillic
    (0x483, 0x559),  # Cyrillic, Armenian
    (0x560, 0x588),
    (0x591, 0x5BD),  # Hebrew
    (0x5BF, 0x5BF),
    (0x5C1, 0x5C2),
    (0x5C4, 0x5C5),
    (0x5C7, 0x5F2),
    (0x610, 0x61A),  # Arabic
    (0x620, 0x669),
    (0x66E, 0x6D3),
    (0x6D5, 0x6DC),
    (0x6DF, 0x6E8),
    (0x6EA, 0x6FC),
    (0x6FF, 0x6FF),
    (0x710, 0x7F5),  # Syriac, Arabic Supplement, Thaana, NKo
    (0x7FA, 0x7FD),
    (0x800, 0x82F),  # Samaritan
    (0x840, 0x85D),  # Mandaic
    (0x860, 0x887),  # Syriac Supplement, Arabic Extended-B
    (0x889, 0x88F),
    (0x892, 0x8E1),  # Arabic Extended-B and -A
    (0x8E3, 0x963),  # Arabic Extended-A, Devanagari
    (0x966, 0x96F),
    (0x971, 0x9F1),  # Devanagari, Bengali
    (0x9F4, 0x9F9),
    (0x9FC, 0x9FC),
    (0x9FE, 0xA75),  # Bengali, Gurmukhi
    (0xA77, 0xAEF),  # Gujarati
    (0xAF2, 0xB6F),  # Oriya
    (0xB71, 0xBF2),  # Tamil
    (0xBFB, 0xC76),  # Telugu
    (0xC78, 0xC7E),
    (0xC80, 0xC83),  # Kannada
    (0xC85, 0xD4E),  # Malayalam
    (0xD50, 0xD78),
    (0xD7A, 0xDF3),  # Malayalam, Sinhala
    (0x10A0, 0x10FA),  # Georgian
    (0x10FC, 0x135F),  # Georgian, Hangul Jamo, Ethiopic
    (0x1369, 0x138F),
    (0x13A0, 0x13FF),  # Cherokee
    (0x1C80, 0x1CBF),  # Cyrillic Extended-C, Georgian Extended
    (0x1DC0, 0x1FBC),  # combining marks, Latin Extended Additional, Greek Extended
    (0x1FBE, 0x1FBE),
    (0x1FC2, 0x1FCC),
    (0x1FD0, 0x1FDB),
    (0x1FE0, 0x1FEC),
    (0x1FF2, 0x1FFC),
    (0x2C60, 0x2C7F),  # Latin Extended-C
    (0x2D00, 0x2D2F),  # Georgian Supplement
    (0x2DE0, 0x2DFF),  # Cyrillic Extended-A
    (0x3131, 0x318E),  # Hangul Compatibility Jamo
    (0xA640, 0xA672),  # Cyrillic Extended-B
    (0xA674, 0xA67D),
    (0xA67F, 0xA69F),
    (0xA722, 0xA788),  # Latin Extended-D
    (0xA78B, 0xA7FF),
    (0xA960, 0xA97C),  # Hangul Jamo Extended-A
    (0xAB30, 0xAB5A),  # Latin Extended-E
    (0xAB5C, 0xAB69),
    (0xAC00, 0xD7A3),  # Hangul
    (0xFB00, 0xFB28),  # Latin, Armenian and Hebrew presentation forms
    (0xFB2A, 0xFBB1),  # Hebrew and Arabic presentation forms
    (0xFBD3, 0xFD3D),
    (0xFD50, 0xFDCE),  # U+FDD0..U+FDEF are RESERVED
    (0xFDF0, 0xFDFB),
    (0xFE20, 0xFE2F),  # combining half marks
    (0xFE70, 0xFEFC),
    (0xFF10, 0xFF19),  # full-width digits and letters
    (0xFF21, 0xFF3A),
    (0xFF41, 0xFF5A),
)
"""Characters of which a word is made in scripts that put spaces between words.

A string that `normalize` looks for and that starts or ends with one of these is not found inside a longer word. Scripts
without spaces are left out: there a match inside a run of characters is the normal case.
"""

UNSPACED: Ranges = (
    (0x0E01, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # Han radicals
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3038, 0x303B),
    (0x3041, 0x309F),  # Hiragana
    (0x30A1, 0x30FA),  # Katakana
    (0x30FC, 0x312F),  # Katakana, Bopomofo
    (0x31A0, 0x31BF),  # Bopomofo Extended
    (0x31F0, 0x31FF),  # Katakana Phonetic Extensions
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FE),  # Myanmar Extended-B
    (0xAA60, 0xAA7F),  # Myanmar Extended-A
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x1AFF0, 0x1B16F),  # Kana Extended and Supplement
    (0x20000, 0x3FFFD),  # supplementary Han: planes 2 and 3
)
"""Characters of scripts without spaces between words; each counts as one word."""

RESERVED: Ranges = ((0xFDD0, 0xFDEF),)
"""Noncharacters that the executors mark places with; a text or program that holds one gets no `normalize`."""


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""Put a sign in the place of each character that must not reach a terminal or a page as it is.

    Those are control characters but tab and line feed, characters that turn the direction of what follows, and halves
    of surrogate pairs.

    >>> visible("red: \x1b[31m\r\n")
    'red: �[31m␍\n'
    """
    return _CONTROL.sub("\ufffd", text.replace("\r", "\u240d"))


def regex_class(ranges: Sequence[tuple[int, int]], flavour: Flavour = "python") -> str:
    r"""Write `ranges` as the inside of a character class, in ASCII, for Python's `re` or Java's `Pattern`.

    >>> regex_class(((0x41, 0x5A), (0x5F, 0x5F), (0x20000, 0x3FFFD)))
    '\\u0041-\\u005a\\u005f\\U00020000-\\U0003fffd'
    >>> regex_class(((0x41, 0x5A), (0x20000, 0x3FFFD)), "java")
    '\\u0041-\\u005a\\x{20000}-\\x{3fffd}'
    """
    return "".join(
        _escape(first, flavour) if first == last else f"{_escape(first, flavour)}-{_escape(last, flavour)}"
        for first, last in ranges
    )


def _escape(code: int, flavour: Flavour) -> str:
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}" if flavour == "python" else f"\\x{{{code:x}}}"


def characters(ranges: Sequence[tuple[int, int]]) -> str:
    r"""Give all characters of `ranges` as one string.

    >>> characters(((0x1C, 0x20),))
    '\x1c\x1d\x1e\x1f '
    """
    return "".join(chr(code) for first, last in ranges for code in range(first, last + 1))


def names_pattern() -> str:
    """Give the expression of which each match is a character of UNSPACED, or a run of letters and digits (WORD)."""
    return f"[{regex_class(UNSPACED)}]|[{regex_class(WORD)}]+"


def words_pattern(flavour: Flavour = "python") -> str:
    """Give the expression of which each match is one word: a character of UNSPACED, or a run of others."""
    unspaced, whitespace = regex_class(UNSPACED, flavour), regex_class(WHITESPACE, flavour)
    return f"[{unspaced}]|[^{whitespace}{unspaced}]+"
