"""Score an engine and the baselines on labelled pages, or on documents with votes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prox_spark import profiles
from prox_spark.chunks import Chunk
from prox_spark.engines import Completion, Engine
from prox_spark.evaluation.baselines import DOCUMENT_BASELINES, LINE_BASELINES
from prox_spark.evaluation.gold import GoldDocument, GoldPage
from prox_spark.evaluation.scores import Counts, Summary, count, summarise
from prox_spark.profiles import Profile
from prox_spark.program import execute, parse

_BATCH = 32


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one line of the scoreboard.

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


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what an engine said of one text.

    Attributes:
        parts: Each chunk with its completion; an empty completion where the prompt did not fit.
        seconds: The text's share of the time of its batch.
    """

    parts: tuple[tuple[Chunk, Completion], ...]
    seconds: float

    def cost(self) -> dict[str, object]:
        """Give tokens, time, and how many completions parse."""
        said = [completion for _, completion in self.parts]
        good = sum(_parses(completion) for completion in said)
        tokens = sum(item.prompt_tokens for item in said), sum(item.output_tokens for item in said)
        return {"parsed": (good, len(said)), "tokens": tokens, "seconds": self.seconds}


def score_pages(pages: Sequence[GoldPage], engine: Engine, profile: Profile, *, who: str) -> list[Row]:
    """Score an engine and the baselines on labelled pages, by source and by type of page."""
    found = {who: judge(pages, engine, profile)}
    for name, rule in LINE_BASELINES.items():
        found[name] = [_timed(page, rule) for page in pages]
    return [
        Row(name, source, kind, "lines", summarise([counts[index] for index in chosen]))
        for source, kind, chosen in _groups(pages)
        for name, counts in found.items()
    ]


def judge(pages: Sequence[GoldPage], engine: Engine, profile: Profile) -> list[Counts]:
    """Count what an engine gets right and wrong on each page."""
    answers = _answers(["\n".join(page.lines) for page in pages], engine, profile)
    return [_page_counts(page, answer) for page, answer in zip(pages, answers, strict=True)]


def score_documents(documents: Sequence[GoldDocument], engine: Engine, profile: Profile, *, who: str) -> list[Row]:
    """Score an engine and the baselines on documents with votes: all of them, and those that all voters agree on."""
    answers = _answers([document.text for document in documents], engine, profile)
    verdicts = {who: [_drops(document.text, answer) for document, answer in zip(documents, answers, strict=True)]}
    for name, rule in DOCUMENT_BASELINES.items():
        verdicts[name] = [rule(document.text) for document in documents]
    rows = []
    for kind, chosen in (("all", list(documents)), ("unanimous", [item for item in documents if item.unanimous])):
        for name, drops in verdicts.items():
            fates = [drop for document, drop in zip(documents, drops, strict=True) if document in chosen]
            costs = answers if name == who else [None] * len(fates)
            counts = [_verdict(d, f, a) for d, f, a in zip(chosen, fates, costs, strict=False)]
            rows.append(Row(name, "votes", kind, "documents", summarise(counts)))
    return rows


def _answers(texts: Sequence[str], engine: Engine, profile: Profile) -> list[Answer]:
    answers: list[Answer] = []
    for start in range(0, len(texts), _BATCH):
        began = time.perf_counter()
        prompted = [profiles.prompts(profile, text, engine.tokenizer) for text in texts[start : start + _BATCH]]
        said = iter(engine.generate([prompt for parts in prompted for _, prompt in parts if prompt is not None]))
        parts = [tuple((c, next(said) if p else Completion("", "skipped", 0, 0)) for c, p in item) for item in prompted]
        share = (time.perf_counter() - began) / len(parts)
        answers += [Answer(item, share) for item in parts]
    return answers


def _page_counts(page: GoldPage, answer: Answer) -> Counts:
    kept, removed = count(page, removed_lines(page.lines, answer.parts))
    return Counts(page.domain, kept, removed, **answer.cost())  # type: ignore[arg-type]


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
    return execute(text, "\n".join(said.text for _, said in answer.parts), level="document").outcome == "dropped"


def _verdict(document: GoldDocument, drops: bool, answer: Answer | None) -> Counts:
    keep, kept = document.keep, not drops
    cost = answer.cost() if answer is not None else {}
    both = (int(keep and kept), int(kept and not keep), int(keep and not kept))
    gone = (int(drops and not keep), int(drops and keep), int(kept and not keep))
    return Counts("", both, gone, **cost)  # type: ignore[arg-type]


def _parses(completion: Completion) -> bool:
    program = parse(completion.text, finish_reason=completion.finish_reason)
    said = bool(program.operations) or completion.text.lstrip().startswith("#")  # comments on lines that all stay
    return completion.finish_reason == "stop" and said and not program.problems


def _groups(pages: Sequence[GoldPage]) -> list[tuple[str, str, list[int]]]:
    """Give every source with the places of its pages, and after it every type of page in it, if it has several."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, page in enumerate(pages):
        groups.setdefault((page.source, "all"), []).append(index)
        if page.page_type:
            groups.setdefault((page.source, page.page_type), []).append(index)
    return [(*key, groups[key]) for key in sorted(groups, key=lambda key: (key[0], key[1] != "all", key[1]))]
