"""The last screen of the demo: what each pass did, one page before and after, what to try next."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import webbrowser
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from prox_spark.cli.screens import OUTCOME_STYLES, print_json
from prox_spark.cli.screens.differences import difference
from prox_spark.cli.screens.line import sum_of
from prox_spark.lake.location import is_uri
from prox_spark.program.characters import visible

if TYPE_CHECKING:
    from rich.console import Console

    from prox_spark.cli.invocation import Invocation
    from prox_spark.demo import Demo, Example
    from prox_spark.demo.second import RefinedPage

WIDTH = 100


def show(options: Invocation, demo: Demo, report: Path) -> None:
    """Print the demo's last screen, or its JSON."""
    if options.json:
        return print_json({**_json(demo), "report": str(report)})
    console = options.console()
    console.width = min(console.width, WIDTH)
    for summary in demo.ingested:
        console.print(sum_of(summary))
    if not demo.new:
        console.print("Nothing new to do: this lake has been through the passes before.", style="yellow")
    console.print(_passes(demo))
    console.print(_sentence(demo))
    if demo.example is not None:
        _heading(console, "One page, before and after")
        _example(console, demo.example)
    if demo.written is not None:
        _heading(console, "The same page by tiny-lm, a language model of 2.3 million parameters, token by token")
        _written(console, demo.written)
    _heading(console, "To try next")
    for number, (tells, line) in enumerate(commands(demo)):
        console.print(Text("\n" * bool(number) + f"# {tells}", style="dim"))
        # The terminal may break a long line, this program must not: the command is there to be pasted.
        console.print(Text(line, style="bold cyan"), soft_wrap=True)
    console.print()
    console.print(Text.assemble("All of it on one page, to open in a browser: ", (str(report), "bold")), soft_wrap=True)
    own = Text.assemble(
        "A file of your own: ", (f"{program_name()} try FILE", "bold cyan"), " shows it before and after, "
    )
    console.print(own + Text("in seconds and without Spark."), soft_wrap=True)
    return None


def report_file(lake: str) -> Path:
    """Name the file of a lake's report: beside its folder; in the working folder, for a lake elsewhere.

    >>> report_file("demo-lake").name, report_file("s3://bucket/demo").name, report_file("main.demo").name
    ('demo-lake.html', 'demo.html', 'main.demo.html')
    """
    place = Path(Path(lake).name) if is_uri(lake) else Path(lake).expanduser()
    return place.with_name(f"{place.name}.html").absolute()


def open_report(report: Path) -> None:
    """Open a report in the browser of a desktop; where the screen is a file or there is no desktop, do nothing."""
    has_desktop = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.stdout.isatty() and has_desktop:
        webbrowser.open(report.as_uri())


def _passes(demo: Demo) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("pass", style="bold")
    table.add_column("version", justify="right")
    table.add_column("pages", justify="right")
    for outcome in ("kept", "edited", "dropped"):
        table.add_column(outcome, justify="right", style=OUTCOME_STYLES[outcome])
    table.add_column("words before", justify="right")
    table.add_column("words after", justify="right")
    table.add_column("removed", justify="right")
    for item in demo.passes:
        pages = item.kept + item.edited + item.dropped + item.failed
        share = 1 - item.words_after / item.words_before if item.words_before else 0.0
        numbers = (pages, item.kept, item.edited, item.dropped, item.words_before, item.words_after)
        table.add_row(item.pass_name, str(item.version), *(f"{number:,}" for number in numbers), f"{share:.0%}")
    return table


def _sentence(demo: Demo) -> Text:
    if not demo.passes:
        return Text("No pass has been applied.")
    first, last = demo.passes[0], demo.passes[-1]
    return Text.assemble(
        f"{demo.documents:,} pages went in with {first.words_before:,} words; ",
        (f"{last.kept + last.edited:,} pages with {last.words_after:,} words", "bold"),
        f" came out. All {demo.documents:,} are still rows of corpus, the dropped ones with their reason.",
    )


def _example(console: Console, example: Example) -> None:
    before, after = (len(text.split()) for text in (example.before, example.after))
    title = Text.assemble((visible(example.url), "underline"), f"  {before:,} words → {after:,}")
    console.print(title, no_wrap=True, overflow="ellipsis")
    console.print()
    console.print(difference(example.before, example.after), no_wrap=True, overflow="ellipsis")


def _written(console: Console, written: RefinedPage) -> None:
    calls = visible(written.program).split("\n")
    console.print(Text(f"{written.document}  # the page as a whole", style="dim"))
    console.print(Text("\n".join(calls[:8]) + ("\n…" if len(calls) > 8 else ""), style="dim"))
    words = (
        f"{len(written.after.split()):,} words left, {written.chunks + 1} prompts answered in {written.seconds:.2f} s"
    )
    console.print(f"{words}; it shows how a language model refines, the tagger does it better.")


def commands(demo: Demo) -> list[tuple[str, str]]:
    """Give the commands to try next, each with what it tells; they work when pasted."""
    from prox_spark.demo.line import command

    program = program_name()
    lines = [(tells, command(program, query, demo.lake)) for tells, query in demo.queries]
    if demo.example is not None:
        line = f"{program} show {demo.example.doc_id[:8]} --lake {shlex.quote(demo.lake)}"
        lines.append(("that page's whole life", line))
    return lines


def program_name() -> str:
    """Give what a shell calls this program: its name where it is on the PATH, else its path."""
    started = Path(sys.argv[0])
    on_path = shutil.which("prox-spark")
    if on_path is not None or started.name != "prox-spark":
        return "prox-spark"
    relative = os.path.relpath(started)
    return shlex.quote(str(started) if relative.startswith("..") else f"./{relative}")


def _json(demo: Demo) -> dict[str, object]:
    return {
        **asdict(demo),
        "queries": [{"tells": tells, "query": query} for tells, query in demo.queries],
        "commands": [line for _, line in commands(demo)],
    }


def _heading(console: Console, title: str) -> None:
    console.print()
    console.print(Rule(Text(title, style="bold"), align="left", style="dim", characters="─"))
    console.print()
