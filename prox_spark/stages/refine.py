"""Have the engine write programs: texts in, rows of `programs` out, one resident engine per Python worker.

Frame in, frame out; no table is touched and no action is called. Between the engine and the write nothing may shuffle:
a lost executor then costs only what was in flight. Of a range repartition or a global sort Spark takes a sample first,
and so would have every program written twice.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
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
from prox_spark.engines.beside import after, ahead
from prox_spark.engines.nvidia import Watch
from prox_spark.lake import schema
from prox_spark.program import readers
from prox_spark.program.stored import Readings
from prox_spark.spark import gpus
from prox_spark.spark.attempts import attempt

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from prox_spark.passes import Pass
    from prox_spark.spark.tally import Tally

GENERATED = tuple(name for name in schema.PROGRAMS.fieldNames() if name not in ("run_id", "generated_at"))

SPENT = ("task_seconds", "gpu_seconds", "load_seconds", "loads", "gpu_watched_seconds", "gpu_busy_seconds")
"""Columns beside those of `programs`, on the last row of a bunch: what the task has cost since the bunch before."""

TAKEN = ("max_sequences", "max_batched_tokens", "engines_per_gpu")
"""More columns there: what the engine has taken where its settings leave it open; 0 where it takes no such thing."""

BUNCH = 256
"""Rows that go back to Spark together, and whose answers are decoded in one call."""

AHEAD = 256
"""Prompts that are made before the engine asks for them, and answers that wait to be read: 10 kB a prompt."""


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
        Rows of `programs`, with the columns `SPENT` and `TAKEN` for whoever sums them up.
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
    names = (*schema.PROGRAMS.fieldNames(), *SPENT, *TAKEN)
    return generated.select(*(stamped.get(name, F.col(name)).alias(name) for name in names))


def _threaded(pass_: Pass, share: gpus.Share) -> Pass:
    """Give a pass whose model takes the cores of its task, where nothing else is configured."""
    if share.threads is None or not isinstance(pass_.engine, ModelSettings) or pass_.engine.threads is not None:
        return pass_
    return replace(pass_, engine=pass_.engine.model_copy(update={"threads": share.threads}))


def spent() -> tuple[Column, ...]:
    """Give the sums of what the tasks cost, and what their engines took, for an observation of `refine`'s rows."""
    columns = (*(F.sum(name) for name in SPENT), *(F.max(name) for name in TAKEN))
    names = (*SPENT, *TAKEN)
    return tuple(F.coalesce(column, F.lit(0.0)).alias(name) for name, column in zip(names, columns, strict=True))


def gpu_idle_share(watched_seconds: float, busy_seconds: float) -> float | None:
    """Give the share of the time in which GPUs were watched and no kernel ran; None where none was watched.

    >>> gpu_idle_share(8.0, 6.0), gpu_idle_share(0.0, 0.0)
    (0.25, None)
    """
    return 1 - busy_seconds / watched_seconds if watched_seconds else None


def _written() -> StructType:
    kept = schema.select(schema.PROGRAMS, GENERATED)
    return StructType([*kept.fields, *(StructField(name, DoubleType()) for name in (*SPENT, *TAKEN))])


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
    work = _Texts(pass_, engine.tokenizer)
    for text in work.answered(stream(engine, work.prompts(texts), batch=batch_prompts)):
        yield from work.rows([text])


Key = tuple[int, int]
Ask = Callable[[Iterator[tuple[Key, Prompt]]], Iterator[tuple[Key, Completion]]]


@dataclass(slots=True)
class _Text:
    """A text with its chunks and what was answered for each; `left` says how many are not answered yet."""

    sha256: str
    text: str
    chunks: list[Chunk]
    answers: list[Completion | None]
    left: int


class _Texts:
    """The texts of a task: cut into prompts as fast as those are taken, and put together again from their answers.

    `prompts` may run in another thread than `answered` and `rows`.
    """

    def __init__(self, pass_: Pass, tokenizer: Tokenizer) -> None:
        self._pass, self._tokenizer = pass_, tokenizer
        self._open: dict[int, _Text] = {}
        self._unasked: deque[_Text] = deque()  # no chunk of theirs fits the model

    def prompts(self, texts: Iterable[tuple[str, str]]) -> Iterator[tuple[Key, Prompt]]:
        """Give the prompts of the texts, each with the number of its text and of its chunk."""
        for number, (sha256, text) in enumerate(texts):
            parts = profiles.prompts(self._pass.profile, text, self._tokenizer)
            left = sum(prompt is not None for _, prompt in parts)
            opened = _Text(sha256, text, [chunk for chunk, _ in parts], [None] * len(parts), left)
            if not left:
                self._unasked.append(opened)
                continue
            self._open[number] = opened
            for place, (_, prompt) in enumerate(parts):
                if prompt is not None:
                    yield (number, place), prompt

    def answered(self, answers: Iterable[tuple[Key, Completion]]) -> Iterator[_Text]:
        """Give each text as soon as its last chunk is answered."""
        for (number, place), completion in answers:
            text = self._open[number]
            text.answers[place] = completion
            text.left -= 1
            if not text.left:
                yield self._open.pop(number)
            while self._unasked:
                yield self._unasked.popleft()
        yield from self._unasked

    def rows(self, texts: Sequence[_Text]) -> list[dict[str, Any]]:
        """Give the rows of answered texts, their answers decoded in one call."""
        given = [answer for text in texts for answer in text.answers if answer is not None]
        completions = iter(engines.decoded(given, self._tokenizer))
        return [
            _program(text, [None if answer is None else next(completions) for answer in text.answers], self._pass)
            for text in texts
        ]


