"""One configuration out of layers: base.yaml, files, overrides, and what a pass takes over from `engine`.

Later layers win, key by key. Where a layer names another kind of engine, only those keys of the layers below shine
through that the kind has; the keys that a layer gives itself stay, and one that is not its kind's is an error later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prox_spark.config.engines import SETTINGS_OF, fitting
from prox_spark.config.files import merged, overridden

Tree = Mapping[str, Any]


def stack(base: Tree, layers: Sequence[Tree], overrides: Sequence[str]) -> dict[str, Any]:
    """Lay files and then `key=value` overrides on base.yaml.

    Args:
        base: It has every key of every kind, as documentation; those of its own kind count.

    Raises:
        ConfigError: An override cannot be read, or names a pass that is not there.
    """
    tree = {**base, "engine": fitting(base["engine"], base["engine"]["kind"])}
    for layer in layers:
        tree = merged(_under(tree, layer), layer)
    over = tree
    for override in overrides:
        over = overridden(over, override)
    tree = _under(tree, over)
    for override in overrides:
        tree = overridden(tree, override)
    return tree


def with_inherited(tree: Tree) -> dict[str, Any]:
    """Give each pass with an engine of its own the keys of `engine` that its kind has.

    `engine` itself may hold keys that only such passes use; it lets go of them.
    """
    passes, engine = tree.get("passes"), tree.get("engine")
    if not isinstance(passes, list) or not isinstance(engine, Mapping):
        return dict(tree)
    own = [item["engine"] for item in passes if isinstance(item, Mapping) and isinstance(item.get("engine"), Mapping)]
    kinds = [section.get("kind", engine.get("kind")) for section in own]
    elsewhere = {key for kind in kinds if kind in SETTINGS_OF for key in SETTINGS_OF[kind].model_fields}
    kept = fitting(engine, engine.get("kind"))
    left = {key: value for key, value in engine.items() if key in kept or key not in elsewhere}
    return {**tree, "engine": left, "passes": [_inheriting(item, engine) for item in passes]}


def _under(tree: dict[str, Any], over: Tree) -> dict[str, Any]:
    """Give the tree as it shines through a layer that may name another kind of engine."""
    engine, section = tree.get("engine"), over.get("engine")
    if not isinstance(engine, Mapping) or not isinstance(section, Mapping):
        return tree
    kind = section.get("kind", engine.get("kind"))
    return tree if kind == engine.get("kind") else {**tree, "engine": fitting(engine, kind)}


def _inheriting(item: Any, engine: Tree) -> Any:
    if not isinstance(item, Mapping) or not isinstance(item.get("engine"), Mapping):
        return item
    own = item["engine"]
    return {**item, "engine": fitting(engine, own.get("kind", engine.get("kind"))) | own}
