"""What pydantic found, as one line that names the key, what was found and what is allowed."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from prox_spark.config.engines import SETTINGS_OF, KindSettings, kinds_with
from prox_spark.config.section import Section
from prox_spark.config.sections import NAME, Config

_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_too_short": "not empty",
    "tuple_type": "a list",
    "dict_type": "a section of keys",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
    "too_short": "a list of at least one",
    "string_pattern_mismatch": "lower-case letters, digits, - and _, beginning with a letter",
}
_BOUNDS = {"greater_than_equal": "at least", "less_than_equal": "at most", "greater_than": "more than"}
_ABOUT_KEY = {"missing": "is missing", "spark_key": "", "secret": "", "same_name": ""}


def messages(error: ValidationError, tree: Mapping[str, Any]) -> Iterator[str]:
    """Write each finding as one line; `tree` is what was checked."""
    for item in error.errors():
        yield _message(item, tree)


def _message(error: ErrorDetails, tree: Mapping[str, Any]) -> str:
    key, kind, context = _dotted(_without_kinds(error["loc"]), tree), error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(error["loc"], key)
    if kind == "needed":
        return f"{key}.{error['msg']}" if key else error["msg"]
    if kind == "union_tag_invalid":
        return f"{key}.kind must be one of {_listed(context['expected_tags'])}, got {shown(context['tag'])}"
    if kind in _ABOUT_KEY:
        return f"{key} {_ABOUT_KEY[kind] or error['msg']}"
    allowed = _allowed(kind, context) or error["msg"]
    return f"{key or 'the configuration'} must be {allowed}, got {shown(error['input'])}"


def _allowed(kind: str, context: Mapping[str, Any]) -> str | None:
    """Say what a value may be, in the words that go after `must be`."""
    if kind in _BOUNDS:
        return f"{_BOUNDS[kind]} {_number(next(iter(context.values())))}"
    if kind == "literal_error":
        return "one of " + _listed(context["expected"])
    return _EXPECTED.get(kind)


def _listed(expected: object) -> str:
    return str(expected).replace("'", "").replace(" or ", ", ")


def _without_kinds(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Leave out what pydantic puts behind `engine`: the kind whose settings it checked."""
    return tuple(
        part for at, part in enumerate(location) if not (at and location[at - 1] == "engine" and part in SETTINGS_OF)
    )


def _dotted(location: tuple[int | str, ...], tree: Any) -> str:
    """Write a location as the user would: a pass by its name where it has one."""
    parts = []
    for part in location:
        if isinstance(part, int):
            tree = tree[part] if isinstance(tree, list) and part < len(tree) else None
            name = tree.get("name") if isinstance(tree, Mapping) else None
            parts.append(name if isinstance(name, str) and re.match(NAME, name) else str(part))
        else:
            tree = tree.get(part) if isinstance(tree, Mapping) else None
            parts.append(part)
    return ".".join(parts)


def _unknown(location: tuple[int | str, ...], key: str) -> str:
    section, name = _section_at(location[:-1]), str(location[-1])
    known, elsewhere = list(section.model_fields), list[str]()
    prefix = key.rpartition(".")[0]
    if issubclass(section, KindSettings):
        if others := kinds_with(name):
            kind = section.model_fields["kind"].default
            return f"{key} is not a setting of the engine {kind}, but of {', '.join(others)}; {_known(prefix, known)}"
        elsewhere = [key for cls in SETTINGS_OF.values() for key in cls.model_fields]
    near = _near(name, known) or _near(name, elsewhere)
    dotted = [f"{prefix}.{name}" if prefix else name for name in near]
    hint = f"did you mean {dotted[0]}? " if dotted else ""
    return f"{key} is not a setting; {hint}{_known(prefix, known)}"


def _near(name: str, names: list[str]) -> list[str]:
    return difflib.get_close_matches(name, names, n=1, cutoff=0.5)


def _known(prefix: str, names: Iterable[str]) -> str:
    return f"known keys{f' of {prefix}' if prefix else ''}: {', '.join(names)}"


def _section_at(location: Iterable[int | str]) -> type[Section]:
    section: type[Section] = Config
    for part in location:
        if part in SETTINGS_OF and part not in section.model_fields:
            section = SETTINGS_OF[str(part)]
        elif isinstance(part, str) and part != "engine":
            section = _section_in(typing.get_type_hints(section)[part]) or section
    return section


def _section_in(hint: Any) -> type[Section] | None:
    """Find the section in a type such as tuple[PassSettings, ...]."""
    if typing.get_origin(hint) is None and isinstance(hint, type) and issubclass(hint, Section):
        return hint
    sections = (_section_in(argument) for argument in typing.get_args(hint))
    return next((section for section in sections if section is not None), None)


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def shown(value: object) -> str:
    """Write a value that was found, briefly."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a section of keys"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
