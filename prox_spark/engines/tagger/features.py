"""What the tagger knows of a line: its known words and phrases, and numbers for its shape, place and repetition.

A line is measured on its own (`measure`), then beside the others of its page (`layout`); training changes pages line by
line and needs the second step alone. Scripts without spaces are measured in the units of English: a character of
Chinese counts as 0.6 words and three letters, and its punctuation is read as the ASCII one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from prox_spark.engines.tagger.lexicon import FUNCTION_CHARACTERS, FUNCTION_WORDS, INTERFACE, INTERFACE_WORDS

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_PROSE_WORDS = 9.5
"""Ten words; the count comes back out of a logarithm in float32, so it is compared half a word below."""

_WORDS_OF_A_CHARACTER = 0.6
"""A word of a script without spaces has between one and two characters."""

_MOST_FUNCTION_WORDS = 0.6
"""Few English lines have a larger share of function words: the network has not learned what more would mean."""

SHAPES = (
    "letters", "words", "word_length", "capitalised", "upper", "digits", "marks", "commas", "sentences",
    "ends_sentence", "ends_colon", "ends_ellipsis", "ends_question", "starts_lower", "starts_digit", "starts_mark",
    "separators", "address", "copyright", "brackets", "function_words", "numbers", "tiny",
)  # fmt: skip
"""What is measured of a line on its own; the order of the columns."""

LAYOUT = (
    "repeated", "first_copy", "pattern_repeated", "topical", "no_topic", "place", "from_top", "from_bottom",
    "words_above", "prose_above", "to_last_prose", "to_next_prose", "prose_around", "words_around", "page_lines",
    "page_words", "page_prose", "page_short",
)  # fmt: skip
"""What is measured of a line beside the others of its page."""

_HEAD, _TAIL = 400, 120
_MOST_WORDS = 48
_SPACELESS = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?|\d+|[^\w\s]")
_SENTENCE_END = re.compile(r"[.!?][\"'\u201d\u2019)\]]*(?=\s|$)")
_SPACELESS_END = re.compile("[\u3002\uff01\uff1f!?]")
_ADDRESS = re.compile(r"https?:|www\.|\w@\w|\.com\b")
_WIDE = str.maketrans("，。！？：；（）【】、｜＂＂「」『』　", ',.!?:;()[],|"""""" ')
_SEPARATORS = frozenset("|·•»›>/«→")
_TOPICS = 1 << 15


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a page as they are measured on their own.

    Attributes:
        shapes: One row of `SHAPES` a line.
        tokens: Ids of the known words and phrases of all lines, one line after the other.
        token_starts: Where each line's tokens begin; one more than there are lines.
        topics: Hashes of the longer words of all lines, one line after the other.
        topic_starts: Where each line's topics begin.
        words: Words of each line, in the units of English.
        prose: Whether a line reads like a sentence.
        keys: Hash of each line, to find copies.
        patterns: Hash of each line with its numbers made equal.
    """

    shapes: Floats
    tokens: Integers
    token_starts: Integers
    topics: Integers
    topic_starts: Integers
    words: Floats
    prose: NDArray[np.bool_]
    keys: Integers
    patterns: Integers

    def __len__(self) -> int:
        """Count the lines."""
        return len(self.words)


def measure(lines: Sequence[str], vocabulary: Mapping[str, int]) -> Lines:
    """Measure each line on its own."""
    shapes, tokens, topics, keys, patterns = [], [], [], [], []
    token_ends, topic_ends = [0], [0]
    known = vocabulary.get
    for line in lines:
        spaceless = 0 if line.isascii() else len(_SPACELESS.findall(line))
        words = words_of(line if not spaceless else line.translate(_WIDE))
        shapes.append(_shape(line, words, spaceless))
        lower = [word.lower() for word in words] if not spaceless else _interface(words)
        tokens += [number for phrase in phrases(lower) if (number := known(phrase)) is not None]
        topics += _topics(line, words, spaceless)
        token_ends.append(len(tokens))
        topic_ends.append(len(topics))
        keys.append(crc32(line.encode("utf-8", "replace")))
        patterns.append(crc32(" ".join(["0" if w[0].isdigit() else w for w in words]).encode("utf-8", "replace")))
    shape = np.array(shapes, np.float32).reshape(-1, len(SHAPES))
    in_words = np.expm1(shape[:, 1] * 4)
    return Lines(
        shapes=shape,
        tokens=np.array(tokens, np.int64),
        token_starts=np.array(token_ends, np.int64),
        topics=np.array(topics, np.int64),
        topic_starts=np.array(topic_ends, np.int64),
        words=in_words,
        prose=(in_words >= _PROSE_WORDS) & (shape[:, 8] > 0),
        keys=np.array(keys, np.int64),
        patterns=np.array(patterns, np.int64),
    )


