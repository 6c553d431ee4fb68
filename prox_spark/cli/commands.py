"""The commands of `prox-spark`, one function each: open the lake, call the pipeline, show what it says.

Heavy imports stand inside the functions, so that `prox-spark --help` starts no Spark.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from prox_spark.cli import screens
from prox_spark.cli.invocation import Invocation, with_options
from prox_spark.errors import UserError

DEMO_LAKE = "demo-lake"

app = typer.Typer(
    name="prox-spark",
    help="Refine web text with small programs that a model writes, and keep every pass as a version of a Delta table.",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with [bold]prox-spark demo[/bold]; each command has its own --help with examples.",
)


def _print_version(asked: bool) -> None:
    if asked:
        from prox_spark.version import __version__

        print(f"prox-spark {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
@with_options
def outermost(
    options: Invocation,
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before the command."""
    context.obj = options
    if context.invoked_subcommand is None:
        print(context.get_help(), end="")  # with rich it prints by itself and returns nothing


@app.command()
@with_options
def demo(options: Invocation) -> None:
    """Refine a small sample of real web pages and show what became of them.

    The sample (193 pages, 0.6 MB) ships with the package. The lake goes to ./demo-lake unless --lake names another
    place; a second run finds nothing new to do and shows the same.

    [dim]prox-spark demo[/dim]
    [dim]prox-spark demo --lake /tmp/demo[/dim]
    """
    from prox_spark import demo as sample
    from prox_spark.cli import demonstration

    config = options.config().model_copy(update={"lake": options.lake or DEMO_LAKE})
    with options.open(config, brief=True) as (lake, progress):
        shown = sample.build(lake, config, progress=progress)
    demonstration.show(options, shown)


@app.command()
@with_options
def doctor(
    options: Invocation,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Check every executor of the cluster instead; no model is loaded.")
    ] = False,
) -> None:
    """Check Java, the JARs, the interpreter, the GPU, the engine and the lake, one line each.

    [dim]prox-spark doctor[/dim]
    [dim]prox-spark doctor --conf my.yaml[/dim]
    [dim]prox-spark doctor --cluster[/dim]
    """
    from prox_spark.cli.doctor import check, check_cluster

    config = options.config()
    with options.reporter() as progress, progress.waiting("checking"):
        findings = (check_cluster if cluster else check)(config, verbose=options.verbose)
    screens.findings(options, findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(2)


@app.command()
@with_options
def ingest(
    options: Invocation,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="c4, fineweb, redpajama-v2, openwebmath, jsonl or parquet.", show_default=False
        ),
    ],
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files, folders or globs, local or remote.", show_default=False)
    ],
    snapshot: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the crawl; else it comes from records or paths.")
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="jsonl, parquet: the column with the text.")
    ] = None,
    url_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="jsonl, parquet: the column with the URL.")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="jsonl, parquet: the column that identifies a record.")
    ] = None,
) -> None:
    """Bring corpus files into the lake. Records that cannot be read go to the table quarantine.

    The same files again add nothing.

    [dim]prox-spark ingest c4 'c4/en/*.json.gz'[/dim]
    [dim]prox-spark ingest fineweb s3a://bucket/fineweb/data/CC-MAIN-2025-51/[/dim]
    [dim]prox-spark ingest jsonl pages.jsonl.zst --text-column body --snapshot 2025-51[/dim]
    """
    columns = {"text_column": text_column, "url_column": url_column, "id_column": id_column}
    given = tuple(f"ingest.{name}={_yaml_text(value)}" for name, value in columns.items() if value is not None)
    config = Invocation(set=given).under(options).config()
    with options.open(config) as (lake, progress):
        from prox_spark import pipeline

        summary = pipeline.ingest(
            lake,
            source,
            paths,
            snapshot=snapshot,
            settings=config.ingest,
            mlflow=config.mlflow,
            progress=progress,
        )
    screens.ingested(options, config.lake, summary)


@app.command()
@with_options
def plan(
    options: Invocation,
    pass_name: Annotated[str, typer.Argument(metavar="PASS", show_default=False)],
    sample: Annotated[int, typer.Option(min=1, help="Texts to generate for.")] = 200,
    price: Annotated[float | None, typer.Option(min=0.0, help="Of one GPU hour, in any money.")] = None,
) -> None:
    """Say what a pass will take: tokens, time, GPU hours and money, from a sample of its texts. Nothing is written.

    [dim]prox-spark plan doc[/dim]
    [dim]prox-spark plan chunk --sample 500 --price 2.50[/dim]
    """
    config = options.config()
    config.find_pass(pass_name)
    with options.open(config, create=False) as (lake, progress):
        from prox_spark.pipeline.plan import plan as expected

        with progress.waiting("generating for a sample"):
            found = expected(lake, pass_name, config=config, sample=sample, price=price)
    screens.planned(options, found)


