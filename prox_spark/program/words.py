"""How strict mode counts words: in runs between blanks, and one for each character of a script without spaces."""

from __future__ import annotations

import re

from prox_spark.program.characters import words_pattern

_WORDS = re.compile(words_pattern())


def count_words(text: str) -> int:
    """Count the words of `text`; a character of a script without spaces is one word.

    >>> count_words("two words"), count_words("\u4e2d\u6587 and text")
    (2, 4)
    """
    if text.isascii():
        return len(text.split())
    return sum(1 for _ in _WORDS.finditer(text))
