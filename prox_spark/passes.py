"""A pass: what writes its programs, and a policy, under one name, with the fingerprint that they are stored under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from prox_spark import engines, profiles
from prox_spark.config import Config, EngineSettings, NearDuplicatesSettings, PassSettings
from prox_spark.duplicates import SignatureSettings, signature_fingerprint
from prox_spark.errors import ConfigError, LakeError
from prox_spark.profiles import Brought, Profile
from prox_spark.program import Policy, readers
from prox_spark.program.operations import Level
from prox_spark.program.published import PUBLISHED

NEAR_DUPLICATES = "near_duplicates"
"""The key of a pass under which its settings are, where no engine writes its programs."""

LANGUAGE = "1"
"""Version of the parser and the chunker; raise it when the same completion or text gives another program or chunk."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of the line, ready to run.

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
    def drops_copies(self) -> bool:
        """Say that documents with the same text are each treated alike."""
        return False

    @property
    def key(self) -> dict[str, object]:
        """Give what decides the texts that the pass leaves, and all that executing its programs again needs."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "level": self.level,
            "policy": self.policy.key(),
        }


@dataclass(frozen=True, slots=True)
class NearDuplicatesPass:
    """A pass without an engine: its programs drop the texts that are near-duplicates of earlier ones.

    Attributes:
        name: The column `pass_name`.
        settings: How copies are found, and what becomes of further documents with the same text.
        policy: How the programs are executed: verdicts have no choices.
        fingerprint: Hex sha256 over all that decides the programs.
    """

    name: str
    settings: NearDuplicatesSettings
    policy: Policy
    fingerprint: str

    @property
    def level(self) -> Level:
        """Say that its programs judge documents."""
        return "document"

    @property
    def drops_copies(self) -> bool:
        """Say whether further documents with the same text are dropped."""
        return self.settings.exact == "drop"

    @property
    def key(self) -> dict[str, object]:
        """Give what decides the texts that the pass leaves."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "level": self.level,
            "policy": self.policy.key(),
            NEAR_DUPLICATES: self.settings.model_dump(),
        }


AnyPass = Pass | NearDuplicatesPass


@dataclass(frozen=True, slots=True)
class PastPass:
    """What a version says of a pass that it went through: enough to execute its stored programs again."""

    name: str
    fingerprint: str
    level: Level
    policy: Policy
    near_duplicates: NearDuplicatesSettings | None = None

    @property
    def drops_copies(self) -> bool:
        """Say whether further documents with the same text were dropped."""
        return self.near_duplicates is not None and self.near_duplicates.exact == "drop"


@dataclass(frozen=True, slots=True)
class Chain:
    """The passes that rows of the corpus went through, in order, as a version records them.

    Attributes:
        keys: What decides the texts that each pass leaves, as JSON; equal keys, equal passes.
    """

    keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, passes: Iterable[AnyPass]) -> Chain:
        """Give the chain of some passes, in order."""
        return cls(tuple(json.dumps(pass_.key, sort_keys=True) for pass_ in passes))

    @classmethod
    def from_json(cls, text: str | None) -> Chain:
        """Read what `to_json` wrote; a command that went through no pass may have left it out.

        >>> len(Chain.from_json('[{"name": "doc"}, {"name": "chunk"}]')), len(Chain.from_json(None))
        (2, 0)
        """
        return cls(tuple(json.dumps(key, sort_keys=True) for key in json.loads(text or "[]")))

    def to_json(self) -> str:
        """Write the chain as one JSON list, the form in which commits and `runs` keep it.

        >>> Chain().to_json()
        '[]'
        """
        return f"[{', '.join(self.keys)}]"

    def __len__(self) -> int:
        """Count the passes."""
        return len(self.keys)

    @property
    def last(self) -> dict[str, object]:
        """Give the key of the last pass: `name`, `fingerprint`, `level` and `policy`.

        Raises:
            IndexError: There is none.
        """
        return dict(json.loads(self.keys[-1]))

    def shared_with(self, other: Chain) -> int | None:
        """Count the passes that both begin with, where one is the beginning of the other; None where they part.

        >>> doc, chunk = ('{"name": "doc"}',), ('{"name": "chunk"}',)
        >>> Chain(doc).shared_with(Chain(doc + chunk)), Chain().shared_with(Chain(doc))
        (1, 0)
        >>> Chain(chunk).shared_with(Chain(doc + chunk)) is None
        True
        """
        shared = min(len(self), len(other))
        return shared if self.keys[:shared] == other.keys[:shared] else None

    def passes(self) -> tuple[PastPass, ...]:
        """Give the passes, as far as executing their stored programs needs them.

        Raises:
            LakeError: Another version of prox_spark wrote the chain, and did not say enough.
        """
        try:
            return tuple(_past_pass(json.loads(key)) for key in self.keys)
        except (KeyError, TypeError, ValueError) as error:
            raise LakeError(f"a version was made by another version of prox_spark, its passes lack {error}") from error


