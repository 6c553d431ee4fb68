"""The sections of the configuration: frozen, unknown keys forbidden, each value with its bounds."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, field_validator, model_validator
from pydantic_core import PydanticCustomError

from prox_spark.errors import ConfigError

EngineKind = Literal["auto", "tagger", "rules", "transformers", "scripted", "vllm", "openai"]
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
        dtype: Number type of the weights; `auto` takes float32 on a CPU, bfloat16 on a GPU, float16 on an older one.
        batch_size: Prompts per forward pass (transformers).
        threads: CPU threads of the model; None takes the cores of its Spark task (outside Spark, the library's choice).
        max_sequences: Prompts decoded at once (vllm).
        max_model_tokens: Context that memory is kept for (vllm); None takes the model's own.
        memory_share: Share of the GPU's memory that vLLM takes.
        cache_gib: Memory for the cache of the prompts on a CPU (vllm).
        eager: Run without compiled graphs (vllm); None compiles on a GPU only.
        own_process: Give the model a process of its own (vllm); None does so on a GPU only.
        speculation: Guess tokens by looking them up in the prompt (vllm); the answers stay the same.
        speculative_tokens: Tokens guessed at a time.
        url: Base of the endpoint, such as http://127.0.0.1:8000/v1 (openai).
        key_variable: Environment variable that holds the key (openai); None sends none.
        tokenizer: Folder or hub name of the endpoint's tokenizer (openai); None counts words.
        in_flight: Most requests at a time from one worker (openai).
        attempts: How often a request is tried before the task fails (openai).
        timeout_seconds: How long one answer may take (openai).
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
    max_sequences: _Count = 256
    max_model_tokens: _Count | None = None
    memory_share: Annotated[_Float, Field(gt=0.0, le=1.0)] = 0.9
    cache_gib: _Count = 2
    eager: Annotated[bool, Strict()] | None = None
    own_process: Annotated[bool, Strict()] | None = None
    speculation: Literal["off", "ngram"] = "off"
    speculative_tokens: _Count = 8
    url: _Text | None = None
    key_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,99}$")] | None = None
    tokenizer: _Text | None = None
    in_flight: Annotated[_Int, Field(ge=1, le=1024)] = 32
    attempts: Annotated[_Int, Field(ge=1, le=100)] = 6
    timeout_seconds: _Count = 600
    answers: _Text | None = None
    rules: Annotated[tuple[RuleSet, ...], Field(min_length=1)] = ("c4", "gopher", "fineweb")

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> EngineSettings:
        models = dict.fromkeys(("auto", "transformers", "vllm"), ("model",))
        for needed in {**models, "openai": ("url", "model"), "scripted": ("answers",)}.get(self.kind, ()):
            if getattr(self, needed) is None:
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
        constrain: Let the model write nothing but programs about the lines it is shown; None keeps the profile's.
        engine: Another engine than the configuration's; None keeps it.
        policy: How the programs are executed.
    """

    name: Annotated[str, Field(pattern=NAME)]
    profile: _Text
    prompt_format: Literal["llama2", "plain", "raw"] | None = None
    parity: Annotated[bool, Strict()] = False
    constrain: Annotated[bool, Strict()] | None = None
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
        partitions: Spark partitions per wave; None takes what the engine asks for: some for each GPU or executor where
            it holds a model (one in a local session), else one for each core.
        preflight_texts: Texts that a model answers before the first wave, to see whether it fits; 0 skips it.
        preflight_share: Share of these answers that must be programs.
        gpu_hour_price: Price of one GPU hour, in any money; None leaves cost out.
    """

    wave_texts: _Count = 50_000
    batch_texts: _Count = 512
    partitions: _Count | None = None
    preflight_texts: _Size = 8
    preflight_share: _Share = 0.2
    gpu_hour_price: Annotated[_Float, Field(ge=0.0)] | None = None


class MlflowSettings(Section):
    """Say where commands are logged in MLflow.

    Attributes:
        experiment: Name of the experiment; None logs nothing.
    """

    experiment: _Text | None = None


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
        ingest: How files become documents.
        refine: How texts are handed to the engine.
        mlflow: Where commands are logged besides the table `runs`.
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
    mlflow: MlflowSettings = MlflowSettings()

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
