"""The sections of the configuration beside `engine`, and the whole."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from prox_spark.config.engines import EngineSettings, TaggerSettings
from prox_spark.config.section import Count, Flag, Float, Int, Section, Share, Size, Text
from prox_spark.errors import ConfigError

NAME = r"^[a-z][a-z0-9_-]{0,63}$"
_SECRET = re.compile(r"secret|password|passwd|access[._-]?key|account[._-]?key|session\.token|auth.*\.token", re.I)


class PolicySettings(Section):
    """How programs are executed; the fields, defaults and meanings are those of `program.operations.Policy`.

    The one field of it that is missing is `grammar`, which the profile says.
    """

    mode: Literal["strict", "reference"] = "strict"
    min_source_chars: Count = 2
    max_matches: Count = 64
    max_growth: Annotated[Float, Field(gt=0.0, le=100.0)] = 1.0
    max_rejected_share: Share = 0.5
    min_words: Size = 0
    min_kept_share: Share = 0.0
    insert: Literal["reject", "source_words", "accept"] = "source_words"
    rewrite: Literal["reject", "source_words", "accept"] = "reject"
    max_target_chars: Size = 150
    max_line_chars: Size = 200
    max_added_lines: Size = 10
    min_score: Float | None = None


class NearDuplicatesSettings(Section):
    """How a pass of the kind `near_duplicates` finds the copies of a text; the defaults of a signature are FineWeb's.

    Attributes:
        words: Words of a shingle; in scripts without spaces each character is a word.
        bands: Bands of a signature; two texts are compared when one of their bands is the same.
        band_hashes: Hashes of a band.
        fold_digits: Let all digits count as the same.
        threshold: Texts at least as similar are copies.
        measure: What is compared with the threshold: the Jaccard similarity of all shingles, or its estimate by the
            hashes of the signatures, which reads no text.
        scope: Which texts are compared with each other: all, those of one source, or those of one of its snapshots.
        exact: What becomes of further documents with the very same text: `keep` leaves them, `drop` drops them. It is
            decided by `apply`; changing it needs no new comparison.
    """

    words: Annotated[Int, Field(ge=1, le=100)] = 5
    bands: Annotated[Int, Field(ge=1, le=1000)] = 14
    band_hashes: Annotated[Int, Field(ge=1, le=100)] = 8
    fold_digits: Flag = True
    threshold: Annotated[Float, Field(gt=0.0, le=1.0)] = 0.75
    measure: Literal["shingles", "signatures"] = "shingles"
    scope: Literal["all", "source", "snapshot"] = "all"
    exact: Literal["keep", "drop"] = "keep"


class PassSettings(Section):
    """One pass: a name, what writes its programs, and what differs from the profile and the engine of the whole line.

    Attributes:
        name: What `refine NAME`, `apply NAME` and the column `pass_name` call it.
        kind: `engine`, whose programs an engine writes, or `near_duplicates`, which drops the copies of earlier texts.
        near_duplicates: How copies are found, for the kind of that name.
        profile: The refining profile, by name (profiles.py), which the kind `engine` needs.
        prompt_format: Another prompt format than the profile's; None keeps it.
        parity: Show the model the published prompts token for token, quirks included.
        constrain: Let the model write nothing but programs about the lines it is shown; None keeps the profile's.
        system_file: The system text, for profiles whose own is not ours to ship: a text file, or a Python file in which
            it is a string.
        system_sha256: Hash that this text must have; None takes the profile's, where it is known.
        marker: How the profile numbers lines, where that is not known; None keeps the profile's.
        line_base: The number of the first line; None keeps the profile's.
        engine: Another engine than the configuration's; None keeps it.
        policy: How the programs are executed.
    """

    name: Annotated[str, Field(pattern=NAME)]
    kind: Literal["engine", "near_duplicates"] = "engine"
    near_duplicates: NearDuplicatesSettings = NearDuplicatesSettings()
    profile: Text | None = None
    prompt_format: Literal["llama2", "plain", "raw", "chatml"] | None = None
    parity: Flag = False
    constrain: Flag | None = None
    system_file: Text | None = None
    system_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    marker: Text | None = None
    line_base: Annotated[Int, Field(ge=0, le=1)] | None = None
    engine: EngineSettings | None = None
    policy: PolicySettings = PolicySettings()

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> PassSettings:
        if self.kind == "engine" and self.profile is None:
            raise PydanticCustomError("needed", "profile is missing: the kind engine needs one")
        shared = {"name", "kind"}
        own = (
            {"near_duplicates"}
            if self.kind == "near_duplicates"
            else set(type(self).model_fields) - {"near_duplicates"}
        )
        for key, field in type(self).model_fields.items():
            if key not in shared | own and getattr(self, key) != field.default:
                about = {"key": key, "kind": self.kind}
                raise PydanticCustomError("needed", "{key} means nothing when kind is {kind}: leave it out", about)
        return self


class IngestSettings(Section):
    """How files become documents.

    Attributes:
        text_column: The column with the text, for the sources jsonl and parquet.
        url_column: The column with the URL, for jsonl and parquet; a record without it has no URL.
        id_column: The column that identifies a record, for jsonl and parquet; None takes the whole record.
        max_record_bytes: Longer records go to quarantine; a row of Spark ends at 2 GB.
        max_window_bytes: Files whose decompression needs more memory than this go to quarantine.
        unit_bytes: Work is cut into units of about this many bytes of input.
        shards: Number of values of `documents.shard`; fixed for the life of a lake.
        target_file_bytes: Size of the files written to `documents`, about.
    """

    text_column: Text = "text"
    url_column: Text | None = "url"
    id_column: Text | None = None
    max_record_bytes: Annotated[Int, Field(ge=1, le=1 << 30)] = 64 * 1024 * 1024
    max_window_bytes: Annotated[Int, Field(ge=1 << 20, le=1 << 31)] = 1 << 31
    unit_bytes: Count = 64_000_000
    shards: Annotated[Int, Field(ge=1, le=1_048_576)] = 1024
    target_file_bytes: Count = 128 * 1024 * 1024


class RefineSettings(Section):
    """How texts are handed to the engine.

    Attributes:
        wave_texts: Texts per wave; a wave is one Spark job and one commit, the most that an interruption costs.
        batch_texts: Texts per Arrow batch.
        partitions: Spark partitions per wave; None takes what the engine asks for: some for each GPU or executor where
            it holds a model (one in a local session), else one for each core.
        preflight_texts: Texts that a model answers before the first wave, to see whether it fits; 0 skips it.
        preflight_share: Share of these answers that must be programs.
        gpu_hour_price: Price of one GPU hour, in any money; None leaves cost out.
    """

    wave_texts: Count = 50_000
    batch_texts: Count = 512
    partitions: Count | None = None
    preflight_texts: Size = 8
    preflight_share: Share = 0.2
    gpu_hour_price: Annotated[Float, Field(ge=0.0)] | None = None


class AblateSettings(Section):
    """How small models judge corpora (`ablate`).

    Attributes:
        size: The model by name: `nano` for a CPU, `small` and `base` for GPUs.
        tokens: Tokens that a run trains on; None takes the size's.
        batch: Sequences of a step, over all devices; None takes the size's.
        seeds: Runs of each corpus; intervals need two.
        equal: What the runs have in common: the tokens that they train on, or FLOPs with refining counted.
        refiner_parameters: Weights of the model that refined, for equal FLOPs.
        model_parameters: Weights of the model whose FLOPs are counted; None takes the one that is trained.
        held_out_share: Share of the sites that is held out where no texts are given to judge on.
        held_out_mb: MB of text that is judged on at most, of each set.
        device_batch: Sequences that a device takes at once; None takes its part of a step.
        bf16: Whether most of the arithmetic is done in bfloat16; None says yes where the device computes in it.
        threads: Threads of torch on a CPU.
        workers: Processes that train one model, through Spark's TorchDistributor where more than one.
        local: Whether those processes run on the driver rather than on the cluster.
        save_every: Steps between checkpoints; a run that was cut off goes on from the last.
        keep_models: Whether the trained models are kept.
    """

    size: Literal["nano", "small", "base"] = "nano"
    tokens: Count | None = None
    batch: Count | None = None
    seeds: Count = 3
    equal: Literal["tokens", "flops"] = "tokens"
    refiner_parameters: Count | None = None
    model_parameters: Count | None = None
    held_out_share: Share = 0.02
    held_out_mb: Annotated[Float, Field(gt=0.0, le=256.0)] = 8.0
    device_batch: Count | None = None
    bf16: Flag | None = None
    threads: Count = 1
    workers: Count = 1
    local: Flag = True
    save_every: Count = 500
    keep_models: Flag = False


class MlflowSettings(Section):
    """Where commands are logged in MLflow.

    Attributes:
        experiment: Name of the experiment; None logs nothing.
    """

    experiment: Text | None = None


def _spark_value(value: object) -> object:
    """Write a YAML scalar as Spark does: true, 8, 0.5."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


