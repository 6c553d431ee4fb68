"""Settings and their checks: conf/base.yaml, then files, then `--set key=value`; later ones win.

Nothing secret belongs here: the settings of a run are stored in the `runs` table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from prox_spark.config.engines import (
    AutoSettings,
    ClassifierSettings,
    EngineKind,
    EngineSettings,
    FastTextSettings,
    ModelSettings,
    OpenAISettings,
    RuleSet,
    RulesSettings,
    ScriptedSettings,
    TaggerSettings,
    TransformersSettings,
    VllmSettings,
    as_kind,
    engine_settings,
)
from prox_spark.config.files import base_file, read
from prox_spark.config.layers import stack, with_inherited
from prox_spark.config.messages import messages
from prox_spark.config.secrets import secret
from prox_spark.config.sections import (
    AblateSettings,
    Config,
    IngestSettings,
    MlflowSettings,
    NearDuplicatesSettings,
    PassSettings,
    PolicySettings,
    RefineSettings,
)
from prox_spark.errors import ConfigError

__all__ = [
    "AblateSettings",
    "AutoSettings",
    "ClassifierSettings",
    "Config",
    "EngineKind",
    "EngineSettings",
    "FastTextSettings",
    "IngestSettings",
    "MlflowSettings",
    "ModelSettings",
    "NearDuplicatesSettings",
    "OpenAISettings",
    "PassSettings",
    "PolicySettings",
    "RefineSettings",
    "RuleSet",
    "RulesSettings",
    "ScriptedSettings",
    "TaggerSettings",
    "TransformersSettings",
    "VllmSettings",
    "as_kind",
    "base_file",
    "engine_settings",
    "load",
    "secret",
]


def load(files: Sequence[str | Path] = (), overrides: Iterable[str] = ()) -> Config:
    """Read conf/base.yaml, then `files` in order, then `key=value` overrides; later ones win.

    Sections are merged key by key, lists are replaced as a whole. A pass's own `engine` starts from the keys of
    `engine` that its kind has, so it needs only those that differ. In an override the value is YAML and a pass goes by
    its number or its name.

    Raises:
        ConfigError: A file cannot be read, a key is unknown, or a value cannot be.

    >>> load(overrides=["passes.doc.policy.min_words=50"]).passes[0].policy.min_words
    50
    """
    tree = with_inherited(stack(read(base_file()), [read(Path(file)) for file in files], tuple(overrides)))
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError("; ".join(messages(error, tree))) from error
