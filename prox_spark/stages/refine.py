"""Have the engine write programs: texts in, rows of `programs` out, one resident engine per Python worker.

Frame in, frame out; no table is touched and no action is called. Between the engine and the write nothing may shuffle:
a lost executor then costs only what was in flight. Of a range repartition or a global sort Spark takes a sample first,
and so would have every program written twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField, StructType

from prox_spark import engines, profiles
from prox_spark.chunks import Chunk, Tokenizer
from prox_spark.config import ModelSettings
from prox_spark.engines import Completion, Engine, Prompt, stream
from prox_spark.lake import schema
from prox_spark.program.stored import read
from prox_spark.spark import gpus

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from prox_spark.passes import Pass
    from prox_spark.spark.tally import Tally

GENERATED = tuple(name for name in schema.PROGRAMS.fieldNames() if name not in ("run_id", "generated_at"))

SPENT = ("task_seconds", "gpu_seconds", "load_seconds", "loads")
"""Columns beside those of `programs`, on the last row of a bunch: what the task has cost since the bunch before."""

BUNCH = 256
"""Rows that go back to Spark together."""


def refine(
    texts: DataFrame, pass_: Pass, *, run_id: str, share: gpus.Share, batch_texts: int, tally: Tally | None = None
) -> DataFrame:
    """Write one program per distinct text.

    Args:
        texts: Columns `text_sha256` and `text`; a hash may occur more than once, its text is generated for once.
        pass_: The pass.
        run_id: The command that writes.
        share: Spark tasks, and what each asks of its executor.
        batch_texts: Prompts per call of an engine that cannot take more while it answers.
        tally: Told of each text that is done.

    Returns:
        Rows of `programs`, with the columns `SPENT` for whoever sums them up.
    """
    # The one exchange comes before the engine. Under a filter or a sort within partitions mapInArrow is evaluated once,
    # where a deterministic UDF would be evaluated again.
    # Long texts go first: what is left at a task's end is short, and batches that are padded hold alike.
    distinct = texts.repartition(share.tasks, "text_sha256").dropDuplicates(["text_sha256"])
    ordered = distinct.select("text_sha256", "text").sortWithinPartitions(F.length("text").desc())
    writer = _writer(_threaded(pass_, share), batch_texts, tally)
    if share.resources is None:
        generated = ordered.mapInArrow(writer, _written())
    else:
        generated = ordered.mapInArrow(writer, _written(), profile=share.resources)
    stamped = {"run_id": F.lit(run_id), "generated_at": F.current_timestamp()}
    names = (*schema.PROGRAMS.fieldNames(), *SPENT)
    return generated.select(*(stamped.get(name, F.col(name)).alias(name) for name in names))


def _threaded(pass_: Pass, share: gpus.Share) -> Pass:
    """Give a pass whose model takes the cores of its task, where nothing else is configured."""
    if share.threads is None or not isinstance(pass_.engine, ModelSettings) or pass_.engine.threads is not None:
        return pass_
    return replace(pass_, engine=pass_.engine.model_copy(update={"threads": share.threads}))


def spent() -> tuple[Column, ...]:
    """Give the sums of what the tasks cost, for an observation of `refine`'s rows."""
    return tuple(F.coalesce(F.sum(name), F.lit(0.0)).alias(name) for name in SPENT)


def _written() -> StructType:
    kept = schema.select(schema.PROGRAMS, GENERATED)
    return StructType([*kept.fields, *(StructField(name, DoubleType()) for name in SPENT)])


def programs(
    texts: Iterable[tuple[str, str]], pass_: Pass, engine: Engine, *, batch_prompts: int = 512
) -> Iterator[dict[str, Any]]:
    """Have `engine` answer all prompts of some texts, in one stream, and parse what it says.

    Args:
        texts: Pairs of hash and text.
        pass_: The pass.
        engine: The engine; it answers every prompt, if only with an error.
        batch_prompts: Prompts per call of an engine that cannot take more while it answers.

    Yields:
        One row per text with the columns `GENERATED`, as soon as its last chunk is answered.
    """
    yield from _assembled(texts, pass_, engine.tokenizer, lambda asked: stream(engine, asked, batch=batch_prompts))


Answers = Callable[[Iterator[tuple[Any, Prompt]]], Iterator[tuple[Any, Completion]]]


