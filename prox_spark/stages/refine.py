"""Have the engine write programs: texts in, rows of `programs` out, one resident engine per Python worker.

Frame in, frame out; no table is touched and no action is called. Between the engine and the write nothing may shuffle:
a lost executor then costs only what was in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from prox_spark import engines, profiles, schema
from prox_spark.program import parse
from prox_spark.program.reference import parse_reference

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from prox_spark.chunks import Chunk
    from prox_spark.engines import Completion, Engine
    from prox_spark.passes import Pass

GENERATED = tuple(name for name in schema.PROGRAMS.fieldNames() if name not in ("run_id", "generated_at"))


def refine(texts: DataFrame, pass_: Pass, *, run_id: str, partitions: int, batch_texts: int) -> DataFrame:
    """Write one program per distinct text.

    Args:
        texts: Columns `text_sha256` and `text`; a hash may occur more than once, its text is generated for once.
        pass_: The pass.
        run_id: The command that writes.
        partitions: Spark tasks; several per engine, so that no long task is left at the end.
        batch_texts: Texts whose prompts are handed to the engine together.

    Returns:
        Rows of `programs`.
    """
    # The one exchange comes before the engine. mapInArrow is never evaluated twice, as a deterministic UDF would be.
    distinct = texts.repartition(partitions, "text_sha256").dropDuplicates(["text_sha256"])
    generated_schema = schema.select(schema.PROGRAMS, GENERATED)
    generated = distinct.select("text_sha256", "text").mapInArrow(_writer(pass_, batch_texts), generated_schema)
    stamped = {"run_id": F.lit(run_id), "generated_at": F.current_timestamp()}
    return generated.select(*(stamped.get(name, F.col(name)).alias(name) for name in schema.PROGRAMS.fieldNames()))


def programs(texts: Iterable[tuple[str, str]], pass_: Pass, engine: Engine) -> list[dict[str, Any]]:
    """Have `engine` answer all prompts of some texts in one call, and parse what it says.

    Args:
        texts: Pairs of hash and text.
        pass_: The pass.
        engine: The engine; it answers every prompt, if only with an error.

    Returns:
        One row per text with the columns `GENERATED`.
    """
    prompted = [(sha256, profiles.prompts(pass_.profile, text, engine.tokenizer)) for sha256, text in texts]
    asked = [prompt for _, chunks in prompted for _, prompt in chunks if prompt is not None]
    answers = iter(engine.generate(asked))
    return [
        _program(sha256, [_chunk(chunk, next(answers) if prompt else None) for chunk, prompt in chunks], pass_)
        for sha256, chunks in prompted
    ]


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
    fields: dict[str, Any] = {
        "chunk_index": chunk.index,
        "line_start": chunk.line_start,
        "line_end": chunk.line_end,
        "ops": [],
        "problems": [],
        "reference_ops": [],
        "reference_errors": 0,
    }
    if completion is None:
        return fields | {"finish_reason": "skipped", "error": f"its {chunk.tokens} tokens do not fit the prompt"}
    parsed = parse(completion.text, finish_reason=completion.finish_reason)
    reference_ops, reference_errors = parse_reference(completion.text)
    return fields | {
        "completion": completion.text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "output_tokens": completion.output_tokens,
        "error": completion.error,
        "ops": [_fields(item) for item in parsed.operations],
        "problems": [_fields(item) for item in parsed.problems],
        "reference_ops": [_fields(item) for item in reference_ops],
        "reference_errors": reference_errors,
    }


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def _writer(pass_: Pass, batch_texts: int) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        engine = engines.resident(pass_.engine)
        kind = schema.arrow(schema.select(schema.PROGRAMS, GENERATED))
        for batch in batches:
            for start in range(0, batch.num_rows, batch_texts):
                part = batch.slice(start, batch_texts)
                texts = zip(part.column(0).to_pylist(), part.column(1).to_pylist(), strict=True)
                yield pa.RecordBatch.from_pylist(programs(texts, pass_, engine), schema=kind)

    return write
