"""The values of the program language: operations, problems, policies, fates, and the closed lists of reasons.

Values only; `parse` makes operations out of text, `execute` gives them a meaning.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal, Protocol, get_args

Mode = Literal["strict", "reference"]
Level = Literal["document", "chunk"]
OperationName = Literal[
    "keep_doc", "drop_doc", "keep_chunk", "remove_lines", "normalize", "replace_str", "add_line", "rewrite", "score"
]
Outcome = Literal["kept", "edited", "dropped", "failed", "not_run"]
Status = Literal["applied", "rejected"]
Insert = Literal["reject", "source_words", "accept"]

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""Every outcome, in the order in which tables and screens show them."""

PROBLEM_REASONS = (
    "not_an_operation",  # prose, or anything that is not `name(`
    "unknown_operation",  # a call of a name that the language does not have
    "bad_arguments",  # wrong number, wrong keyword, wrong type, or a string where a number belongs
    "not_an_integer",  # a line number that is not a run of ASCII digits
    "negative_line",
    "reversed_range",
    "truncated",  # the line ends inside the call
    "trailing_text",  # something other than a comment after the closing parenthesis
    "contradiction",  # a decision that is not the one before it: the milder of the two is read
    "other_window",  # about a line that another window of the text owns; it counts neither as right nor as wrong
)
"""Why a line of a completion is not an operation (strict mode)."""

REJECTION_REASONS = (
    "outside_chunk",  # the range starts outside the chunk that the program was written for
    "wrong_level",  # a document verdict inside a chunk program, or a line operation in a document answer
    "contradiction",  # keep beside an edit, an edit beside drop: the milder operation wins
    "blank_source",
    "short_source",  # fewer characters than policy.min_source_chars
    "spans_lines",  # source or target holds a line break
    "grows",  # the target is longer than policy.max_growth allows
    "reserved_character",  # text or string holds U+FDD0..U+FDEF, which are never valid for interchange
    "not_found",
    "inside_word",  # found, but only inside longer words
    "too_many_matches",  # more than policy.max_matches in one chunk
    "not_unique",  # more than one place on the line, overlapping ones counted
    "overlaps",  # the place was changed by an operation before it
    "duplicate",  # the same as an operation before it
    "invents_text",  # the target holds a word that policy.insert or policy.rewrite wants to see in the page
    "not_allowed",  # the policy takes no such operation
    "too_long",  # more characters than policy.max_target_chars or policy.max_line_chars
    "too_many_lines",  # more than policy.max_added_lines in one chunk
    "mostly_rejected",  # more of the chunk's program was wrong than right, so none of it is trusted
)
"""Why an operation that parsed was not applied (strict mode)."""

APPLIED_REASONS = ("clipped",)
"""What else is worth knowing about an applied operation: `clipped`, its range ended after the chunk."""