def _assembled(
    texts: Iterable[tuple[str, str]], pass_: Pass, tokenizer: Tokenizer, answers: Answers
) -> Iterator[dict[str, Any]]:
    """Cut texts into prompts as fast as they are taken, and put the answers of each text together again."""
    open_: dict[int, _Open] = {}
    ready: list[dict[str, Any]] = []

    def asked() -> Iterator[tuple[tuple[int, int], Prompt]]:
        for number, (sha256, text) in enumerate(texts):
            parts = profiles.prompts(pass_.profile, text, tokenizer)
            chunks = [None if prompt else _chunk(chunk, None) for chunk, prompt in parts]
            left = sum(prompt is not None for _, prompt in parts)
            if not left:
                ready.append(_program(sha256, [chunk for chunk in chunks if chunk], pass_))
                continue
            open_[number] = _Open(sha256, [chunk for chunk, _ in parts], chunks, left)
            yield from (((number, place), prompt) for place, (_, prompt) in enumerate(parts) if prompt)

    for (number, place), completion in answers(asked()):
        item = open_[number]
        item.answers[place] = _chunk(item.chunks[place], completion)
        item.left -= 1
        if not item.left:
            del open_[number]
            yield _program(item.sha256, [chunk for chunk in item.answers if chunk], pass_)
        while ready:
            yield ready.pop()
    yield from ready


@dataclass(slots=True)
class _Open:
    """Hold a text of which not every chunk is answered yet."""

    sha256: str
    chunks: list[Chunk]
    answers: list[dict[str, Any] | None]
    left: int


class Task:
    """Do the work of one Spark task, and count what it cost; the engine is loaded when there is something to ask."""

    def __init__(self, pass_: Pass, batch_prompts: int) -> None:
        self._pass = pass_
        self._batch = batch_prompts
        self._told = dict.fromkeys(SPENT, 0.0)
        self._began = time.monotonic()
        self._asked = self._began
        self._loaded = 0.0
        self._loads_before = engines.loads()
        self._on_gpu = False

    def rows(self, texts: Iterator[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """Give the rows of the task's texts.

        A task that is tried again is careful: its engine may have died of one of these texts. It then asks in batches
        that can be halved, and begins each with a living engine.
        """
        first = next(texts, None)
        if first is None:
            return
        settings = self._pass.engine
        self._asked = time.monotonic()
        gpus.claim(settings)
        careful = gpus.attempt() > 0
        engine = engines.get_engine(engines.in_own_process(settings) if careful else settings)
        self._on_gpu = engines.on_gpu(settings)
        self._loaded = time.monotonic() - self._asked if engines.loads() > self._loads_before else 0.0
        everything = chain([first], texts)
        if careful:
            ask = partial(engines.answer_carefully, settings, batch=self._batch)
            yield from _assembled(everything, self._pass, engine.tokenizer, ask)
        else:
            yield from programs(everything, self._pass, engine, batch_prompts=self._batch)

    def spent(self) -> dict[str, float]:
        """Give what the task has cost since this was last asked, by the columns `SPENT`."""
        seconds = time.monotonic() - self._began
        on_gpu = seconds if self._on_gpu else 0.0
        now = dict(
            zip(SPENT, (seconds, on_gpu, self._loaded, float(engines.loads() - self._loads_before)), strict=True)
        )
        cost = {name: value - self._told[name] for name, value in now.items()}
        self._told = dict(now)
        return cost


def _program(sha256: str, chunks: list[dict[str, Any]], pass_: Pass) -> dict[str, Any]:
    # A text of which a part could not be answered is not refined by half: the pass records it as failed.
    errors = [chunk["error"] for chunk in chunks if chunk["finish_reason"] == "error"]
    return {
        "text_sha256": sha256,
        "pass_name": pass_.name,
        "fingerprint": pass_.fingerprint,
        "chunks": chunks,
        "error": errors[0] if errors else None,
    }


def _chunk(chunk: Chunk, completion: Completion | None) -> dict[str, Any]:
    place = {"chunk_index": chunk.index, "line_start": chunk.line_start, "line_end": chunk.line_end}
    if completion is None:
        error = f"its {chunk.tokens} tokens do not fit the prompt"
        return {**place, **read(None).columns(), "finish_reason": "skipped", "error": error}
    return {
        **place,
        **read(completion.text, finish_reason=completion.finish_reason).columns(),
        "completion": completion.text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "output_tokens": completion.output_tokens,
        "error": completion.error,
    }


def _writer(
    pass_: Pass, batch_texts: int, tally: Tally | None
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        kind = schema.arrow(_written())
        task = Task(pass_, batch_texts)
        texts = (
            pair
            for batch in batches
            for pair in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
        )
        rows_ = task.rows(texts) if tally is None else _counted(task.rows(texts), tally)
        for rows in _bunches(rows_, BUNCH):
            rows[-1] |= task.spent()
            yield pa.RecordBatch.from_pylist(rows, schema=kind)

    return write


def _counted(rows: Iterator[dict[str, Any]], tally: Tally) -> Iterator[dict[str, Any]]:
    counter = tally.counter()
    for row in rows:
        used = ((chunk.get("prompt_tokens") or 0) + (chunk.get("output_tokens") or 0) for chunk in row["chunks"])
        counter.add(1, tokens=sum(used))
        yield row
    counter.write()


def _bunches(rows: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while bunch := list(islice(rows, size)):
        yield bunch
