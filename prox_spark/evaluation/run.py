"""Score an engine and the baselines on labelled pages, or on documents with votes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prox_spark import profiles
from prox_spark.chunks import Chunk
from prox_spark.engines import Completion, Engine, get_engine
from prox_spark.errors import ConfigError, SourceError
from prox_spark.evaluation.baselines import DOCUMENT_BASELINES, LINE_BASELINES
from prox_spark.evaluation.gold import GoldDocument, GoldPage, holds_documents, read, read_documents
from prox_spark.evaluation.scores import Counts, Hits, Summary, Value, count, summarise
from prox_spark.profiles import Profile
from prox_spark.program import execute, parse

if TYPE_CHECKING:
    from prox_spark.config import EngineSettings

_BATCH = 32
"""Texts asked about together: their time is shared out among them, so few enough that it tells one from another."""

_NO_ANSWER = Completion("", "skipped", 0, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the scoreboard.

    Attributes:
        who: The engine or the baseline.
        source: The data set.
        page_type: The type of page; `all` for the whole data set.
        level: What was judged: lines, or documents.
        summary: The scores. For documents `kept_f1_pooled` is the F1 of kept documents.
    """

    who: str
    source: str
    page_type: str
    level: str
    summary: Summary

    @property
    def kept_f1(self) -> Value:
        """The F1 that the scoreboard compares by: of a page's kept words, or of kept documents."""
        return self.summary.kept_f1_pooled if self.level == "documents" else self.summary.kept_f1