@app.command()
@with_options
def refine(options: Invocation, pass_name: Annotated[str, typer.Argument(metavar="PASS", show_default=False)]) -> None:
    """Have the engine write the programs that a pass still lacks. This is the step that costs.

    What has its program already is not done again, also after an interruption.

    [dim]prox-spark refine doc[/dim]
    [dim]prox-spark refine chunk --set engine.kind=transformers --set engine.model=./model[/dim]
    """
    config = options.config()
    config.find_pass(pass_name)
    with options.open(config, create=False) as (lake, progress):
        from prox_spark import pipeline

        summary = pipeline.refine(lake, pass_name, config=config, progress=progress)
    screens.refined(options, summary)


@app.command()
@with_options
def apply(options: Invocation, pass_name: Annotated[str, typer.Argument(metavar="PASS", show_default=False)]) -> None:
    """Execute the programs of a pass and publish the result as one version of the table corpus.

    No model is needed: another policy is another version of the same programs.

    [dim]prox-spark apply chunk[/dim]
    [dim]prox-spark apply chunk --set passes.chunk.policy.min_words=50[/dim]
    """
    config = options.config()
    config.find_pass(pass_name)
    with options.open(config, create=False) as (lake, progress):
        from prox_spark import pipeline

        summary = pipeline.apply(lake, pass_name, config=config, progress=progress)
    screens.applied(options, summary)


@app.command()
@with_options
def run(options: Invocation) -> None:
    """Refine and apply all passes of the configuration, in order.

    What is done is not done again: a second run does no inference and adds no version.

    [dim]prox-spark run[/dim]
    [dim]prox-spark run --conf conf/local.yaml --lake s3a://bucket/lake[/dim]
    """
    config = options.config()
    with options.open(config, create=False) as (lake, progress):
        from prox_spark import pipeline

        summaries = pipeline.run(lake, config, progress=progress)
    screens.ran(options, summaries)


@app.command()
@with_options
def history(options: Invocation) -> None:
    """List the versions of the table corpus: which command made each, what it holds, until when it can be read.

    [dim]prox-spark history[/dim]
    [dim]prox-spark history --json[/dim]
    """
    config = options.config()
    with options.open(config, create=False, brief=True) as (lake, _):
        from prox_spark.audit.history import history as versions_of
        from prox_spark.audit.maintain import expiring

        versions, warnings = versions_of(lake), expiring(lake)
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
    config = options.config()
    with options.open(config, create=False, brief=True) as (lake, _):
        from prox_spark.audit.history import document

        life = document(lake, doc_id)
    screens.document(options, life)


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
    with options.open(config, create=False) as (lake, progress):
        from prox_spark.audit import compare

        with progress.waiting("comparing"):
            compared = compare.compare_modes(lake, config, limit=limit)
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
    """Ask the lake in SQL. Tables: documents, programs, corpus, runs, quarantine. Views: refined, edits, versions.

    Functions: prox_parse(completion), prox_apply(text, ops), prox_words(text).

    [dim]prox-spark sql "SELECT outcome, count(*) FROM corpus GROUP BY outcome"[/dim]
    [dim]prox-spark sql "SELECT count(*) FROM corpus VERSION AS OF 0"[/dim]
    [dim]prox-spark sql --json - < query.sql[/dim]
    """
    text = sys.stdin.read() if query == "-" else query
    if not text.strip().rstrip(";").strip():
        raise UserError("the query is empty; give one SQL statement, or - to read it from stdin")
    config = options.config()
    with options.open(config, create=False, brief=True) as (lake, progress):
        from prox_spark.cli import queries
        from prox_spark.lake.functions import register_functions

        with progress.waiting("asking"):
            if "prox_" in text.lower():  # making them takes a second that most questions need not wait
                register_functions(lake.spark)
            answer = queries.ask(lake, text)
        progress.close()  # the rows are fetched while they are printed
        screens.answer(options, answer, limit)


def _yaml_text(value: str) -> str:
    """Write a column name so that YAML reads it as text, also where it looks like a number."""
    import json

    return json.dumps(value)