def words_of(line: str) -> list[str]:
    """Split a line into words, numbers and marks; of a very long one only its beginning and its end."""
    if len(line) > _HEAD + _TAIL:
        line = f"{line[:_HEAD]} {line[-_TAIL:]}"
    return _WORD.findall(line)


def _interface(words: Sequence[str]) -> list[str]:
    """Translate the interface words of a line without spaces; long runs of text are left out."""
    found = []
    for word in words:
        if word.isascii():
            found.append(word.lower())
        elif len(word) <= 12:
            found += [INTERFACE[match] for match in INTERFACE_WORDS.findall(word)]
    return found


def phrases(words: Sequence[str]) -> list[str]:
    """Name what a vocabulary may know of a line: its words, how it begins and ends, and all of it if it is short.

    >>> phrases(["by", "7"])
    ['by', '0', '^by', '$0', '^by 0', 'by 0', '=by 0']
    """
    if not words:
        return []
    words = [("0" * min(len(word), 5)) if word[0].isdigit() else word for word in words]
    if len(words) > _MOST_WORDS:
        words = [*words[: _MOST_WORDS - 12], *words[-12:]]
    found = [*words, f"^{words[0]}", f"${words[-1]}"]
    if len(words) > 1:
        found.append(f"^{words[0]} {words[1]}")
    if len(words) <= 12:
        found += [f"{first} {second}" for first, second in pairwise(words)]
    if len(words) <= 6:
        found.append("=" + " ".join(words))
    return found


def _shape(line: str, words: Sequence[str], spaceless: int) -> list[float]:
    stripped = line.strip()
    if not stripped:
        return [0.0] * len(SHAPES)
    letters = sum(map(len, words)) or 1
    scale = max(1.0, len(stripped) / (_HEAD + _TAIL))  # of a long line only the ends were split
    plain = [word for word in words if word[0].isalpha()]
    if spaceless:
        return _spaceless_shape(stripped, words, spaceless, scale)
    marks = sum(1 for word in words if not word[0].isalnum())
    count = (len(words) - marks) or 1
    upper = sum(1 for word in plain if word[0].isupper())
    loud = sum(1 for word in plain if len(word) > 1 and word.isupper())
    usual = sum(1 for word in plain if word.lower() in FUNCTION_WORDS)
    sentences = len(_SENTENCE_END.findall(stripped))
    return _row(
        stripped, words, count, len(stripped), count * scale, upper / count, loud / count, marks / letters, sentences,
        usual / count,
    )  # fmt: skip


def _spaceless_shape(line: str, words: Sequence[str], spaceless: int, scale: float) -> list[float]:
    """Measure a line of a script without spaces: short pieces between blanks are what capitalised words are here."""
    length = len(line) + 2 * spaceless
    count = max(
        1.0, _WORDS_OF_A_CHARACTER * spaceless + sum(1 for w in words if w[0].isascii() and w[0].isalnum()) / scale
    )
    pieces = line.split()
    short = sum(len(piece) for piece in pieces if len(piece) <= 8) if len(pieces) > 1 or len(line) <= 8 else 0
    marks = sum(1 for word in words if not word[0].isalnum())
    usual = sum(1 for character in line[: _HEAD + _TAIL] if character in FUNCTION_CHARACTERS)
    sentences = len(_SPACELESS_END.findall(line))
    capitalised = min(1.0, short / len(line))
    letters = min(length, 3 * (_HEAD + _TAIL))
    function_words = min(_MOST_FUNCTION_WORDS, 3.0 * usual / min(spaceless, _HEAD + _TAIL))
    plain = line.translate(_WIDE)
    return _row(
        plain, words, count / scale, length, count, capitalised, 0.0, 2 * marks / letters, sentences, function_words
    )