@dataclass(frozen=True, slots=True)
class Selection:
    """The labelled pages of a file to score: of these sources and folds (none named: of all), the first `limit`."""

    sources: tuple[str, ...] = ()
    folds: tuple[int, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An engine's answer to one text.

    Attributes:
        parts: Each chunk with its completion; an empty completion where the prompt did not fit.
        seconds: The text's share of the time of its batch.
    """

    parts: tuple[tuple[Chunk, Completion], ...]
    seconds: float

    def counts(self, group: str, kept: Hits, removed: Hits) -> Counts:
        """Give what is right and wrong with tokens, time, and how many completions parse."""
        completions = [completion for _, completion in self.parts]
        parsed = sum(_parses(completion) for completion in completions)
        tokens_in = sum(completion.prompt_tokens for completion in completions)
        tokens_out = sum(completion.output_tokens for completion in completions)
        return Counts(group, kept, removed, (parsed, len(completions)), (tokens_in, tokens_out), self.seconds)


def score_file(
    path: Path, settings: EngineSettings, profile_names: Sequence[str], selection: Selection | None = None
) -> list[Row]:
    """Score an engine and the baselines on a file of labelled pages, or of documents with votes.

    Args:
        path: A Parquet file, as `read` or `read_documents` take it.
        settings: The engine.
        profile_names: The first profile among them counts that is for pages, or for documents, as the file is.
        selection: Which pages; of documents with votes only the limit counts.

    Raises:
        ConfigError: No profile is for such a file.
        SourceError: The file cannot be read, or has no such page.
    """
    selection = selection or Selection()
    documents = holds_documents(path)
    level = "document" if documents else "chunk"
    profile = next((one for one in map(profiles.find, profile_names) if one.level == level), None)
    if profile is None:
        raise ConfigError(f"{path} needs a profile for {level}s: give one with --profile")
    engine = get_engine(settings)
    if documents:
        return score_documents(read_documents(path)[: selection.limit], engine, profile, who=settings.kind)
    pages = [page for page in read(path, selection.sources) if not selection.folds or page.fold in selection.folds]
    if not pages:
        raise SourceError(f"{path} has no pages of that source and fold")
    return score_pages(pages[: selection.limit], engine, profile, who=settings.kind)


def score_pages(pages: Sequence[GoldPage], engine: Engine, profile: Profile, *, who: str) -> list[Row]:
    """Score an engine and the baselines on labelled pages, by source and by type of page."""
    counts = {who: judge(pages, engine, profile)}
    for name, rule in LINE_BASELINES.items():
        counts[name] = [_timed(page, rule) for page in pages]
    return [
        Row(name, source, kind, "lines", summarise([of_pages[index] for index in chosen]))
        for source, kind, chosen in _groups(pages)
        for name, of_pages in counts.items()
    ]


def judge(pages: Sequence[GoldPage], engine: Engine, profile: Profile) -> list[Counts]:
    """Count what an engine gets right and wrong on each page."""
    answers = _answers(["\n".join(page.lines) for page in pages], engine, profile)
    return [
        answer.counts(page.domain, *count(page, removed_lines(page.lines, answer.parts)))
        for page, answer in zip(pages, answers, strict=True)
    ]


def score_documents(documents: Sequence[GoldDocument], engine: Engine, profile: Profile, *, who: str) -> list[Row]:
    """Score an engine and the baselines on documents with votes: all of them, and those that all voters agree on."""
    answers = _answers([document.text for document in documents], engine, profile)
    counts = {
        who: [
            answer.counts("", *_hits(document, drops=_drops(document.text, answer)))
            for document, answer in zip(documents, answers, strict=True)
        ]
    }
    for name, rule in DOCUMENT_BASELINES.items():
        counts[name] = [Counts("", *_hits(document, drops=rule(document.text))) for document in documents]
    places = {
        "all": range(len(documents)),
        "unanimous": [place for place, document in enumerate(documents) if document.unanimous],
    }
    return [
        Row(name, "votes", kind, "documents", summarise([of_documents[place] for place in chosen]))
        for kind, chosen in places.items()
        for name, of_documents in counts.items()
    ]


def _answers(texts: Sequence[str], engine: Engine, profile: Profile) -> list[Answer]:
    answers: list[Answer] = []
    for start in range(0, len(texts), _BATCH):
        began = time.perf_counter()
        prompted = [profiles.prompts(profile, text, engine.tokenizer) for text in texts[start : start + _BATCH]]
        prompts = [prompt for parts in prompted for _, prompt in parts if prompt is not None]
        completions = iter(engine.generate(prompts))
        answered = [
            tuple((chunk, next(completions) if prompt else _NO_ANSWER) for chunk, prompt in parts) for parts in prompted
        ]
        share = (time.perf_counter() - began) / len(answered)
        answers += [Answer(parts, share) for parts in answered]
    return answers


def removed_lines(lines: Sequence[str], parts: Iterable[tuple[Chunk, Completion]]) -> list[bool]:
    """Say for each line whether the programs remove it, as strict execution does."""
    executed = execute("\n".join(lines), [(chunk, completion.text) for chunk, completion in parts])
    gone = [executed.text is None] * len(lines)
    for fate in executed.operations:
        operation = fate.operation
        if fate.status != "applied" or operation.op != "remove_lines":
            continue
        assert operation.line_start is not None and operation.line_end is not None
        last = min(operation.line_end, len(lines) - 1 if fate.scope_end is None else fate.scope_end)
        gone[operation.line_start : last + 1] = [True] * (last + 1 - operation.line_start)
    return gone


def _timed(page: GoldPage, rule: Callable[[Sequence[str]], list[bool]]) -> Counts:
    began = time.perf_counter()
    gone = rule(page.lines)
    seconds = time.perf_counter() - began
    kept, removed = count(page, gone)
    return Counts(page.domain, kept, removed, seconds=seconds)


def _drops(text: str, answer: Answer) -> bool:
    written = "\n".join(completion.text for _, completion in answer.parts)
    return execute(text, written, level="document").outcome == "dropped"


def _hits(document: GoldDocument, *, drops: bool) -> tuple[Hits, Hits]:
    """Count a document that is kept or dropped as one word that is kept, and as one line that is removed."""
    keep, kept = document.keep, not drops
    both = (int(keep and kept), int(kept and not keep), int(keep and not kept))
    gone = (int(drops and not keep), int(drops and keep), int(kept and not keep))
    return both, gone


def _parses(completion: Completion) -> bool:
    program = parse(completion.text, finish_reason=completion.finish_reason)
    # Comments alone are a program, too: each says of a line that it stays.
    written = bool(program.operations) or completion.text.lstrip().startswith("#")
    return completion.finish_reason == "stop" and written and not program.problems


def _groups(pages: Sequence[GoldPage]) -> list[tuple[str, str, list[int]]]:
    """Give every source with the places of its pages, and after it every type of page in it, if it has several."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, page in enumerate(pages):
        groups.setdefault((page.source, "all"), []).append(index)
        if page.page_type:
            groups.setdefault((page.source, page.page_type), []).append(index)
    return [(*key, groups[key]) for key in sorted(groups, key=lambda key: (key[0], key[1] != "all", key[1]))]
