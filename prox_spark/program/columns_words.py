r"""The smallest parts of the executor's SQL text: literals, let-bindings, joining lines, and counting words.

Everything here is text of Spark SQL; nothing imports Spark. Four rules hold for all of it:

- A literal is written in printable ASCII without a backslash (`decode(unhex(…))` where that cannot be), so that
  `spark.sql.parser.escapedStringLiterals` does not change its meaning.
- A value that is used more than once is bound with `let`: an expression from outside that the body of a lambda names
  would be evaluated again for each element.
- Spark's analyzer gives up after 100 steps, and each lambda inside of another takes one, each `let` too. A field of
  what a function gives and a cast that Spark has to put in take one more. So values that do not need each other are
  bound in one struct, and numbers are compared in one type.
- A regular expression is a constant and has no nested quantifier, so that time is linear and Java does not recurse.

Counting words is most of what executing costs, so it does not look at words one by one: a match of `_groups` is eight
words at once, and only what is left (the last words, and words beside characters that count as words themselves) is
counted by splitting.
"""

from __future__ import annotations

from collections.abc import Callable

from prox_spark.program.characters import UNSPACED, WHITESPACE, Ranges, characters, regex_class
from prox_spark.program.operations import Mode

NEWLINE = "char(10)"
MARK = "\ufdef"
"""Stands for a place while an operation looks at it; never valid in text that is interchanged."""

ACCELERATOR = "prox_accelerator"
"""The catalog of the optional accelerator's functions (`accelerator/Accelerator.java`)."""

COMPILED_COUNT = f"{ACCELERATOR}.count_words"
COMPILED_EXECUTE = f"{ACCELERATOR}.execute"

Counter = Callable[[str], str]
"""Gives the SQL text that counts the words of a SQL expression."""

_GROUP = 8


def literal(value: str) -> str:
    """Write a string as a SQL literal that no parser setting changes.

    >>> literal("kept")
    "'kept'"
    >>> literal("it's")
    "decode(unhex('69742773'), 'UTF-8')"
    """
    if all(" " <= character <= "~" and character not in "'\\" for character in value):
        return f"'{value}'"
    return f"decode(unhex('{value.encode('utf-8').hex().upper()}'), 'UTF-8')"


def let(name: str, value: str, body: str) -> str:
    """Bind `name` to `value` in `body`, so that the value is computed once.

    It is the last step of an aggregation over nothing: `transform(array(value), …)[0]` would copy what it gives, at
    each level, and with it the text.

    >>> let("x", "a + b", "x * x")
    'aggregate(array(), a + b, (x, unused) -> x, x -> x * x)'
    """
    return f"aggregate(array(), {value}, ({name}, unused) -> {name}, {name} -> {body})"


def bind(values: dict[str, str], body: str) -> str:
    """Bind names one after the other, each in sight of those before it; `let` for several.

    >>> bind({"x": "a + b", "y": "x * x"}, "y") == let("x", "a + b", let("y", "x * x", "y"))
    True
    """
    for name, value in reversed(values.items()):
        body = let(name, value, body)
    return body


def slice_of(lines: str, start: str, end: str) -> str:
    """Give lines `start` up to but without `end`; an empty array where there are none."""
    return f"slice({lines}, {start} + 1, greatest({end} - {start}, 0))"


def join(lines: str) -> str:
    """Join lines with line feeds."""
    return f"array_join({lines}, {NEWLINE})"


def split(text: str) -> str:
    r"""Split a text at line feeds and nowhere else, as Python's `text.split("\n")` does."""
    return f"split({text}, {NEWLINE}, -1)"


def is_blank(text: str) -> str:
    """Say whether a text is empty or whitespace only."""
    return f"trim(BOTH {literal(characters(WHITESPACE))} FROM {text}) = ''"


def counter(mode: Mode, *, compiled: bool = False) -> Counter:
    """Give what counts words as `mode` does: Spark's own expressions, or the accelerator's function."""
    if compiled:
        strict = "true" if mode == "strict" else "false"
        return lambda text: f"{COMPILED_COUNT}({text}, {strict})"
    return lambda text: words(text, mode=mode)


def words(text: str, *, mode: Mode) -> str:
    """Count the words of a SQL expression; NULL gives NULL.

    In strict mode a character of a script without spaces counts as one word; in reference mode only whitespace counts.
    """
    unspaced = UNSPACED if mode == "strict" else ()
    grouped = f"regexp_replace({text}, {_groups(unspaced)}, {literal(MARK)})"
    marks = f"bigint(octet_length(grouped) - octet_length(replace(grouped, {literal(MARK)}, ''))) div 3L"
    rest = f"replace(grouped, {literal(MARK)}, ' ')"
    # A mark at the end is a character of the text itself (see `_groups`), so the groups say nothing.
    counted = let("rest", rest, f"int({_GROUP}L * ({marks})) + {_rest('rest', unspaced)}")
    plain = let("whole", text, _rest("whole", unspaced))
    return let("grouped", grouped, f"IF(endswith(grouped, {literal(MARK)}), {plain}, {counted})")


def _groups(unspaced: Ranges) -> str:
    r"""Give, as SQL, the regular expression whose matches are eight words with the ASCII whitespace after them.

    A match starts where a word starts, and something follows it. The second alternative takes everything from a mark
    that the text itself holds, so that the result ends with a mark exactly then. The repetition is a chain because Java
    runs a quantified group several times slower.
    """
    word = java_class((*WHITESPACE, *unspaced, (ord(MARK), ord(MARK))), negated=True)
    space = java_class(tuple(pair for pair in WHITESPACE if pair[0] < 0x80))
    end = rf"(?=[\x00-\x{{10ffff}}])|{MARK}[\x00-\x{{10ffff}}]*"
    return f"concat({literal(f'(?<!{word})')}, repeat({literal(f'{word}+{space}+')}, {_GROUP}), {literal(end)})"


def _rest(text: str, unspaced: Ranges) -> str:
    """Count words without groups: the characters that are words, and the runs between whitespace and them."""
    between = literal(java_class((*WHITESPACE, *unspaced)) + "+")
    spaced = f"trim(regexp_replace({text}, {between}, ' '))"
    runs = let(
        "spaced", spaced, "IF(spaced = '', 0, octet_length(spaced) - octet_length(replace(spaced, ' ', '')) + 1)"
    )
    if not unspaced:
        return runs
    single = literal(java_class(unspaced) + "+")
    return f"{runs} + char_length({text}) - char_length(regexp_replace({text}, {single}, ''))"


def java_class(ranges: Ranges, *, negated: bool = False) -> str:
    r"""Write a character class that Java's `Pattern` decides quickly for Latin-1.

    Single characters below U+0100 become one table there, while each range is a call of its own: so Latin-1 is spelled
    out, and the first operand of `&&` keeps the ranges for the characters that need them.
    """
    inside = {code for first, last in ranges for code in range(first, min(last, 0xFF) + 1)}
    latin = regex_class([(code, code) for code in range(0x100) if (code in inside) != negated], "java")
    wide = regex_class([(max(first, 0x100), last) for first, last in ranges if last >= 0x100], "java")
    beyond = rf"[\x{{100}}-\x{{10ffff}}&&[{'^' if negated else ''}{wide}]]" if wide else ""
    return f"[{latin}{beyond}]"
