"""Training pairs: what a model is shown of each chunk of a text, and the program that it should answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from prox_spark import profiles
from prox_spark.chunks import Chunk, Tokenizer
from prox_spark.profiles import Profile
from prox_spark.program import Operation, parse
from prox_spark.program.ranges import runs
from prox_spark.program.write import write, write_chunk, write_removals

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

PAIRS = "prompt string, completion string, prompt_ids array<int>"
"""The columns of a frame of pairs; `prompt_ids` is NULL where the tokenizer only counts."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One prompt with the answer to learn.

    Attributes:
        prompt: What the model is shown.
        prompt_ids: The same as the model's tokens; None where the tokenizer only counts.
        completion: The program.
    """

    prompt: str
    prompt_ids: tuple[int, ...] | None
    completion: str


def from_labels(text: str, keep: Sequence[bool], profile: Profile, tokenizer: Tokenizer) -> Iterator[Pair]:
    """Make the pairs of a text whose lines are labelled."""
    for chunk, prompt in profiles.prompts(profile, text, tokenizer):
        if prompt is not None:
            lines = range(chunk.line_start, chunk.line_end + 1)
            gone = runs(line for line in lines if not keep[line])
            yield Pair(prompt.text, prompt.token_ids, write_removals(gone))


def from_program(text: str, program: str, profile: Profile, tokenizer: Tokenizer) -> Iterator[Pair]:
    """Make the pairs of a text with one program for all of it: each chunk gets what concerns it.

    A range is cut at the chunk's ends, and a replacement goes to the chunks that hold its string.
    """
    operations = parse(program).operations
    for chunk, prompt in profiles.prompts(profile, text, tokenizer):
        if prompt is None:
            continue
        if profile.level == "document":
            verdicts = [item for item in operations if item.op in ("keep_doc", "drop_doc")]
            yield Pair(prompt.text, prompt.token_ids, write(verdicts[0] if verdicts else Operation("keep_doc")))
        else:
            own = [part for item in operations if (part := _within(item, chunk)) is not None]
            yield Pair(prompt.text, prompt.token_ids, write_chunk(own))


def frame(rows: DataFrame, profile: Profile, load: Callable[[], Tokenizer]) -> DataFrame:
    """Make pairs in Spark: from columns `text` and `program`, or `text` and `keep`, to the columns `PAIRS`.

    Args:
        load: Loads the tokenizer; called once per task, so it must pickle (a `functools.partial`).
    """
    column = "program" if "program" in rows.columns else "keep"
    return rows.select("text", column).mapInPandas(partial(_paired, profile=profile, load=load), PAIRS)


def _paired(
    batches: Iterator[pd.DataFrame], *, profile: Profile, load: Callable[[], Tokenizer]
) -> Iterator[pd.DataFrame]:
    import pandas as pd

    tokenizer = load()
    for batch in batches:
        pairs: list[Pair] = []
        for text, answer in zip(batch.iloc[:, 0], batch.iloc[:, 1], strict=True):
            source: Any = from_program if isinstance(answer, str) else from_labels
            pairs += source(text, answer, profile, tokenizer)
        rows = [
            (pair.prompt, pair.completion, None if pair.prompt_ids is None else list(pair.prompt_ids)) for pair in pairs
        ]
        yield pd.DataFrame(rows, columns=["prompt", "completion", "prompt_ids"])


def _within(operation: Operation, chunk: Chunk) -> Operation | None:
    """Give the part of an operation that concerns a chunk."""
    if operation.op == "normalize":
        return operation if operation.source and operation.source in chunk.prompt else None
    if operation.op != "remove_lines" or operation.line_start is None or operation.line_end is None:
        return None
    start, end = max(operation.line_start, chunk.line_start), min(operation.line_end, chunk.line_end)
    return Operation("remove_lines", start, end) if start <= end else None