DOCUMENT_REASONS = (
    "drop_doc",  # the program says so
    "duplicate",  # an earlier document has the same text, and the pass near_duplicates drops further ones
    "nothing_left",  # the operations removed everything but whitespace
    "too_few_words",  # policy.min_words (strict), or the reference's rule of ten words
    "too_little_kept",  # policy.min_kept_share (strict), or the reference's rule of five percent
    "unknown_answer",  # a document answer that is neither keep nor drop: kept and counted
    "low_score",  # the score is below policy.min_score
    "too_many_errors",  # reference only: two errors or more give the original text back
    "engine_error",  # failed: programs.error says what happened
)
"""Values of `corpus.reason`; NULL where there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One typed operation; `line_start` and `line_end` are inclusive and 0-based over the whole document.

    What the fields mean where it is not plain: `add_line` adds `target` after line `line_start`, -1 being before the
    first; `replace_str` changes `source` on line `line_start`, and its line feed where `source` ends in one; `rewrite`
    puts `target` in the place of all lines of its chunk; `score` has its number, as text, in `target`.
    """

    op: OperationName
    line_start: int | None = None
    line_end: int | None = None
    source: str | None = None
    target: str | None = None

    @property
    def value(self) -> float | None:
        """The number of a `score`; None for every other operation.

        >>> Operation("score", target="2.5").value
        2.5
        """
        return float(self.target) if self.op == "score" and self.target is not None else None


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of a completion that is not an operation.

    Attributes:
        line: 0-based line of the completion.
        reason: One of `PROBLEM_REASONS`.
        text: The line, cut to 200 characters.
    """

    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Program:
    """What a completion says: its operations in order, and the lines that are none."""

    operations: tuple[Operation, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class AppliedOperation:
    """One operation with its fate.

    Attributes:
        chunk_index: The chunk whose program holds it; None for a program of the whole document.
        scope_start: First line it may touch, inclusive; None for the whole document.
        scope_end: Last line it may touch, inclusive; None for the whole document.
        status: `applied` or `rejected`.
        reason: One of `REJECTION_REASONS` or `APPLIED_REASONS`; None where there is nothing to say.
        found: Places changed (normalize), lines in range (remove_lines), 0 for verdicts.
        words_removed: Words in the lines or strings removed, less the words of the targets.
    """

    operation: Operation
    chunk_index: int | None
    scope_start: int | None
    scope_end: int | None
    status: Status
    reason: str | None
    found: int
    words_removed: int

    def refused(self) -> AppliedOperation:
        """Take the operation back because the program around it is not trusted."""
        if self.status == "rejected":
            return self
        return replace(self, status="rejected", reason="mostly_rejected", found=0, words_removed=0)


@dataclass(frozen=True, slots=True)
class Execution:
    """What a program made of a text; `text` is None when the document is dropped."""

    text: str | None
    outcome: Outcome
    reason: str | None
    operations: tuple[AppliedOperation, ...]
    words_before: int
    words_after: int


@dataclass(frozen=True, slots=True)
class Policy:
    """How programs are executed; part of the identity of a corpus version.

    Attributes:
        mode: `strict`, or `reference` for what the published executor does, byte for byte (the rest is then unused).
        min_source_chars: Shortest string that `normalize` may look for.
        max_matches: Most places that one `normalize` may change in one chunk.
        max_growth: Longest target as a multiple of its source, in characters.
        max_rejected_share: Share of a chunk's lines that may be wrong before the chunk is left as it is.
        min_words: Documents that end with fewer words are dropped; 0 switches the rule off.
        min_kept_share: Documents that keep a smaller share of their words are dropped; 0 switches the rule off.
        insert: What targets of `replace_str` and `add_line` may hold: words of the page (`source_words`), anything
            (`accept`), or for `replace_str` words of its source and for `add_line` nothing (`reject`).
        rewrite: The same for `rewrite`, which `reject` refuses.
        max_target_chars: Longest target of `replace_str` that is longer than its source.
        max_line_chars: Longest line that `add_line` adds.
        max_added_lines: Most lines that `add_line` adds in one chunk.
        min_score: Documents with a lower `score` are dropped; None keeps all.
        grammar: What the programs were written in, a name of `program.readers`: it decides what the operations mean.
    """

    mode: Mode = "strict"
    min_source_chars: int = 2
    max_matches: int = 64
    max_growth: float = 1.0
    max_rejected_share: float = 0.5
    min_words: int = 0
    min_kept_share: float = 0.0
    insert: Insert = "source_words"
    rewrite: Insert = "reject"
    max_target_chars: int = 150
    max_line_chars: int = 200
    max_added_lines: int = 10
    min_score: float | None = None
    grammar: str = "prox"

    def key(self) -> dict[str, object]:
        """Give the fields as a version records them: those that came later only where they are not at their default.

        >>> "insert" in Policy().key(), Policy(insert="accept").key()["insert"]
        (False, 'accept')
        """
        later = ("insert", "rewrite", "max_target_chars", "max_line_chars", "max_added_lines", "min_score", "grammar")
        default = Policy()
        at_default = {name for name in later if getattr(self, name) == getattr(default, name)}
        return {name: value for name, value in asdict(self).items() if name not in at_default}


class Scope(Protocol):
    """The lines that a program was written for; a `chunks.Chunk` is one."""

    @property
    def index(self) -> int:
        """The chunk's place in its document."""

    @property
    def line_start(self) -> int:
        """The first line, inclusive and 0-based over the whole document."""

    @property
    def line_end(self) -> int:
        """The last line, inclusive."""


@dataclass(frozen=True, slots=True)
class ChunkProgram:
    """The program of one chunk, ready to execute: what `programs.chunks` stores, one value a chunk.

    Attributes:
        chunk_index: Which chunk; None for a program of the whole document.
        scope_start: First line the program may touch, inclusive; None for the whole document.
        scope_end: Last line the program may touch, inclusive; None for the whole document.
        completion: What the model wrote; only a document answer in reference mode is read from it.
        operations: What `parse` gives in strict mode.
        problems: How many lines of the completion strict mode could not read, those about lines of another window not
            counted; they count against the budget.
        reference_operations: What `parse` gives in reference mode.
        reference_errors: How many errors the reference's own parser counts.
    """

    chunk_index: int | None = None
    scope_start: int | None = None
    scope_end: int | None = None
    completion: str = ""
    operations: tuple[Operation, ...] = ()
    problems: int = 0
    reference_operations: tuple[Operation, ...] = ()
    reference_errors: int = 0

    def fate(
        self,
        operation: Operation,
        *,
        rejected: str | None = None,
        reason: str | None = None,
        found: int = 0,
        words_removed: int = 0,
    ) -> AppliedOperation:
        """Say what became of one of the program's operations: rejected for a reason, or applied, as a rule without."""
        return AppliedOperation(
            operation=operation,
            chunk_index=self.chunk_index,
            scope_start=self.scope_start,
            scope_end=self.scope_end,
            status="applied" if rejected is None else "rejected",
            reason=rejected or reason,
            found=found,
            words_removed=words_removed,
        )


MAX_LINE = 2**31 - 1
"""Largest line number an operation holds; larger ones are clamped to it, so that they fit a Spark INT."""
