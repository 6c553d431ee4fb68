"""The section `engine`: one model per kind, so that a key stands only where it means something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from prox_spark.config.section import Count, Flag, Float, Int, Section, Text

EngineKind = Literal["auto", "tagger", "rules", "transformers", "scripted", "vllm", "openai", "classifier", "fasttext"]
RuleSet = Literal["c4", "gopher", "fineweb"]


class KindSettings(Section):
    """The settings of one kind; hashable, so that one process keeps one live engine per settings."""

    needed: ClassVar[tuple[str, ...]] = ()

    kind: EngineKind

    @model_validator(mode="before")
    @classmethod
    def _has_what_its_kind_needs(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            for key in cls.needed:
                if given.get(key) is None:
                    about = {"key": key, "kind": cls.model_fields["kind"].default}
                    raise PydanticCustomError("needed", "{key} must be given when kind is {kind}, got nothing", about)
        return given


class TaggerSettings(KindSettings):
    """The small model that ships, on a CPU, without torch.

    Attributes:
        model: File with other weights; None takes those that ship.
    """

    kind: Literal["tagger"] = "tagger"
    model: Text | None = None


class RulesSettings(KindSettings):
    """The C4, Gopher and FineWeb rules; no model.

    Attributes:
        rules: Which rule sets are followed.
    """

    kind: Literal["rules"] = "rules"
    rules: Annotated[tuple[RuleSet, ...], Field(min_length=1)] = ("c4", "gopher", "fineweb")


class ScriptedSettings(KindSettings):
    """Given answers, for tests and dry runs.

    Attributes:
        answers: JSON lines file with the answers.
    """

    needed = ("answers",)

    kind: Literal["scripted"] = "scripted"
    answers: Text


class OpenAISettings(KindSettings):
    """An endpoint that speaks OpenAI's completions.

    Attributes:
        url: Base of the endpoint, such as http://127.0.0.1:8000/v1.
        model: The name it is served by.
        revision: Which version of the model is served, where there are several; part of the fingerprint alone.
        key_variable: Environment variable that holds the key; None sends none.
        tokenizer: Folder or hub name of the model's tokenizer; None counts words.
        in_flight: Most requests at a time from one worker.
        attempts: How often a request is tried before the task fails.
        timeout_seconds: How long one answer may take.
    """

    needed = ("url", "model")

    kind: Literal["openai"] = "openai"
    url: Text
    model: Text
    revision: Text | None = None
    key_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,99}$")] | None = None
    tokenizer: Text | None = None
    in_flight: Annotated[Int, Field(ge=1, le=1024)] = 32
    attempts: Annotated[Int, Field(ge=1, le=100)] = 6
    timeout_seconds: Count = 600


class ModelSettings(KindSettings):
    """A language model in the memory of the worker.

    Attributes:
        model: Folder with safetensors, or a name on the hub.
        revision: Commit of a hub model.
        device: Where the model runs; `auto` takes the GPU if there is one.
        dtype: Number type of the weights; `auto` takes float32 on a CPU, bfloat16 on a GPU, float16 on an older one.
        threads: CPU threads of the model; None takes the cores of its Spark task (outside Spark, the library's choice).
    """

    needed = ("model",)

    model: Text
    revision: Text | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    threads: Count | None = None


class _TransformersKeys(Section):
    batch_size: Count | None = None


class _VllmKeys(Section):
    max_sequences: Count | None = None
    max_batched_tokens: Count | None = None
    engines_per_gpu: Count | None = None
    max_model_tokens: Count | None = None
    memory_share: Annotated[Float, Field(gt=0.0, le=1.0)] = 0.9
    cache_gib: Count = 2
    eager: Flag | None = None
    own_process: Flag | None = None
    prefix_caching: Flag = False
    speculation: Literal["off", "ngram"] = "off"
    speculative_tokens: Count = 8


class TransformersSettings(_TransformersKeys, ModelSettings):
    """Any causal language model, by the library transformers.

    Attributes:
        batch_size: Most prompts per forward pass; None takes 16 on a CPU, and on a GPU what its free memory holds.
    """

    kind: Literal["transformers"] = "transformers"


class VllmSettings(_VllmKeys, ModelSettings):
    """The same models by vLLM, which is much faster on a GPU.

    Attributes:
        max_sequences: Prompts decoded at once, in each engine; None takes what vLLM takes for offline use on this card.
        max_batched_tokens: Tokens that one step takes, in each engine; None likewise.
        engines_per_gpu: How often the model is loaded on one GPU; None chooses by its weights, the card and the cores.
        max_model_tokens: Context that memory is kept for; None takes the model's own.
        memory_share: Share of the GPU's memory that vLLM takes, all engines together.
        cache_gib: Memory for the cache of the prompts on a CPU.
        eager: Run without compiled graphs; None compiles on a GPU only.
        own_process: Give the model a process of its own; None does so on a GPU only.
        prefix_caching: Keep what the prompts begin with in common: ProX's share some thirty tokens, those of ReScraper
            2,300.
        speculation: Guess tokens by looking them up in the prompt; the answers stay the same.
        speculative_tokens: Tokens guessed at a time.
    """

    kind: Literal["vllm"] = "vllm"


class ClassifierSettings(_TransformersKeys, ModelSettings):
    """A sequence classifier of transformers, which judges a text with one number.

    Attributes:
        max_tokens: A text is judged by so many of its first tokens.
        label: The output whose probability is the score; None takes the only output of a regression as it is.
    """

    kind: Literal["classifier"] = "classifier"
    max_tokens: Count = 512
    label: Text | None = None


class FastTextSettings(KindSettings):
    """A fastText classifier that the user brings, on a CPU.

    Attributes:
        model: The file.
        label: The label whose probability is the score, such as `__label__hq`.
    """

    needed = ("model", "label")

    kind: Literal["fasttext"] = "fasttext"
    model: Text
    label: Text


class AutoSettings(_VllmKeys, _TransformersKeys, ModelSettings):
    """vLLM where it is installed, else transformers, with the keys of both."""

    kind: Literal["auto"] = "auto"


EngineSettings = Annotated[
    AutoSettings
    | TaggerSettings
    | RulesSettings
    | TransformersSettings
    | ScriptedSettings
    | VllmSettings
    | OpenAISettings
    | ClassifierSettings
    | FastTextSettings,
    Field(discriminator="kind"),
]
"""The settings of one engine, told apart by their `kind`."""

SETTINGS_OF: dict[str, type[KindSettings]] = {
    cls.model_fields["kind"].default: cls for cls in get_args(get_args(EngineSettings)[0])
}
"""By kind, the class of its settings."""

_ANY: TypeAdapter[EngineSettings] = TypeAdapter(EngineSettings)


def kinds_with(key: str) -> list[str]:
    """Name the kinds that have a setting.

    >>> kinds_with("batch_size")
    ['auto', 'transformers', 'classifier']
    """
    return [kind for kind, cls in SETTINGS_OF.items() if key in cls.model_fields]


def fitting(section: Mapping[str, Any], kind: object) -> dict[str, Any]:
    """Keep the keys of a section `engine` that another kind has; all of them where there is no such kind.

    >>> fitting({"kind": "vllm", "model": "m", "max_sequences": 8}, "transformers")
    {'kind': 'transformers', 'model': 'm'}
    """
    cls = SETTINGS_OF.get(kind) if isinstance(kind, str) else None
    if cls is None:  # what is wrong with the kind is said where the whole is checked
        return {**section, "kind": kind}
    return {key: value for key, value in section.items() if key in cls.model_fields} | {"kind": kind}


def engine_settings(section: Mapping[str, Any]) -> EngineSettings:
    """Check a section `engine` by itself.

    Raises:
        ValidationError: A key is not its kind's, or a value cannot be.

    >>> engine_settings({"kind": "rules", "rules": ["c4"]})
    RulesSettings(kind='rules', rules=('c4',))
    """
    return _ANY.validate_python(section)


def as_kind(settings: EngineSettings, kind: EngineKind) -> EngineSettings:
    """Give the settings of another kind, with what both have in common.

    Raises:
        ValidationError: The other kind needs more than that.

    >>> as_kind(VllmSettings(model="m", threads=2), "transformers").threads
    2
    """
    return engine_settings(fitting(settings.model_dump(), kind))
