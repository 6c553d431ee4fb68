"""Settings and their checks: conf/base.yaml, then files, then `--set key=value`; later ones win.

Nothing secret belongs here: the settings of a run are stored in the `runs` table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prox_spark.config.files import base_file, merged, overridden, read
from prox_spark.config.messages import messages
from prox_spark.config.secrets import secret
from prox_spark.config.sections import (
    Config,
    EngineKind,
    EngineSettings,
    IngestSettings,
    MlflowSettings,
    PassSettings,
    PolicySettings,
    RefineSettings,
    RuleSet,
)
from prox_spark.errors import ConfigError

__all__ = [
    "Config",
    "EngineKind",
    "EngineSettings",
    "IngestSettings",
    "MlflowSettings",
    "PassSettings",
    "PolicySettings",
    "RefineSettings",
    "RuleSet",
    "base_file",
    "load",
    "secret",
]


def load(files: Sequence[str | Path] = (), overrides: Iterable[str] = ()) -> Config:
    """Read conf/base.yaml, then `files` in order, then `key=value` overrides; later ones win.

    Sections are merged key by key, lists are replaced as a whole. A pass's own `engine` starts from `engine`, so it
    needs only the keys that differ. In an override the value is YAML and a pass goes by its number or its name.

    Raises:
        ConfigError: A file cannot be read, a key is unknown, or a value cannot be.

    >>> load(overrides=["passes.doc.policy.min_words=50"]).passes[0].policy.min_words
    50
    """
    tree = read(base_file())
    for file in files:
        tree = merged(tree, read(Path(file)))
    for override in overrides:
        tree = overridden(tree, override)
    return _checked(tree)


def _checked(tree: Mapping[str, Any]) -> Config:
    passes = tree.get("passes")
    if isinstance(passes, list) and isinstance(tree.get("engine"), Mapping):
        passes = [_inheriting(item, tree["engine"]) for item in passes]
    try:
        return Config.model_validate({**tree, "passes": passes} if passes is not None else dict(tree))
    except ValidationError as error:
        raise ConfigError("; ".join(messages(error, tree))) from error


def _inheriting(item: Any, engine: Mapping[str, Any]) -> Any:
    if isinstance(item, Mapping) and isinstance(item.get("engine"), Mapping):
        return {**item, "engine": merged(engine, item["engine"])}
    return item