class Task:
    """The work of one Spark task, and what it cost.

    Three threads share it: the task's own, in which the model is loaded, feeds the engine; one before it reads texts
    and makes prompts of them; one behind it reads the answers and makes Arrow batches of them.
    """

    def __init__(self, pass_: Pass, batch_prompts: int, tally: Tally | None) -> None:
        self._pass = pass_
        self._batch = batch_prompts
        self._counter = None if tally is None else tally.counter()
        self._told = dict.fromkeys(SPENT, 0.0)
        self._began = time.monotonic()
        self._loaded = 0.0
        self._loads_before = engines.loads()
        self._gpu: Watch | None = None
        self._taken = dict.fromkeys(TAKEN, 0.0)

    def batches(self, texts: Iterable[tuple[str, str]]) -> Iterator[pa.RecordBatch]:
        """Give the rows of the task's texts, some at a time; a task that has no text loads no engine.

        A task that is tried again is careful: its engine may have died of one of these texts. It then asks in batches
        that can be halved, and begins each with a living engine.
        """
        texts = iter(texts)
        first = next(texts, None)
        if first is None:
            return
        settings = self._pass.engine
        careful = attempt() > 0
        if isinstance(settings, ModelSettings) and settings.threads is not None:
            os.environ.setdefault("RAYON_NUM_THREADS", str(settings.threads))  # of the tokenizer, not all the machine's
        with ExitStack() as stack:
            gpus.claim(settings)
            if engines.on_gpu(settings):
                self._gpu = stack.enter_context(Watch())
            engine = engines.get_engine(engines.in_own_process(settings) if careful else settings)
            self._loaded = time.monotonic() - self._began if engines.loads() > self._loads_before else 0.0
            self._taken |= {name: float(number) for name, number in engines.taken(engine).items()}
            ask: Ask = partial(stream, engine, batch=self._batch)
            if careful:
                ask = partial(engines.answer_carefully, settings, batch=self._batch)
            work = _Texts(self._pass, engine.tokenizer)
            answers = ask(ahead(work.prompts(chain([first], texts)), AHEAD))
            yield from after(partial(self._batches, work), answers, AHEAD)

    def _batches(self, work: _Texts, answers: Iterator[tuple[Key, Completion]]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        kind = schema.arrow(_written())
        texts = self._counted(work.answered(answers))
        while bunch := list(islice(texts, BUNCH)):
            rows = work.rows(bunch)
            rows[-1] |= self._spent()
            yield pa.RecordBatch.from_pylist(rows, schema=kind)

    def _counted(self, texts: Iterator[_Text]) -> Iterator[_Text]:
        """Tell the tally of each text that is answered."""
        if self._counter is None:
            yield from texts
            return
        for text in texts:
            given = [answer for answer in text.answers if answer is not None]
            self._counter.add(1, tokens=sum(answer.prompt_tokens + answer.output_tokens for answer in given))
            yield text
        self._counter.write()

    def _spent(self) -> dict[str, float]:
        """Give what the task has cost since this was last asked, and what its engine took: `SPENT` and `TAKEN`."""
        seconds = time.monotonic() - self._began
        gpu = self._gpu
        watched = (0.0, 0.0, 0.0) if gpu is None else (seconds, gpu.seconds, gpu.busy_seconds)
        loads = float(engines.loads() - self._loads_before)
        now = dict(zip(SPENT, (seconds, watched[0], self._loaded, loads, *watched[1:]), strict=True))
        cost = {name: value - self._told[name] for name, value in now.items()}
        self._told = now
        return cost | self._taken


def _program(text: _Text, completions: Sequence[Completion | None], pass_: Pass) -> dict[str, Any]:
    answers = [
        readers.Answer(chunk, None) if said is None else readers.Answer(chunk, said.text, said.finish_reason)
        for chunk, said in zip(text.chunks, completions, strict=True)
    ]
    readings = readers.read(pass_.profile.grammar, text.text, answers)
    chunks = list(map(_chunk, text.chunks, completions, readings))
    # A text of which a part could not be answered is not refined by half: the pass records it as failed.
    errors = [chunk["error"] for chunk in chunks if chunk["finish_reason"] == "error"]
    return {
        "text_sha256": text.sha256,
        "pass_name": pass_.name,
        "fingerprint": pass_.fingerprint,
        "chunks": chunks,
        "error": errors[0] if errors else None,
    }


def _chunk(chunk: Chunk, completion: Completion | None, readings: Readings) -> dict[str, Any]:
    first, last = readers.own_lines(chunk)
    row = {"chunk_index": chunk.index, "line_start": first, "line_end": last, **readings.columns()}
    if completion is None:
        shown = f"its {chunk.tokens} tokens do not fit the prompt"
        error = shown if chunk.prompt else "it has no line to show"
        return {**row, "finish_reason": "skipped", "error": error}
    return {
        **row,
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
        texts = (
            pair
            for batch in batches
            for pair in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
        )
        yield from Task(pass_, batch_texts, tally).batches(texts)

    return write
