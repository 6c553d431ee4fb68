"""Patterns of paths, with one meaning on every file system: `*`, `?`, `[…]`, `{a,b}`, `**`, and `\\` before them.

    *       any characters of one name, but no `.` or `_` at its beginning: such names are hidden
    ?       one character
    [a-c]   one of these, [!a-c] one of the others
    {a,b}   either; also with `/` inside
    **      alone between two `/`: any number of folders, none too

What a path names and is there is taken by its name, whatever characters are in it: this file asks no file system.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

WILD = re.compile(r"[][{}*?\\]")

ANY_FOLDERS = "**"


def alternatives(pattern: str) -> list[str]:
    """Write out the braces of a pattern; braces without a comma stand for themselves.

    >>> alternatives("a/{b,c/{d,e}}/{f}")
    ['a/b/{f}', 'a/c/d/{f}', 'a/c/e/{f}']
    """
    braces = _braces(pattern)
    if braces is None:
        return [pattern]
    start, commas, end = braces
    bounds = [start, *commas, end]
    parts = [pattern[bounds[n] + 1 : bounds[n + 1]] for n in range(len(bounds) - 1)]
    written = (whole for part in parts for whole in alternatives(pattern[:start] + part + pattern[end + 1 :]))
    return list(dict.fromkeys(written))


@lru_cache(maxsize=256)
def expression(pattern: str) -> re.Pattern[str]:
    """Give the regular expression of a pattern without braces, for whole paths.

    >>> bool(expression("/d/**/*.json").fullmatch("/d/a/b.json")), bool(expression("/d/*").fullmatch("/d/_a"))
    (True, False)
    """
    names = pattern.split("/")
    written = []
    for number, name in enumerate(names):
        last = number == len(names) - 1
        if name == ANY_FOLDERS:
            written.append("(?:(?![._])[^/]+(?:/(?![._])[^/]+)*)?" if last else "(?:(?![._])[^/]+/)*")
        else:
            written.append(_name(name) + ("" if last else "/"))
    return re.compile("".join(written), re.DOTALL)


def literal(name: str) -> str:
    r"""Give what a pattern without wild characters names.

    >>> literal(r"a\*b")
    'a*b'
    """
    return re.sub(r"\\(.)", r"\1", name, flags=re.DOTALL)


def is_wild(pattern: str) -> bool:
    r"""Say whether a pattern stands for more than one name.

    >>> is_wild("a*"), is_wild(r"a\*"), is_wild("{a}")
    (True, False, False)
    """
    return any((len(token) > 1 and token[0] == "[") or token in ("*", "?") for token in _tokens(pattern))


def spells_end(pattern: str, name: str) -> bool:
    """Say whether a pattern says how the name of a file ends, suffix included, as `*.txt` does.

    >>> spells_end("*.txt", "a.txt"), spells_end("*", "a.txt"), spells_end("a*", "a.txt")
    (True, False, False)
    """
    end = ""
    for token in _tokens(pattern):
        end = "" if token in ("*", "?") or (len(token) > 1 and token[0] == "[") else end + literal(token)
    return "." in end and name.endswith(end)


def _name(name: str) -> str:
    written = []
    for number, token in enumerate(_tokens(name)):
        if token in ("*", "?"):
            hidden = "(?![._])" if number == 0 else ""
            written.append(hidden + ("[^/]*" if token == "*" else "[^/]"))
        elif len(token) > 1 and token[0] == "[":
            written.append(_set(token[1:-1]))
        else:
            written.append(re.escape(literal(token)))
    return "".join(written)


def _set(inside: str) -> str:
    negated = len(inside) > 1 and inside[0] in "!^"
    listed = re.sub(r"([\\\[\]&~|^])", r"\\\1", inside[negated:])
    written = f"(?!/)[{'^' * negated}{listed}]"
    try:
        re.compile(written)
    except re.error:  # `[z-a]` has nothing in it
        return "(?!)"
    return written


def _tokens(pattern: str) -> Iterator[str]:
    """Give the parts of a name: an escaped character, a set in brackets, or one character."""
    return (match.group() for match in re.finditer(r"\\.|\[[!^]?[^/][^\]/]*\]|[\s\S]", pattern, re.DOTALL))


def _braces(pattern: str) -> tuple[int, list[int], int] | None:
    """Give the places of the first braces with a comma in them: of the opening one, the commas, the closing one."""
    opened: list[tuple[int, list[int]]] = []
    closed: list[tuple[int, list[int], int]] = []
    at = 0
    for token in _tokens(pattern):
        if token == "{":
            opened.append((at, []))
        elif token == "," and opened:
            opened[-1][1].append(at)
        elif token == "}" and opened:
            start, commas = opened.pop()
            if commas:
                closed.append((start, commas, at))
        at += len(token)
    return min(closed, default=None)
