"""What `try` prints: what the file seems to be, what the passes did to its documents, some of them before and after."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from prox_spark.cli.screens import OUTCOME_STYLES, print_json
from prox_spark.cli.screens.demo import WIDTH, program_name
from prox_spark.cli.screens.differences import change
from prox_spark.program.characters import visible

if TYPE_CHECKING:
    from rich.console import Console

    from prox_spark.cli.invocation import Invocation
    from prox_spark.demo.trial import Trial, Tried

SHOWN = 3
LAKE = "lake"


def show(options: Invocation, trial: Trial) -> None:
    """Print what became of the documents, or its JSON."""
    if options.json:
        return print_json({**asdict(trial), "commands": commands(options, trial)})
    console = options.console()
    console.width = min(console.width, WIDTH)
    console.print(_about(trial), soft_wrap=True)
    console.print(_passes(trial))
    for name in trial.left_out:
        console.print(f"The pass {name} looks at the whole corpus and was not tried.", style="yellow")
    for document in examples(trial.documents):
        _document(console, document)
    _rule(console, "The whole file")
    for line in commands(options, trial):
        console.print(Text(line, style="bold cyan"), soft_wrap=True)
    return None


def examples(documents: Sequence[Tried], count: int = SHOWN) -> list[Tried]:
    """Choose the documents that show most in little room: those of which about a third went, then one dropped."""

    def dullness(document: Tried) -> float:
        left = len(document.after or "") / max(1, len(document.before))
        return abs(left - 0.65) + document.before.count("\n") / 80 + len(document.before) / 20_000

    edited = sorted((item for item in documents if item.after not in (None, item.before)), key=dullness)
    dropped = sorted((item for item in documents if item.outcome == "dropped"), key=lambda item: len(item.before))
    chosen = [*edited[: count - 1], *dropped[:1], *edited[count - 1 :]]
    return (chosen or list(documents))[:count]


def commands(options: Invocation, trial: Trial) -> list[str]:
    """Give the commands that take the whole file through the same passes, and show it."""
    program, told = program_name(), trial.guess
    columns = [] if told.named else ["--text-column", told.text_column]
    columns += ["--url-column", told.url_column] if told.url_column not in (None, "url") and not told.named else []
    settings = [word for name in ("conf", "set") for value in getattr(options, name) for word in (f"--{name}", value)]
    lake = ["--lake", options.lake or LAKE, *settings]
    words = (
        ["ingest", told.source, trial.path, *columns, *lake],
        ["run", *lake],
        ["report", "-o", "report.html", *lake],
    )
    return [f"{program} {shlex.join(line)}" for line in words]


def _about(trial: Trial) -> Text:
    told = trial.guess
    columns = f"text in {told.text_column}" + (f", URL in {told.url_column}" if told.url_column else ", no URL")
    bad = f", {trial.unreadable:,} records cannot be read" if trial.unreadable else ""
    which = f"its first {len(trial.documents):,} documents" if trial.more else f"all {len(trial.documents):,} documents"
    return Text.assemble(
        (visible(trial.path), "bold"),
        f" read as {told.source}: {visible(columns)}\n{which}{bad}, {trial.seconds:.0f} s; nothing was written",
    )


def _passes(trial: Trial) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("pass", style="bold")
    table.add_column("documents", justify="right")
    for outcome in ("kept", "edited", "dropped"):
        table.add_column(outcome, justify="right", style=OUTCOME_STYLES[outcome])
    for name in ("words before", "words after", "removed"):
        table.add_column(name, justify="right")
    for item in trial.passes:
        before, after = item.words_before, item.words_after
        numbers = (item.documents, item.kept, item.edited, item.dropped, before, after)
        removed = f"{1 - after / before:.0%}" if before else "-"
        table.add_row(item.name, *(f"{number:,}" for number in numbers), removed)
    return table


def _document(console: Console, document: Tried) -> None:
    _rule(console, document.url or document.doc_id[:12])
    before, after = len(document.before.split()), len((document.after or "").split())
    why = f" ({document.reason})" if document.reason else ""
    fate = (document.outcome, OUTCOME_STYLES.get(document.outcome, ""))
    console.print(Text.assemble(fate, f"{why}, {before:,} words → {after:,}"))
    console.print()
    console.print(change(document.before, document.after), no_wrap=True, overflow="ellipsis")


def _rule(console: Console, title: str) -> None:
    console.print()
    console.print(Rule(Text(visible(title), style="bold"), align="left", style="dim", characters="─"))
    console.print()
