"""What a training run is made of: one frozen section per recipe, read from a YAML file; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from prox_spark.config import files
from prox_spark.config.section import Section
from prox_spark.errors import ConfigError

_Share = Annotated[float, Field(ge=0.0, le=1.0)]
_Count = Annotated[int, Field(ge=1)]
_Value = TypeVar("_Value")


def _named(paths: tuple[str, ...]) -> tuple[str, ...]:
    if not paths:
        raise ValueError("names no file; --set 'data=[pages.parquet]' names yours")
    return paths


Files = Annotated[tuple[str, ...], AfterValidator(_named)]
"""Parquet files, at least one: the recipes that ship name none, as the data are the user's."""


class Shape(Section):
    """The size of the tagger's network.

    Attributes:
        word: Length of a word's vector.
        hidden: Width of the layer that the numbers go through first.
        width: Length of a line's vector.
        heads: Heads of the attention.
        feed: Width inside a block.
        blocks: How many blocks.
        distances: How many different distances between lines the attention knows; odd.
    """

    word: _Count = 64
    hidden: _Count = 64
    width: _Count = 128
    heads: _Count = 4
    feed: _Count = 384
    blocks: _Count = 4
    distances: _Count = 33


class Course(Section):
    """How long and how fast the tagger's network learns.

    Attributes:
        epochs: How often it sees every page.
        lines: Lines of a batch, padding included.
        rate: The highest learning rate; it rises over the first twentieth and falls to a hundredth as a cosine.
        decay: Weight decay, not on the words.
        dropout: Share of the values that are dropped while training.
        overlap: Weight of the loss on the overlap of kept words (1 - F1 with probabilities for words).
        worth: Weight of the loss on the page beside the loss on the lines.
        mean: How slowly the running mean of the weights moves; the mean is what is kept.
        seed: Of everything that is random.
        threads: Threads of torch.
    """

    epochs: _Count = 5
    lines: _Count = 3072
    rate: Annotated[float, Field(gt=0)] = 2e-3
    decay: Annotated[float, Field(ge=0)] = 0.02
    dropout: _Share = 0.15
    overlap: Annotated[float, Field(ge=0)] = 0.0
    worth: Annotated[float, Field(ge=0)] = 0.1
    mean: _Share = 0.997
    seed: int = 1
    threads: _Count = 1


class Changes(Section):
    """How often a page is changed in which way before the tagger's network sees it.

    Attributes:
        cut: Runs of boilerplate are left out.
        mixed: The boilerplate around the content comes from another page.
        wordless: All words but those of interfaces are forgotten, and the shapes are those of a foreign script.
        forgotten: The most of a page's words that are forgotten otherwise.
        noise: Spread of the noise on the numbers.
        bare: Only the content or only boilerplate is left, to learn which pages are worth keeping.
    """

    cut: _Share = 0.4
    mixed: _Share = 0.15
    wordless: _Share = 0.15
    forgotten: _Share = 0.5
    noise: Annotated[float, Field(ge=0)] = 0.05
    bare: _Share = 0.06


class TaggerRecipe(Section):
    """A recipe for the tagger.

    Attributes:
        kind: `tagger`.
        data: Parquet files with labelled pages.
        sources: Only pages of these data sets; licences decide which.
        validation_folds: Folds that training does not see; the best epoch and the thresholds are chosen there.
        out: The folder of the run: checkpoints, tagger.safetensors and run.json.
        domains: On the pages of how many sites a word or phrase must stand to be known.
        members: How many networks, each with a seed of its own, answer together: their logits are averaged.
        shape: How large a network is.
        course: How it learns.
        changes: How the pages are changed.
    """

    kind: Literal["tagger"]
    data: Files
    sources: tuple[str, ...] = ()
    validation_folds: tuple[int, ...] = (0,)
    out: str = "runs/tagger"
    domains: _Count = 4
    members: _Count = 1
    shape: Shape = Shape()
    course: Course = Course()
    changes: Changes = Changes()


