"""The sections of the configuration: frozen, unknown keys forbidden, each value with its bounds."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, field_validator, model_validator
from pydantic_core import PydanticCustomError

from prox_spark.errors import ConfigError

EngineKind = Literal["tagger", "rules", "transformers", "scripted", "vllm"]
RuleSet = Literal["c4", "gopher", "fineweb"]

_Int = Annotated[int, Strict()]
_Count = Annotated[int, Strict(), Field(ge=1)]
_Size = Annotated[int, Strict(), Field(ge=0)]
_Float = Annotated[float, Strict(), Field(allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1)]
_Share = Annotated[float, Strict(), Field(ge=0.0, le=1.0)]

NAME = r"^[a-z][a-z0-9_-]{0,63}$"
_SECRET = re.compile(r"secret|password|passwd|access[._-]?key|account[._-]?key|session\.token|auth.*\.token", re.I)


class Section(BaseModel):
    """Be the base of every section."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class EngineSettings(Section):
    """Say which engine answers prompts; hashable, so that one process keeps one live engine per settings.

    Attributes:
        kind: Which engine.
        model: Folder with safetensors or hub name (transformers, vllm); file with other weights (tagger).
        revision: Commit, branch or tag of a hub model; pin a commit for a result that can be had again.
        device: Where the model runs; `auto` takes the GPU if there is one.
        dtype: Number type of the weights; `auto` takes bfloat16 on a GPU and float32 on a CPU.
        batch_size: Prompts per forward pass (transformers).
        threads: CPU threads of the model; None leaves the choice to the library.
        answers: JSON lines file with the given answers (scripted).
        rules: Which rule sets the rules engine follows.
    """

    kind: EngineKind = "tagger"
    model: _Text | None = None
    revision: _Text | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch_size: _Count = 16
    threads: _Count | None = None
    answers: _Text | None = None
    rules: Annotated[tuple[RuleSet, ...], Field(min_length=1)] = ("c4", "gopher", "fineweb")

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> EngineSettings:
        needed = {"transformers": "model", "vllm": "model", "scripted": "answers"}.get(self.kind)
        if needed and getattr(self, needed) is None:
            raise PydanticCustomError(
                "needed", "{key} must be given when kind is {kind}, got nothing", {"key": needed, "kind": self.kind}
            )
        return self


class PolicySettings(Section):
    """Say how programs are executed; the fields, defaults and meanings are those of `program.operations.Policy`."""

    mode: Literal["strict", "reference"] = "strict"
    min_source_chars: _Count = 2
    max_matches: _Count = 64
    max_growth: Annotated[_Float, Field(gt=0.0, le=100.0)] = 1.0
    max_rejected_share: _Share = 0.5
    min_words: _Size = 0
    min_kept_share: _Share = 0.0


class PassSettings(Section):
    """Say what one pass is: a name, a profile, and what differs from the profile and the engine of the whole line.

    Attributes:
        name: What `refine NAME`, `apply NAME` and the column `pass_name` call it.
        profile: The refining profile, by name (profiles.py).
        prompt_format: Another prompt format than the profile's; None keeps it.
        parity: Show the model the published prompts token for token, quirks included.
        engine: Another engine than the configuration's; None keeps it.
        policy: How the programs are executed.
    """

    name: Annotated[str, Field(pattern=NAME)]
    profile: _Text
    prompt_format: Literal["llama2", "plain", "raw"] | None = None
    parity: Annotated[bool, Strict()] = False
    engine: EngineSettings | None = None
    policy: PolicySettings = PolicySettings()


class IngestSettings(Section):
    """Say how files become documents.

    Attributes:
        text_column: The column with the text, for the sources jsonl and parquet.
        url_column: The column with the URL, for jsonl and parquet; a record without it has no URL.
        id_column: The column that identifies a record, for jsonl and parquet; None takes the whole record.
        max_record_bytes: Longer records go to quarantine.
        unit_bytes: Work is cut into units of about this many bytes of input.
        shards: Number of values of `documents.shard`; fixed for the life of a lake.
        target_file_bytes: Size of the files written to `documents`, about.
    """

    text_column: _Text = "text"
    url_column: _Text | None = "url"
    id_column: _Text | None = None
    max_record_bytes: _Count = 64 * 1024 * 1024
    unit_bytes: _Count = 64_000_000
    shards: Annotated[_Int, Field(ge=1, le=1_048_576)] = 1024
    target_file_bytes: _Count = 128 * 1024 * 1024


class RefineSettings(Section):
    """Say how texts are handed to the engine.

    Attributes:
        wave_texts: Texts per wave; a wave is one Spark job and one commit, the most that an interruption costs.
        batch_texts: Texts per Arrow batch.
        partitions: Spark partitions per wave; None takes the cores that the session has.
    """

    wave_texts: _Count = 50_000
    batch_texts: _Count = 512
    partitions: _Count | None = None


def _spark_value(value: object) -> object:
    """Write a YAML scalar as Spark does: true, 8, 0.5."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


class Config(Section):
    """Hold every setting of a run.

    Attributes:
        lake: A folder, a URI of a Hadoop file system, or `catalog.schema`.
        spark: Spark settings for a session that prox_spark starts itself.
        engine: The engine of all passes that name no other.
        passes: The passes of `run`, in order.
    """

    lake: _Text = "lake"
    spark: dict[str, Annotated[str, BeforeValidator(_spark_value)]] = {}
    engine: EngineSettings = EngineSettings()
    passes: Annotated[tuple[PassSettings, ...], Field(min_length=1)] = (
        PassSettings(name="doc", profile="tiny-doc"),
        PassSettings(name="chunk", profile="tiny-chunk"),
    )
    ingest: IngestSettings = IngestSettings()
    refine: RefineSettings = RefineSettings()

    @field_validator("spark")
    @classmethod
    def _spark_keys(cls, value: dict[str, str]) -> dict[str, str]:
        for key in value:
            if not key.startswith("spark."):
                raise PydanticCustomError(
                    "spark_key", "may hold only names that begin with spark., got {key}", {"key": key}
                )
            if _SECRET.search(key):
                raise PydanticCustomError(
                    "secret",
                    "must not hold secrets ({key}): settings are stored in the runs table; give it to Spark "
                    "itself (spark-defaults.conf, or the platform's secrets)",
                    {"key": key},
                )
        return value

    @field_validator("passes")
    @classmethod
    def _names_differ(cls, value: tuple[PassSettings, ...]) -> tuple[PassSettings, ...]:
        names = [item.name for item in value]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError("same_name", "must have different names, got {name} twice", {"name": name})
        return value

    def find_pass(self, name: str) -> PassSettings:
        """Give the pass of that name.

        Raises:
            ConfigError: There is none; names those there are.
        """
        for item in self.passes:
            if item.name == name:
                return item
        names = [item.name for item in self.passes]
        raise ConfigError(f"there is no pass {name!r} in the configuration; passes are: {', '.join(names)}")

    def engine_of(self, item: PassSettings) -> EngineSettings:
        """Give the engine of a pass: its own, or else that of the configuration."""
        return item.engine or self.engine
