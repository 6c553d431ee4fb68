r"""Quoted strings as models write them after Python's `repr`: either quote, and every escape that `repr` makes."""

from __future__ import annotations

import re

STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
"""A string on one line; it ends at the first quote of its kind that is not escaped."""

_ESCAPE = re.compile(r"(?:\\u[0-9A-Fa-f]{4})+|\\U[0-9A-Fa-f]{8}|\\x[0-9A-Fa-f]{2}|\\[ntr\\'\"]")
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_HALVES = re.compile("[\ud800-\udfff]")


def decoded(quoted: str) -> str | None:
    r"""Give the text of a quoted string; an unknown escape keeps its backslash, half a surrogate pair gives None.

    >>> decoded(r"'a\xa0b \U0001f642 \d'"), decoded(r"'\ud800'")
    ('a\xa0b 🙂 \\d', None)
    """
    inside = quoted[1:-1]
    return whole_text(_ESCAPE.sub(_decode, inside) if "\\" in inside else inside)


def whole_text(text: str) -> str | None:
    """Give a text, unless it holds half a surrogate pair and so is none."""
    return None if _HALVES.search(text) else text


def _decode(match: re.Match[str]) -> str:
    escape = match.group()
    if escape[1] == "u":
        units = b"".join(int(digits, 16).to_bytes(2, "big") for digits in escape[2:].split("\\u"))
        return units.decode("utf-16-be", "surrogatepass")
    if escape[1] == "U":
        return chr(code) if (code := int(escape[2:], 16)) < 0x110000 else escape
    return chr(int(escape[2:], 16)) if escape[1] == "x" else _PLAIN[escape[1]]