class Config(Section):
    """Every setting of a run.

    Attributes:
        lake: A folder, a URI of a Hadoop file system, or `catalog.schema`.
        spark: Spark settings for a session that prox_spark starts itself.
        engine: The engine of all passes that name no other.
        passes: The passes of `run`, in order.
        ingest: How files become documents.
        refine: How texts are handed to the engine.
        ablate: How small models judge corpora.
        mlflow: Where commands are logged besides the table `runs`.
    """

    lake: Text = "lake"
    spark: dict[str, Annotated[str, BeforeValidator(_spark_value)]] = Field(default_factory=dict)
    engine: EngineSettings = TaggerSettings()
    passes: Annotated[tuple[PassSettings, ...], Field(min_length=1)] = (
        PassSettings(name="doc", profile="tiny-doc"),
        PassSettings(name="chunk", profile="tiny-chunk"),
    )
    ingest: IngestSettings = IngestSettings()
    refine: RefineSettings = RefineSettings()
    ablate: AblateSettings = AblateSettings()
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
        """Find the pass of that name.

        Raises:
            ConfigError: There is none; names those there are.
        """
        for item in self.passes:
            if item.name == name:
                return item
        names = [item.name for item in self.passes]
        raise ConfigError(f"there is no pass {name!r} in the configuration; passes are: {', '.join(names)}")

    def engine_of(self, item: PassSettings) -> EngineSettings:
        """Choose the engine of a pass: its own, or else that of the configuration."""
        return item.engine or self.engine
