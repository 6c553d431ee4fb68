"""The commands that look at versions and documents: `history`, `show`, `diff`, `compare`, `compare-modes`, `sql`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from prox_spark.cli.commands.root import app
from prox_spark.cli.invocation import Invocation, with_options
from prox_spark.cli.screens import past as screens
from prox_spark.cli.screens import sides as side_screens
from prox_spark.errors import UserError


@app.command()
@with_options
def history(options: Invocation) -> None:
    """List the versions of the table corpus: which command made each, what it holds, until when it can be read.

    [dim]prox-spark history[/dim]
    [dim]prox-spark history --json[/dim]
    """
    from prox_spark.audit.history import history as versions_of
    from prox_spark.audit.maintain import expiring

    versions, warnings = options.ask(options.config(), lambda lake: (versions_of(lake), expiring(lake)))
    screens.history(options, versions, warnings)


@app.command()
@with_options
def show(
    options: Invocation,
    doc_id: Annotated[str, typer.Argument(metavar="DOC_ID", help="Its beginning is enough.", show_default=False)],
) -> None:
    """Show one document's life: its text before and after each pass, and the operations in between.

    [dim]prox-spark show 3f9a1c[/dim]
    """
    from prox_spark.audit.history import document

    screens.document(options, options.ask(options.config(), lambda lake: document(lake, doc_id)))


@app.command()
@with_options
def diff(
    options: Invocation,
    a: Annotated[str, typer.Argument(metavar="A", help="A number or a tag.", show_default=False)],
    b: Annotated[
        str | None, typer.Argument(metavar="[B]", help="A number or a tag; else the newest.", show_default=False)
    ] = None,
    doc: Annotated[str | None, typer.Option(metavar="DOC_ID", help="Show one document, line by line.")] = None,
    sample: Annotated[int, typer.Option(min=0, metavar="N", help="Show N changed documents, drawn at random.")] = 0,
    largest: Annotated[bool, typer.Option("--largest", help="Show those with the largest change instead.")] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Another number draws other documents.")] = 0,
) -> None:
    """Compare two versions: documents kept, edited, dropped, restored; by source, by operation, by reason.

    [dim]prox-spark diff 0 latest[/dim]
    [dim]prox-spark diff raw v1.0 --sample 5 --largest[/dim]
    [dim]prox-spark diff 1 2 --doc 3f9a1c[/dim]
    """
    config = options.config()
    with options.open(config, reads=True, brief=True) as (lake, progress):
        from prox_spark.audit import diff as comparing

        with progress.waiting("comparing"):
            if doc is not None:
                one = comparing.document(lake, doc, a, b)
            else:
                compared = comparing.diff(lake, a, b)
                counts = compared.summary()
                count = sample or (5 if largest else 0)
                drawn = comparing.sample(lake, compared, count, largest=largest, seed=seed) if count else []
    if doc is not None:
        screens.one_document(options, one)
    else:
        screens.differences(options, counts, drawn)


@app.command()
@with_options
def compare(
    options: Invocation,
    a: Annotated[str, typer.Argument(metavar="A", help="A number or a tag.", show_default=False)],
    b: Annotated[
        str | None, typer.Argument(metavar="[B]", help="A number or a tag; else the newest.", show_default=False)
    ] = None,
    sample: Annotated[int, typer.Option(min=0, max=100, metavar="N", help="Show N documents that differ.")] = 3,
    largest: Annotated[bool, typer.Option("--largest", help="Those whose words are furthest apart.")] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Another number draws other documents.")] = 0,
) -> None:
    """Put two ways to refine one corpus side by side: kept, edited, dropped, words, and documents where they part.

    A and B are versions that two chains of passes made, ProX and UltraX say; each is held against what was ingested.

    [dim]prox-spark compare prox ultrax[/dim]
    [dim]prox-spark compare 2 4 --sample 10 --largest[/dim]
    """
    config = options.config()
    with options.open(config, reads=True, brief=True) as (lake, progress):
        from prox_spark.audit import compare as comparing

        with progress.waiting("comparing"):
            compared = comparing.compare(lake, a, b, count=sample, largest=largest, seed=seed)
    side_screens.sides(options, compared)


@app.command("compare-modes")
@with_options
def compare_modes(
    options: Invocation,
    limit: Annotated[int, typer.Option(min=1, help="Most kinds and documents to list for a pass; all count.")] = 20,
) -> None:
    """Execute the stored programs in both modes and list the documents on which they differ, and why.

    Nothing is written.

    [dim]prox-spark compare-modes[/dim]
    [dim]prox-spark compare-modes --json --limit 1000[/dim]
    """
    config = options.config()
    with options.open(config, reads=True) as (lake, progress):
        from prox_spark.audit import compare as comparing

        with progress.waiting("comparing"):
            compared = comparing.compare_modes(lake, config, limit=limit)
    screens.compared(options, compared)


@app.command()
@with_options
def sql(
    options: Invocation,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="One SQL statement; - reads it from stdin.", show_default=False)
    ],
    limit: Annotated[int, typer.Option(min=1, help="Rows to show in the table; --json prints all.")] = 20,
) -> None:
    """Ask the lake in SQL.

    Tables: documents, programs, signatures, corpus, runs, quarantine.

    Views: refined, edits, removed, duplicates, versions.

    Functions: prox_parse(completion), prox_apply(text, ops), prox_words(text).

    [dim]prox-spark sql "SELECT outcome, count(*) FROM corpus GROUP BY outcome"[/dim]
    [dim]prox-spark sql "SELECT count(*) FROM corpus VERSION AS OF 0"[/dim]
    [dim]prox-spark sql --json - < query.sql[/dim]
    """
    text = sys.stdin.read() if query == "-" else query
    if not text.strip().rstrip(";").strip():
        raise UserError("the query is empty; give one SQL statement, or - to read it from stdin")
    from prox_spark.cli import queries

    config = options.config()
    shown = None if options.json else limit
    known = options.ask_directly(config, lambda lake: queries.ask_directly(lake, text, shown=shown))
    if known is not None:
        return screens.answer(options, known, limit)
    with options.open(config, reads=True, brief=True) as (lake, progress):
        from prox_spark.lake.functions import register_functions

        with progress.waiting("asking"):
            if "prox_" in text.lower():  # making them takes a second that most questions need not wait
                register_functions(lake.spark)
            answer = queries.ask(lake, text)
        progress.close()  # the rows are fetched while they are printed
        return screens.answer(options, answer, limit)
