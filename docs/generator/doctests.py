"""An extension of griffe, which mkdocstrings reads code with: doctests in plain text become blocks of code."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

DOCTEST = re.compile(r"^( *)>>> .*(?:\n(?! *$).+)*", re.MULTILINE)


def fenced(text: str) -> str:
    r"""Put each doctest of a docstring between fences, with what it prints.

    >>> print(fenced("Add.\n\n>>> 1 + 1\n2\n\nMore.").replace("`", "'"))
    Add.
    <BLANKLINE>
    '''pycon
    >>> 1 + 1
    2
    '''
    <BLANKLINE>
    More.
    """
    return DOCTEST.sub(lambda match: f"{match[1]}```pycon\n{match[0]}\n{match[1]}```", text)


class Doctests(Extension):  # type: ignore[misc]  # griffe is in the environment of the site alone
    """Fences the doctests of everything that has a docstring."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
