"""A pass: a profile, an engine and a policy under one name, with the fingerprint that its programs are stored under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from prox_spark import engines, profiles
from prox_spark.config import Config, EngineSettings, PassSettings
from prox_spark.profiles import Profile
from prox_spark.program import Policy

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
    def key(self) -> dict[str, object]:
        """Give what decides the texts that the pass leaves: its name, programs and policy."""
        return {"name": self.name, "fingerprint": self.fingerprint, "policy": asdict(self.policy)}


def resolve(config: Config) -> tuple[Pass, ...]:
    """Make the passes of a configuration, in order.

    Raises:
        ConfigError: A pass names a profile that does not exist; lists those there are.
        EngineError: An engine's model cannot be found.
    """
    return tuple(_resolve(config, settings) for settings in config.passes)


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
    engine = engines.chosen(config.engine_of(settings))
    parts = (LANGUAGE, profiles.profile_fingerprint(profile), engines.fingerprint(engine))
    fingerprint = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return Pass(settings.name, profile, engine, Policy(**settings.policy.model_dump()), fingerprint)
