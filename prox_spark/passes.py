"""A pass: a profile, an engine and a policy under one name, with the fingerprint that its programs are stored under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from prox_spark import engines, profiles
from prox_spark.config import Config, EngineSettings, PassSettings
from prox_spark.errors import LakeError
from prox_spark.profiles import Profile
from prox_spark.program import Policy
from prox_spark.program.operations import Level

LANGUAGE = "1"
"""Version of the parser and the chunker; raise it when the same completion or text gives another program or chunk."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Hold one pass of the line, ready to run.

    Attributes:
        name: The column `pass_name`.
        profile: How a text becomes prompts.
        engine: Who answers them.
        policy: How the programs are executed; not part of the fingerprint, so another policy needs no inference.
        fingerprint: Hex sha256 over all that decides the programs: profile, chunker, grammar, model and tokenizer.
    """

    name: str
    profile: Profile
    engine: EngineSettings
    policy: Policy
    fingerprint: str

    @property
    def level(self) -> Level:
        """Say whether its programs judge a document or edit its chunks."""
        return self.profile.level

    @property
    def key(self) -> dict[str, object]:
        """Give what decides the texts that the pass leaves, and all that executing its programs again needs."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "level": self.level,
            "policy": asdict(self.policy),
        }


@dataclass(frozen=True, slots=True)
class PastPass:
    """Hold what a version says of a pass that it went through: enough to execute its stored programs again."""

    name: str
    fingerprint: str
    level: Level
    policy: Policy


def past(keys: Sequence[Mapping[str, Any]]) -> tuple[PastPass, ...]:
    """Read a chain of passes, as versions record it; the opposite of `chain`.

    >>> past([{"name": "doc", "fingerprint": "1f", "level": "document", "policy": {}}])[0].level
    'document'

    Raises:
        LakeError: An older version of prox_spark wrote it, and did not say enough.
    """
    try:
        return tuple(
            PastPass(item["name"], item["fingerprint"], item["level"], Policy(**item["policy"])) for item in keys
        )
    except (KeyError, TypeError) as error:
        raise LakeError(f"a version was made by another version of prox_spark, its passes lack {error}") from error


def resolve(config: Config) -> tuple[Pass, ...]:
    """Make the passes of a configuration, in order.

    Raises:
        ConfigError: A pass names a profile that does not exist; lists those there are.
        EngineError: An engine's model cannot be found.
    """
    return tuple(_resolve(config, settings) for settings in config.passes)


def up_to(config: Config, pass_name: str) -> tuple[Pass, ...]:
    """Make the passes of a configuration up to and with the named one, in order.

    Raises:
        ConfigError: There is no such pass, or one names a profile that does not exist.
        EngineError: An engine's model cannot be found.
    """
    config.find_pass(pass_name)
    names = [item.name for item in config.passes]
    return resolve(config)[: names.index(pass_name) + 1]


def conf(config: Config, pass_: Pass) -> str:
    """Write the settings that decide what a pass does as JSON, for the column `conf` of `runs`."""
    settings = {"pass": pass_.key, "profile": pass_.profile.name, "engine": pass_.engine.model_dump()}
    return json.dumps(settings | {"refine": config.refine.model_dump()}, sort_keys=True)


def chain(passes: Sequence[Pass]) -> str:
    """Write an ordered list of passes as JSON, the form in which a version says what it went through.

    >>> chain([])
    '[]'
    """
    return json.dumps([item.key for item in passes], sort_keys=True)


def _resolve(config: Config, settings: PassSettings) -> Pass:
    profile = profiles.find(
        settings.profile,
        prompt_format=settings.prompt_format,
        parity=settings.parity,
        constrain=settings.constrain,
    )
    engine = engines.resolve(config.engine_of(settings))
    parts = (LANGUAGE, profiles.profile_fingerprint(profile), engines.fingerprint(engine))
    fingerprint = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return Pass(settings.name, profile, engine, Policy(**settings.policy.model_dump()), fingerprint)
