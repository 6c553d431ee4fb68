"""Ask about every text, check the answers, and write them as pairs to learn from; a run that was cut off goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from prox_spark.chunks import Chunk, WordTokenizer
from prox_spark.errors import SourceError
from prox_spark.profiles import Profile, prompts
from prox_spark.program import execute, parse
from prox_spark.program.ranges import merged
from prox_spark.program.write import write_removals
from prox_spark.training.annotation.client import Client, Refused
from prox_spark.training.annotation.prompts import CHUNK_QUESTIONS, EDUCATION, EXTRACTION, chunk_prompt
from prox_spark.training.annotation.settings import AnnotationSettings

_SCORE = re.compile(r"(?:Educational score|Extraction Quality Score)\s*:\s*\**\s*([0-5])\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Annotated:
    """What the strong model says of one text.

    Attributes:
        text_sha256: Hash of the text.
        education: Educational score, 0 to 5; None where the answer holds none.
        extraction: Extraction quality, 1 to 5; None where the answer holds none.
        document: `keep_doc()` or `drop_doc()`; None where a score is missing.
        program: The program of the chunks; None where nothing can be believed.
        problems: What was wrong with the answers.
    """

    text_sha256: str
    education: int | None
    extraction: int | None
    document: Literal["keep_doc()", "drop_doc()"] | None
    program: str | None
    problems: tuple[str, ...]


def verdict(education: int | None, extraction: int | None) -> Literal["keep_doc()", "drop_doc()"] | None:
    """Decide by the two scores as the paper does; the case that it leaves open (2 and below 4) drops.

    >>> verdict(3, 1), verdict(2, 4), verdict(2, 3), verdict(None, 5)
    ('keep_doc()', 'keep_doc()', 'drop_doc()', None)
    """
    if education is None or extraction is None:
        return None
    return "keep_doc()" if education >= 3 or (education == 2 and extraction >= 4) else "drop_doc()"


def annotate_text(text: str, ask: Callable[[str], str], settings: AnnotationSettings) -> Annotated:
    """Ask all questions about one text; one that is refused is what is wrong with the text, and nothing is believed."""
    try:
        return _believed(text, ask, settings)
    except Refused as error:
        return Annotated(_digest(text), None, None, None, None, (str(error),))


def _believed(text: str, ask: Callable[[str], str], settings: AnnotationSettings) -> Annotated:
    head = text[: settings.document_chars]
    education, extraction = (_score(ask(question.format(text=head))) for question in (EDUCATION, EXTRACTION))
    problems = [
        f"no {name} score" for name, value in (("education", education), ("extraction", extraction)) if value is None
    ]
    profile = Profile("annotation", "chunk", "raw", max_chunk_tokens=settings.chunk_words)
    removals: list[tuple[int, int]] = []
    believed = False
    for chunk, _ in prompts(profile, text, WordTokenizer()):
        ranges, wrong = _chunk(text, chunk, ask, settings)
        problems += wrong
        if ranges is not None:
            believed = True
            removals += ranges
    whole = believed and not any("chunk" in problem for problem in problems)
    program = write_removals(removals) if whole else None
    return Annotated(_digest(text), education, extraction, verdict(education, extraction), program, tuple(problems))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _score(answer: str) -> int | None:
    score = _SCORE.search(answer)
    return int(score[1]) if score else None


def _chunk(
    text: str, chunk: Chunk, ask: Callable[[str], str], settings: AnnotationSettings
) -> tuple[list[tuple[int, int]] | None, list[str]]:
    """Ask the three questions about a chunk; the ranges of lines to remove, or None with what is wrong."""
    answers = [ask(chunk_prompt(question, chunk.prompt)) for question in CHUNK_QUESTIONS]
    parsed = [parse(answer) for answer in answers]
    if wrong := [problem.reason for program in parsed for problem in program.problems]:
        return None, [f"chunk {chunk.index}: {wrong[0]}"]
    ranges = {
        (op.line_start, op.line_end) for program in parsed for op in program.operations if op.op == "remove_lines"
    }
    removals = merged(sorted((start or 0, end or 0) for start, end in ranges))
    executed = execute(text, [(chunk, write_removals(removals))])
    if any(fate.status == "rejected" for fate in executed.operations):
        return None, [f"chunk {chunk.index}: lines outside the chunk"]
    words = len(chunk.prompt.split())
    gone = sum(fate.words_removed for fate in executed.operations)
    if words and gone > settings.most_removed * words:
        return None, [f"chunk {chunk.index}: {gone} of about {words} words removed"]
    return removals, []


def annotate(settings: AnnotationSettings, ask: Callable[[str], str] | None = None) -> dict[str, int]:
    """Ask about all texts and write the pairs; give counts.

    Args:
        ask: Who answers; None asks the endpoint.

    Raises:
        UserError: The endpoint answers nobody with this model and key.
        RunError: It could not be reached; what was answered is kept, and the next run goes on from there.
    """
    folder = Path(settings.out)
    folder.mkdir(parents=True, exist_ok=True)
    answers = folder / "answers.jsonl"
    done = {row["text_sha256"] for row in _read(answers)}
    texts = {_digest(text): text for text in _texts(settings)}
    waiting = [text for digest, text in texts.items() if digest not in done]
    with contextlib.ExitStack() as stack:
        asker = ask or stack.enter_context(contextlib.closing(Client(settings))).ask
        pool = stack.enter_context(ThreadPoolExecutor(settings.parallel))
        file = stack.enter_context(answers.open("a+b"))
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                file.write(b"\n")  # the last line was cut off, and the next answer is none of it
        for annotated in pool.map(lambda text: annotate_text(text, asker, settings), waiting):
            file.write(json.dumps(asdict(annotated)).encode() + b"\n")
            file.flush()
    rows = [row for row in _read(answers) if row["text_sha256"] in texts]
    documents = [(texts[row["text_sha256"]], row["document"]) for row in rows if row["document"]]
    chunks = [(texts[row["text_sha256"]], row["program"]) for row in rows if row["program"]]
    _write(folder / "document.parquet", documents)
    _write(folder / "chunk.parquet", chunks)
    return {"texts": len(texts), "asked": len(waiting), "documents": len(documents), "chunks": len(chunks)}


def _texts(settings: AnnotationSettings) -> Iterator[str]:
    left = settings.limit or None
    for path in settings.data:
        for text in _texts_of(path):
            if left == 0:
                return
            yield text
            left = None if left is None else left - 1


def _texts_of(path: str) -> Iterator[str]:
    """Give the texts of a file that are not empty."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read texts from {path}: {error}") from error
    with file:
        if "text" not in file.schema_arrow.names:
            raise SourceError(f"{path} has no column text")
        for batch in file.iter_batches(columns=["text"], batch_size=256):
            yield from filter(None, batch.column(0).to_pylist())


def _read(path: Path) -> list[dict[str, Any]]:
    """Read the answers so far; a last line that was cut off is asked for again."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def _write(path: Path, rows: Sequence[tuple[str, str]]) -> None:
    columns = {"text": [text for text, _ in rows], "program": [program for _, program in rows]}
    pq.write_table(pa.table(columns, schema=pa.schema([("text", pa.string()), ("program", pa.string())])), path)