def _row(
    line: str, words: Sequence[str], count: float, length: float, all_words: float, capitalised: float, upper: float,
    marks: float, sentences: int, function_words: float,
) -> list[float]:  # fmt: skip
    first, last = line[0], line.rstrip("\"'\u201d\u2019)]*")[-1:] or line[-1]
    ellipsis = line.endswith(("...", "\u2026", "[...]"))
    numbers = sum(1 for word in words if word[0].isdigit())
    separators = sum(1 for word in words if word in _SEPARATORS)
    return [
        _log(length) / 5, _log(all_words) / 4, min(length / max(all_words, 1.0), 20.0) / 8, capitalised, upper,
        sum(len(word) for word in words if word[0].isdigit()) / max(length, 1.0), marks,
        min(1.0, 4 * words.count(",") / max(count, 1.0)), _log(sentences),
        float(last in ".!?" and not ellipsis), float(last == ":"), float(ellipsis), float(last == "?"),
        float(first.islower()), float(first.isdigit()), float(not first.isalnum()), _log(separators),
        float(_ADDRESS.search(line) is not None), float("\u00a9" in line),
        min(1.0, 0.2 * (line.count("(") + line.count("["))),
        function_words, min(1.0, numbers / max(count, 1.0)), float(all_words <= 2.0),
    ]  # fmt: skip


def _topics(line: str, words: Sequence[str], spaceless: int) -> list[int]:
    if spaceless:
        pairs = pairwise(line[:200])
        return [crc32((a + b).encode("utf-8", "replace")) % _TOPICS for a, b in pairs if a.isalpha() and b.isalpha()]
    return [crc32(word.lower().encode("utf-8", "replace")) % _TOPICS for word in words[:_MOST_WORDS] if len(word) > 3]


def _log(value: float) -> float:
    return float(np.log1p(value)) if value > 64 else _LOGS[int(value)] if value == int(value) else _log_of(value)


def _log_of(value: float) -> float:
    from math import log1p

    return log1p(value)


_LOGS = [float(np.log1p(value)) for value in range(65)]


def layout(lines: Lines) -> Floats:
    """Measure each line beside the others of its page: one row of `LAYOUT` a line."""
    count = len(lines)
    place = np.arange(count, dtype=np.float32)
    words, prose = lines.words, lines.prose
    total = max(1.0, float(words.sum()))
    prose_words = np.where(prose, words, 0).astype(np.float32)
    prose_total = float(prose_words.sum())
    copies, first = _copies(lines.keys)
    patterns, _ = _copies(lines.patterns)
    topical, no_topic = _topical(lines)
    around = _around(prose_words, 5), _around(words, 5)
    columns = [
        np.log1p(copies - 1), first, np.log1p(patterns - 1), topical, no_topic, place / max(1, count),
        np.log1p(place) / 6, np.log1p(count - 1 - place) / 6, np.cumsum(words) / total,
        np.cumsum(prose_words) / max(1.0, prose_total), np.log1p(_since(prose)) / 6,
        np.log1p(_since(prose[::-1])[::-1]) / 6, np.log1p(around[0]) / 6, np.log1p(around[1]) / 6,
        np.full(count, np.log1p(count) / 6), np.full(count, np.log1p(total) / 8),
        np.full(count, prose_total / total), np.full(count, float((words <= 4).mean()) if count else 0.0),
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def _copies(keys: Integers) -> tuple[Floats, Floats]:
    """Count for each line its copies on the page, itself included, and say whether it is the first."""
    _, first_at, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    first = np.zeros(len(keys), np.float32)
    first[first_at] = 1.0
    return counts[inverse].astype(np.float32), first


def _since(flags: NDArray[np.bool_]) -> Floats:
    """Count the lines since the last one that is flagged; 400 where there is none."""
    place = np.arange(len(flags))
    last = np.maximum.accumulate(np.where(flags, place, -400)) if len(flags) else place
    return np.minimum(place - last, 400).astype(np.float32)


def _around(values: Floats, reach: int) -> Floats:
    """Sum the values of the lines up to `reach` above and below, a line's own left out."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    place = np.arange(len(values))
    high, low = np.minimum(place + reach + 1, len(values)), np.maximum(place - reach, 0)
    found: Floats = (sums[high] - sums[low] - values).clip(0).astype(np.float32)
    return found


def _topical(lines: Lines) -> tuple[Floats, Floats]:
    """Give the share of each line's longer words that stand in prose elsewhere on the page, or that it has none."""
    lengths = np.diff(lines.topic_starts)
    owner = np.repeat(np.arange(len(lines)), lengths)
    in_prose = np.bincount(lines.topics[lines.prose[owner]], minlength=_TOPICS)
    found = in_prose[lines.topics] > np.where(lines.prose[owner], 1, 0)
    hits = np.bincount(owner, weights=found, minlength=len(lines))
    share = (hits / np.maximum(1, lengths)).astype(np.float32)
    return share, (lengths == 0).astype(np.float32)
