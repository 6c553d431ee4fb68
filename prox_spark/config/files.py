"""Configuration files and overrides as one tree of plain values, before it is checked."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from prox_spark.config.messages import shown
from prox_spark.errors import ConfigError


def base_file() -> Path:
    """Give the path of conf/base.yaml: inside the installed package, or beside it in a source checkout."""
    package = Path(__file__).parents[1]
    inside = package / "conf" / "base.yaml"
    return inside if inside.exists() else package.parent / "conf" / "base.yaml"


class _Loader(yaml.SafeLoader):
    """YAML in which a key stands once in a mapping, and off, on, yes and no are words, as they are since YAML 1.2.

    PyYAML would take the last of two keys in silence, and `speculation: off` for false.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue  # a list or mapping as key is refused elsewhere
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value} stands twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or letter in "tTfF"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parse_yaml(text: str | bytes, where: str) -> Any:
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        what = getattr(error, "problem", None) or str(error).split("\n")[0] or "nested too deeply"
        raise ConfigError(f"{where}{line}: this is not YAML: {what}") from error
    finally:
        if loader is not None:
            loader.dispose()


def read(file: Path) -> dict[str, Any]:
    """Read one YAML file of keys and values."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {file}: {error.strerror or error}") from error
    tree = _parse_yaml(text, str(file))
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise ConfigError(f"{file} must hold keys and values (key: value), got {shown(tree)}")
    return tree


def merged(base: Any, over: Any) -> Any:
    """Lay `over` on `base`, sections key by key, everything else as a whole."""
    if isinstance(base, Mapping) and over is None:
        return base  # a section whose keys are all commented out changes nothing
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    return {**base, **{key: merged(base[key], value) if key in base else value for key, value in over.items()}}


def overridden(tree: Mapping[str, Any], override: str) -> dict[str, Any]:
    """Copy `tree` with one `key=value` set; the value is YAML, a list item goes by its name or number."""
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"--set takes key=value (as in engine.batch_size=8), got {override!r}")
    value = _parse_yaml(text, f"--set {key}")
    parts = key.split(".")
    if parts[0] == "spark" and len(parts) > 1:  # the names of Spark's settings hold dots themselves
        parts = ["spark", key if parts[1] != "spark" else ".".join(parts[1:])]
    changed = _with(tree, parts, value, key)
    return typing.cast("dict[str, Any]", changed)


def _with(node: Any, parts: Sequence[str], value: Any, key: str) -> Any:
    """Copy `node` with the value at `parts` replaced, sections made where there are none yet."""
    if not parts:
        return merged(node, value)
    first, rest = parts[0], parts[1:]
    if isinstance(node, list):
        index = _position(node, first, key)
        return [_with(item, rest, value, key) if at == index else item for at, item in enumerate(node)]
    if node is not None and not isinstance(node, Mapping):
        raise ConfigError(
            f"there is no key {key}: {key[: len(key) - len('.'.join(parts)) - 1]} is a value, not a section"
        )
    section = dict(node or {})
    section[first] = _with(section.get(first), rest, value, key)
    return section


def _position(items: Sequence[Any], name: str, key: str) -> int:
    names = [str(item.get("name")) if isinstance(item, Mapping) else str(item) for item in items]
    if name in names:
        return names.index(name)
    if name.isascii() and name.isdigit() and int(name) < len(items):
        return int(name)
    raise ConfigError(f"there is no {name!r} in {key}; known: {', '.join(names)} (or 0 to {len(items) - 1})")
