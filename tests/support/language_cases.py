"""The language cases: folders with a text, a program and what must come of it, for every executor.

`expected.txt` says `outcome [reason]`, then for each operation `name status [reason [found]]` with `-` for no reason,
then for each problem `problem line reason`, and, unless the document is dropped, `---` and the text. `case.json`, where
there is one, gives the level, the scope of the chunk, the finish reason, or the policy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from prox_spark.program import ChunkProgram, Execution, Level, Policy, Problem, parse, parse_reference

CASES = Path(__file__).resolve().parent.parent / "data" / "programs"


@dataclass(frozen=True, slots=True)
class LanguageCase:
    name: str
    text: str
    program: str
    expected: str
    level: Level = "chunk"
    scope: tuple[int, int] | None = None
    finish_reason: str | None = None
    policy: Policy = field(default_factory=Policy)

    def problems(self) -> tuple[Problem, ...]:
        return parse(self.program, finish_reason=self.finish_reason).problems

    def chunk(self) -> ChunkProgram:
        operations, errors = parse_reference(self.program)
        return ChunkProgram(
            chunk_index=None if self.scope is None else 0,
            scope_start=None if self.scope is None else self.scope[0],
            scope_end=None if self.scope is None else self.scope[1],
            completion=self.program,
            operations=parse(self.program, finish_reason=self.finish_reason).operations,
            problems=len(self.problems()),
            reference_operations=operations,
            reference_errors=errors,
        )

    def written(self, execution: Execution) -> str:
        """Write an execution the way that `expected.txt` is written."""
        lines = [" ".join(filter(None, (execution.outcome, execution.reason)))]
        for fate in execution.operations:
            words: list[str] = [fate.operation.op, fate.status]
            if fate.status == "rejected":
                words.append(str(fate.reason))
            elif fate.operation.op in ("remove_lines", "normalize"):
                words += [fate.reason or "-", str(fate.found)]
            lines.append(" ".join(words))
        lines += [f"problem {problem.line} {problem.reason}" for problem in self.problems()]
        return "\n".join(lines) + ("" if execution.text is None else f"\n---\n{execution.text}")


def language_cases() -> list[LanguageCase]:
    return [_read(folder) for folder in sorted(CASES.iterdir())]


def _read(folder: Path) -> LanguageCase:
    text, program, expected = (
        (folder / f"{name}.txt").read_bytes().decode("utf-8") for name in ("text", "program", "expected")
    )
    options = json.loads((folder / "case.json").read_text()) if (folder / "case.json").exists() else {}
    return LanguageCase(
        name=folder.name,
        text=text,
        program=program,
        expected=expected,
        level=options.get("level", "chunk"),
        scope=tuple(options["scope"]) if "scope" in options else None,
        finish_reason=options.get("finish_reason"),
        policy=Policy(**options.get("policy", {})),
    )