class Scratch(Section):
    """The size of a causal model made from nothing, and what its tokenizer knows.

    Attributes:
        vocabulary: Pieces of text, learned from the lines as they are shown.
        numbers: Line numbers that are one token each, as a marker and in the two verdicts.
        width: Hidden size.
        feed: Width inside a layer.
        layers: Layers.
        heads: Heads of the attention.
        context: Positions.
    """

    vocabulary: _Count = 2000
    numbers: _Count = 1000
    width: _Count = 192
    feed: _Count = 512
    layers: _Count = 4
    heads: _Count = 6
    context: _Count = 1280


class CausalRecipe(Section):
    """A recipe by which a causal language model learns to write programs.

    Attributes:
        kind: `causal`.
        base: Folder or hub name of the model to start from; None makes a small one from nothing (`scratch`).
        revision: Commit of a hub model.
        data: Parquet files with pairs of `text` and `program`, or with labelled pages (`text`, `keep`).
        sources: Only pages of these data sets.
        teacher: Weights of a tagger that a model from nothing learns from beside the labels, `shipped` for those that
            ship; None learns from the labels alone.
        validation_folds: Folds that training does not see; the best checkpoint by F1 of kept words there is kept.
        validation_pages: How many pages of them are generated for.
        profile: How a text becomes prompts.
        out: The folder of the run; the model is in `model` inside it.
        scratch: The model made from nothing; it learns from labelled pages.
        changes: How a model from nothing is shown the pages: `forgotten` is the most of a chunk's pieces of text that
            stand for each other; `wordless` and `noise` are the tagger's alone.
        flipped: Share of the earlier verdicts that it is shown wrongly, so that it does not lean on them.
        overlap: Weight of the loss on the overlap of kept words, as the tagger's, in a model from nothing.
        documents: Share of the pairs of a model from nothing that ask for a verdict on a whole page (`tiny-doc`).
        dropped: Share of those with a page that is not worth keeping by the rules.
        lora_rank: Rank of LoRA adapters (needs peft); 0 trains all weights.
        epochs: How often it sees every pair.
        batch: Pairs per step and device.
        bf16: Whether most of the arithmetic is done in bfloat16, on a CPU or GPU that is faster at it.
        rate: The highest learning rate.
        steps: Ends after so many steps, -1 after the epochs.
        save_every: Steps between checkpoints; a run that was cut off goes on from the last.
        seed: Of everything that is random.
        threads: Threads of torch on a CPU.
        workers: Processes, through Spark's TorchDistributor where more than one.
        local: Whether those processes run on the driver rather than on the cluster.
    """

    kind: Literal["causal"]
    base: str | None = None
    revision: str | None = None
    data: Files
    sources: tuple[str, ...] = ()
    teacher: str | None = None
    validation_folds: tuple[int, ...] = (0,)
    validation_pages: int = 40
    profile: str = "tiny-lm-chunk"
    out: str = "runs/causal"
    scratch: Scratch = Scratch()
    changes: Changes = Changes()
    lora_rank: Annotated[int, Field(ge=0)] = 0
    epochs: float = 3.0
    batch: _Count = 8
    bf16: bool = False
    rate: Annotated[float, Field(gt=0)] = 1e-4
    flipped: _Share = 0.25
    overlap: Annotated[float, Field(ge=0)] = 0.0
    documents: _Share = 0.0
    dropped: _Share = 0.35
    steps: int = -1
    save_every: _Count = 200
    seed: int = 1
    threads: _Count = 1
    workers: _Count = 1
    local: bool = True


Recipe = TaggerRecipe | CausalRecipe


def read(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe.

    Raises:
        ConfigError: The file cannot be read, or a key or value cannot be.
    """
    return checked(TypeAdapter(Annotated[Recipe, Field(discriminator="kind")]), path, overrides)


def checked(adapter: TypeAdapter[_Value], path: Path, overrides: Iterable[str]) -> _Value:
    """Read a YAML file with `key=value` over it, and check it; what is wrong is one line with the file and the key.

    Raises:
        ConfigError: The file cannot be read, or a key or value cannot be.
    """
    tree: Any = files.read(path)
    for override in overrides:
        tree = files.overridden(tree, override)
    try:
        return adapter.validate_python(tree)
    except ValidationError as error:
        wrong = error.errors()[0]
        key = ".".join(str(part) for part in wrong["loc"] if part not in ("tagger", "causal")) or "kind"
        raise ConfigError(f"{path}: {key}: {wrong['msg'].removeprefix('Value error, ')}") from error
