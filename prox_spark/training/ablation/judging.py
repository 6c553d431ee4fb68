"""How well a model says what it has not seen: bits for each document, and answers chosen to a set of questions.

A document is read in windows of the model's context that do not overlap; each begins with the end-of-text token and
gives the probability of every token in it. Bits count against the bytes of the text, so that tokenizers do not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from prox_spark.errors import SourceError
from prox_spark.formats.vocabulary import Vocabulary

_WINDOWS = 32
_IGNORED = -100


@dataclass(frozen=True, slots=True)
class Question:
    """A question with answers to choose from.

    Attributes:
        question: What comes before the answer.
        choices: The answers.
        answer: The number of the right one.
    """

    question: str
    choices: tuple[str, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class _Window:
    """Tokens to read and those whose probability counts: shape (n,) each, `_IGNORED` where it does not."""

    read: list[int]
    said: list[int]


def read_questions(path: str | Path) -> list[Question]:
    """Read questions from Parquet: `question`, `choices` (a list of strings) and `answer` (a number from 0).

    Raises:
        SourceError: The file cannot be read, or an answer is not among its choices.
    """
    try:
        rows = pq.read_table(path, columns=["question", "choices", "answer"]).to_pylist()
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"cannot read questions (question, choices, answer) from {path}: {error}") from error
    questions = [Question(row["question"], tuple(row["choices"]), int(row["answer"])) for row in rows]
    for number, question in enumerate(questions):
        if not 0 <= question.answer < len(question.choices):
            raise SourceError(f"{path}: row {number} has {len(question.choices)} choices and answer {question.answer}")
    return questions


def bits_of(model: Any, vocabulary: Vocabulary, texts: Sequence[str], context: int, *, bf16: bool) -> list[float]:
    """Give the bits that each text takes: minus the sum of the binary logarithms of its tokens' probabilities."""
    windows: list[_Window] = []
    owners: list[int] = []
    for owner, tokens in enumerate(vocabulary.encode(texts)):
        ids = tokens[:-1].tolist()  # the end-of-text token is no part of the text
        for start in range(0, len(ids), context):
            said = ids[start : start + context]
            windows.append(_Window([vocabulary.end[0], *said[:-1]], said))
            owners.append(owner)
    bits = [0.0] * len(texts)
    for owner, nats in zip(owners, _nats(model, windows, bf16=bf16), strict=True):
        bits[owner] += nats / math.log(2)
    return bits


def chosen_answers(
    model: Any, vocabulary: Vocabulary, questions: Sequence[Question], context: int, *, bf16: bool
) -> list[bool]:
    """Say for each question whether the right answer takes the fewest bits a byte of all."""
    windows = [
        _answer_window(vocabulary, question.question, choice, context)
        for question in questions
        for choice in question.choices
    ]
    nats = iter(_nats(model, windows, bf16=bf16))
    chosen = []
    for question in questions:
        costs = [next(nats) / max(1, len(choice.encode())) for choice in question.choices]
        chosen.append(min(range(len(costs)), key=costs.__getitem__) == question.answer)
    return chosen


def _answer_window(vocabulary: Vocabulary, question: str, choice: str, context: int) -> _Window:
    """Put a question and one answer together; a question that is too long loses its beginning."""
    asked, answered = (tokens[:-1].tolist() for tokens in vocabulary.encode([question, f" {choice}"]))
    said = [*[_IGNORED] * len(asked), *answered]
    read = [vocabulary.end[0], *asked, *answered][:-1]
    return _Window(read[-context:], said[-context:])


def _nats(model: Any, windows: Sequence[_Window], *, bf16: bool) -> Iterable[float]:
    """Give minus the logarithm of the probability of what each window says."""
    order = sorted(range(len(windows)), key=lambda number: len(windows[number].read))
    nats = [0.0] * len(windows)
    for start in range(0, len(order), _WINDOWS):
        part = order[start : start + _WINDOWS]
        for number, value in zip(
            part, _batch_nats(model, [windows[number] for number in part], bf16=bf16), strict=True
        ):
            nats[number] = value
    return nats


def _batch_nats(model: Any, windows: Sequence[_Window], *, bf16: bool) -> list[float]:
    import torch
    from torch.nn.functional import cross_entropy

    device = model.device
    width = max(len(window.read) for window in windows)
    read = torch.tensor([[*window.read, *[0] * (width - len(window.read))] for window in windows], device=device)
    said = torch.tensor([[*window.said, *[_IGNORED] * (width - len(window.said))] for window in windows], device=device)
    # What is padded stands behind what counts, and no token sees what comes after it: no mask is needed.
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        logits = model(input_ids=read).logits
    lost = cross_entropy(logits.float().flatten(0, 1), said.flatten(), reduction="none", ignore_index=_IGNORED)
    return [float(value) for value in lost.view(said.shape).double().sum(dim=1)]
