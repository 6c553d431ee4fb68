"""What the commands that make versions print, and what `doctor` finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from prox_spark.cli.screens import OUTCOME_STYLES, print_json
from prox_spark.passes import NEAR_DUPLICATES
from prox_spark.program.characters import visible
from prox_spark.report.numbers import duration

if TYPE_CHECKING:
    from prox_spark.cli.doctor import Finding
    from prox_spark.cli.invocation import Invocation
    from prox_spark.pipeline import ApplySummary, IngestSummary, RefineSummary
    from prox_spark.pipeline.plan import Plan

NOTHING = "nothing to do, every text that came through the passes before it has its program"


def ingested(options: Invocation, lake: str, summary: IngestSummary) -> None:
    """Show what an ingest did."""
    if options.json:
        return print_json(asdict(summary))
    console = options.console()
    console.print(sum_of(summary))
    for line in (*left_out(summary.left_out, summary.examples), *summary.notes):
        console.print(Text(line, style="yellow"))
    if summary.quarantined:
        query = "SELECT reason, count(*) FROM quarantine GROUP BY reason"
        console.print(Text(f'Why records were quarantined: prox-spark sql "{query}" --lake {lake}', style="dim"))
    if summary.documents == 0:
        console.print("Nothing new: every record is in the lake already, or could not be read.")
    else:
        console.print(f"corpus is at version {summary.corpus_version} ({duration(summary.seconds)})")
    return None


def left_out(counts: Mapping[str, int], examples: Mapping[str, str]) -> list[str]:
    """Say what was given and not read.

    >>> left_out({"hidden": 2}, {"hidden": "/in/_SUCCESS"})
    ['Left out: 2 with names that begin with . or _, such as /in/_SUCCESS']
    """
    from prox_spark.sources import LEFT_OUT  # it brings pyarrow, which no --help waits for

    return [
        f"Left out: {count:,} {LEFT_OUT[reason]}, such as {visible(examples[reason])}"
        for reason, count in counts.items()
    ]


def sum_of(summary: IngestSummary) -> str:
    """Write the sum that always holds.

    >>> from types import SimpleNamespace
    >>> sum_of(SimpleNamespace(records=1200, documents=1190, duplicates=7, quarantined=3))
    '1,200 records = 1,190 documents + 7 duplicates + 3 quarantined'
    """
    return (
        f"{summary.records:,} records = {summary.documents:,} documents + {summary.duplicates:,} duplicates "
        f"+ {summary.quarantined:,} quarantined"
    )


def planned(options: Invocation, plan: Plan) -> None:
    """Show what a pass is expected to take."""
    if options.json:
        return print_json(asdict(plan))
    console = options.console()
    if not plan.texts:
        return console.print(f"plan {plan.pass_name}: {NOTHING}")
    duplicates = f", {plan.duplicates_saved:,} more documents are copies of them" if plan.duplicates_saved else ""
    console.print(f"plan {plan.pass_name} ({plan.engine}): {plan.texts:,} texts to do{duplicates}")
    if plan.engine == NEAR_DUPLICATES:
        return console.print("  no model is asked")
    console.print(f"  {plan.prompt_tokens:,} tokens in, {plan.output_tokens:,} out")
    console.print(f"  {duration(plan.seconds)} at {plan.tokens_per_second:,.0f} tokens/s with {plan.engines} at work")
    hours = f"{plan.gpu_hours:.2f} GPU hours" if plan.gpu_hours else f"{plan.engine_hours:.2f} hours, no GPU"
    busy = "" if plan.gpu_idle_share is None else f", the GPU busy {1 - plan.gpu_idle_share:.0%} of the time"
    cost = f", {plan.cost:,.2f} at the given price" if plan.cost is not None else ""
    console.print(f"  {hours}{busy}{cost}")
    return console.print(Text(f"from a sample of {plan.sampled:,} texts", style="dim"))


def refined(options: Invocation, summary: RefineSummary) -> None:
    """Show what a refine did."""
    if options.json:
        return print_json(asdict(summary))
    return options.console().print(refine_line(summary))


def refine_line(summary: RefineSummary) -> str:
    """Say in one line what a refine did."""
    if summary.texts == 0:
        return f"refine {summary.pass_name}: {NOTHING}"
    if summary.engine == NEAR_DUPLICATES:
        return (
            f"refine {summary.pass_name}: {summary.texts:,} texts, {summary.near_duplicates:,} repeat an earlier one, "
            f"about {summary.tokens_saved:,} tokens less for later passes ({duration(summary.seconds)})"
        )
    rate = (summary.prompt_tokens + summary.output_tokens) / summary.seconds if summary.seconds else 0.0
    failed = f", {summary.errors:,} failed" if summary.errors else ""
    return (
        f"refine {summary.pass_name}: {summary.texts:,} texts in {summary.waves} wave{'s'[: summary.waves != 1]}"
        f"{failed}, {rate:,.0f} tokens/s{_by(summary)} ({duration(summary.seconds)})"
    )


def _by(summary: RefineSummary) -> str:
    idle = summary.gpu_idle_share
    gpu = "" if idle is None else f", the GPU busy {1 - idle:.0%} of the time"
    return f" by {summary.engine}{gpu}" if summary.engine else ""


def applied(options: Invocation, summary: ApplySummary) -> None:
    """Show what an apply did."""
    if options.json:
        return print_json(asdict(summary))
    return options.console().print(apply_line(summary))


def apply_line(summary: ApplySummary) -> Text:
    """Say in one line what an apply did and what the corpus holds after it."""
    line = Text(f"apply {summary.pass_name}: ")
    line.append("nothing to do" if summary.version is None else f"corpus version {summary.version}")
    for outcome, style in OUTCOME_STYLES.items():
        number = getattr(summary, outcome)
        if number or outcome in ("kept", "edited", "dropped"):
            line.append(", ").append(f"{number:,} {outcome.replace('_', ' ')}", style=style)
    if summary.version is not None:
        line.append(f" ({duration(summary.seconds)})")
    return line


def ran(options: Invocation, summaries: Sequence[tuple[RefineSummary, ApplySummary]]) -> None:
    """Show what a run of all passes did."""
    if options.json:
        passes = [{"refine": asdict(refine), "apply": asdict(apply)} for refine, apply in summaries]
        return print_json({"passes": passes})
    console = options.console()
    for refine, apply in summaries:
        console.print(refine_line(refine))
        console.print(apply_line(apply))
    return None


def findings(options: Invocation, all_findings: Sequence[Finding]) -> None:
    """Show what doctor found."""
    if options.json:
        return print_json([asdict(finding) for finding in all_findings])
    table = Table.grid(padding=(0, 2))
    for finding in all_findings:
        sign = Text("ok", style="green") if finding.ok else Text("wrong", style="bold red")
        table.add_row(sign, finding.name, Text(finding.detail, overflow="fold"))
    return options.console().print(table)
