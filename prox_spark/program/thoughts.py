"""What a model thinks before it answers: text between tags such as `<think>` and `</think>`, which is no program.

A chat template may have written the first tag into the prompt, so a closing tag without an opening one ends a thought
that begins with the answer. A thought that is not closed is cut, and goes to the end; so does one that is opened twice
and closed once. A tag inside of a call, as in `normalize("</think>")`, is text of the page and no tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAMES = "think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad"
TAG = rf"<(/?)(?:[a-z]+:)?(?:{_NAMES})>|\[(/?)(?:{_NAMES})\]"
"""What opens or closes a thought, in any case."""

_TAG = re.compile(TAG, re.IGNORECASE)
_CALL = re.compile(r"[\s;]*[A-Za-z_][A-Za-z0-9_]*\s*\(")


def without_thoughts(answer: str) -> tuple[str, int | None]:
    r"""Give an answer with nothing but its line ends in the place of thoughts, and where one begins that does not end.

    >>> without_thoughts("<think>drop_doc()\nno</think>\nkeep_doc()")
    ('\n\nkeep_doc()', None)
    >>> without_thoughts("drop_doc()\n</think>keep_doc()\n<think>drop_doc()")
    ('\nkeep_doc()\n', 30)
    """
    if _TAG.search(answer) is None:
        return answer, None
    spans: list[tuple[int, int]] = []
    begun, depth = 0, 0
    for start, end, closes in _tags(answer):
        if not closes:
            begun = start if depth == 0 else begun
            depth += 1
        elif depth == 0:  # what came before was a thought too
            spans = [(0, end)]
        else:
            depth -= 1
            spans += [(begun, end)] if depth == 0 else []
    if depth:
        spans.append((begun, len(answer)))
    return _cut(answer, spans), begun if depth else None


def _tags(answer: str) -> Iterator[tuple[int, int, bool]]:
    """Give where each tag begins and ends, and whether it is a closing one."""
    at = 0
    for line in answer.split("\n"):
        is_call = _CALL.match(line) is not None
        for match in _TAG.finditer(line):
            if not is_call or line[: match.start()].rstrip()[-1:] in (")", ";") or not line[match.end() :].strip():
                yield at + match.start(), at + match.end(), "/" in (match[1], match[2])
        at += len(line) + 1


def _cut(answer: str, spans: list[tuple[int, int]]) -> str:
    parts = []
    at = 0
    for start, end in spans:
        parts += [answer[at:start], "\n" * answer.count("\n", start, end)]
        at = end
    return "".join([*parts, answer[at:]])