def resolve(config: Config) -> tuple[AnyPass, ...]:
    """Make the passes of a configuration, in order.

    Raises:
        ConfigError: A pass names a profile that does not exist; lists those there are.
        EngineError: An engine's model cannot be found.
    """
    return tuple(_resolve(config, settings) for settings in config.passes)


def up_to(config: Config, pass_name: str) -> tuple[AnyPass, ...]:
    """Make the passes of a configuration up to and with the named one, in order.

    Raises:
        ConfigError: There is no such pass, or one names a profile that does not exist.
        EngineError: An engine's model cannot be found.
    """
    config.find_pass(pass_name)
    names = [item.name for item in config.passes]
    return resolve(config)[: names.index(pass_name) + 1]


def signature_settings(settings: NearDuplicatesSettings) -> SignatureSettings:
    """Give the settings that decide the signature of a text, and nothing else."""
    return SignatureSettings(settings.words, settings.bands, settings.band_hashes, settings.fold_digits)


def conf(config: Config, chain: Sequence[AnyPass]) -> str:
    """Write the settings that decide what the last pass of a chain does as JSON, for the column `conf` of `runs`."""
    *behind, pass_ = chain
    settings: dict[str, object] = {"pass": pass_.key, "behind": [earlier.key for earlier in behind]}
    if isinstance(pass_, Pass):
        settings |= {"profile": pass_.profile.name, "engine": pass_.engine.model_dump()}
    return json.dumps(settings | {"refine": config.refine.model_dump()}, sort_keys=True)


def _past_pass(key: dict[str, Any]) -> PastPass:
    settings = key.get(NEAR_DUPLICATES)
    found = None if settings is None else NearDuplicatesSettings(**settings)
    return PastPass(key["name"], key["fingerprint"], key["level"], Policy(**key["policy"]), found)


def _resolve(config: Config, settings: PassSettings) -> AnyPass:
    if settings.kind == "near_duplicates":
        return _near_duplicates(settings)
    profile = profiles.find(
        settings.profile or "",
        prompt_format=settings.prompt_format,
        parity=settings.parity,
        constrain=settings.constrain,
        brought=Brought(settings.system_file, settings.system_sha256, settings.marker, settings.line_base),
    )
    engine = engines.resolve(config.engine_of(settings))
    _check_fit(settings.name, profile, engine)
    parts = (LANGUAGE, profiles.profile_fingerprint(profile), engines.fingerprint(engine))
    fingerprint = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    policy = Policy(**settings.policy.model_dump(), grammar=profile.grammar)
    if policy.mode == "reference" and policy.grammar not in ("prox", "score", *PUBLISHED):
        raise ConfigError(f"pass {settings.name}: no executor is published for {policy.grammar}; mode must be strict")
    return Pass(settings.name, profile, engine, policy, fingerprint)


def _check_fit(name: str, profile: Profile, engine: EngineSettings) -> None:
    """Refuse what is known not to work before anything is loaded.

    Raises:
        ConfigError: Nothing reads the answers, or one of profile and engine is for scores and the other is not.
    """
    if profile.grammar not in readers.GRAMMARS:
        raise ConfigError(f"passes.{name}: this version cannot read the answers of the profile {profile.name}")
    scores, kind = profile.grammar == "score", engine.kind
    if engines.KINDS[kind].scores and not scores:
        raise ConfigError(f"passes.{name}: an engine of kind {kind} gives scores: take the profile score-doc")
    if scores and not engines.KINDS[kind].scores and kind != "scripted":
        raise ConfigError(
            f"passes.{name}: the profile {profile.name} needs engine.kind classifier or fasttext, got {kind}"
        )


def _near_duplicates(settings: PassSettings) -> NearDuplicatesPass:
    found = settings.near_duplicates
    decides = {"threshold": found.threshold, "measure": found.measure, "scope": found.scope}
    parts = (LANGUAGE, NEAR_DUPLICATES, signature_fingerprint(signature_settings(found)), decides)
    fingerprint = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return NearDuplicatesPass(settings.name, found, Policy(), fingerprint)
