"""How characters count when texts are compared: case, accents, width and punctuation do not, and digits are one digit.

Every code point has a kind and a character that stands for it. Both come from Unicode 3.2, which every Python carries
along unchanged, so that the same text has the same signature under each of them.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

from prox_spark.program.characters import UNSPACED

SEPARATOR, LETTER, SINGLE, IGNORED = 0, 1, 2, 3
"""What a code point is: between words, part of a word, a word of its own (scripts without spaces), or nothing."""

_UNICODE = unicodedata.ucd_3_2_0
_ACCENTS = ((0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))
_SOFT_HYPHEN = 0xAD  # Unicode 3.2 still has it among the dashes
_CODE_POINTS = 0x110000
_UNKNOWN = 255


def folded(character: str, *, fold_digits: bool) -> tuple[int, str]:
    """Give the kind of a character, and the character that stands for it.

    >>> [folded(character, fold_digits=True) for character in "Éb7"]
    [(1, 'e'), (1, 'b'), (1, '0')]
    >>> [folded(character, fold_digits=True)[0] for character in "-\u0301\u4e2d"]
    [0, 3, 2]
    """
    code = ord(character)
    category = _UNICODE.category(character)
    if _within(code, _ACCENTS) or category == "Cf" or code == _SOFT_HYPHEN:
        return IGNORED, character
    if category[0] in "PSZ" or category in ("Cc", "Cs"):
        return SEPARATOR, character
    if fold_digits and category == "Nd":
        return LETTER, "0"
    lower = character.lower()
    base = "".join(part for part in _UNICODE.normalize("NFKD", lower) if not _within(ord(part), _ACCENTS))
    kind = SINGLE if _within(code, UNSPACED) else LETTER
    return kind, next((candidate for candidate in (base, lower) if len(candidate) == 1), character)


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


class Folding:
    """The kinds and folded characters of all code points, looked up for arrays; filled as code points are met."""

    def __init__(self, *, fold_digits: bool) -> None:
        self._fold_digits = fold_digits
        self._kinds = np.full(_CODE_POINTS, _UNKNOWN, dtype=np.uint8)
        self._codes = np.zeros(_CODE_POINTS, dtype=np.uint32)

    def look_up(self, codes: NDArray[np.uint32]) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
        """Give kind and folded code point of each code point."""
        kinds = self._kinds[codes]
        unknown = codes[kinds == _UNKNOWN]
        if unknown.size:
            for code in np.unique(unknown).tolist():
                kind, character = folded(chr(code), fold_digits=self._fold_digits)
                self._kinds[code], self._codes[code] = kind, ord(character)
            kinds = self._kinds[codes]
        return kinds, self._codes[codes]
