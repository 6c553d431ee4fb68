"""The commands that make versions: `demo`, `ingest`, `plan`, `refine`, `apply`, `run`; and `doctor` before them."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from prox_spark.cli.commands.root import app
from prox_spark.cli.invocation import Invocation, own_interrupts, with_options
from prox_spark.cli.screens import line as screens
from prox_spark.errors import UserError

DEMO_LAKE = "demo-lake"


@app.command()
@with_options
def demo(options: Invocation) -> None:
    """Refine a small sample of real web pages and show what became of them.

    The sample (193 pages, 0.6 MB) ships with the package. The lake goes to ./demo-lake unless --lake names another
    place, its report to a file beside it, which opens where there is a desktop. A second run finds nothing new to do
    and shows the same.

    [dim]prox-spark demo[/dim]
    [dim]prox-spark demo --lake /tmp/demo[/dim]
    """
    from prox_spark import demo as sample
    from prox_spark.cli.screens.demo import open_report, report_file, show

    config = options.config().model_copy(update={"lake": options.lake or DEMO_LAKE})
    with options.open(config, brief=True) as (lake, progress):
        from prox_spark.report import report as write

        shown = sample.build(lake, config, progress=progress)
        report = report_file(config.lake)
        with progress.waiting("writing the report"):
            page = write(lake)
        try:
            report.write_text(page, encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {report}: {error.strerror}") from error
    show(options, shown, report)
    if not options.json:
        open_report(report)


@app.command("try")
@with_options
def try_file(
    options: Invocation,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON lines, compressed or not, or Parquet.", show_default=False)
    ],
    documents: Annotated[int, typer.Option(min=1, metavar="N", help="The first N, or what a minute allows.")] = 50,
    text_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column with the text; else it is guessed.")
    ] = None,
) -> None:
    """Refine the first documents of a file of yours and show them before and after, in less than a minute.

    What the file is shows in its columns. Nothing is written and Spark is not started; the programs and the texts are
    those of a run. The commands for the whole file come last.

    [dim]prox-spark try pages.jsonl.gz[/dim]
    [dim]prox-spark try crawl.parquet --documents 200 --text-column body[/dim]
    """
    from prox_spark.cli.screens.trial import show
    from prox_spark.demo.trial import trial

    config = options.config()
    with own_interrupts(), options.reporter() as progress, progress.waiting("refining"):
        tried = trial(file, config, documents=documents, text_column=text_column)
    show(options, tried)


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
            metavar="SOURCE",
            help="c4, fineweb, redpajama-v2, openwebmath, jsonl, parquet or table.",
            show_default=False,
        ),
    ],
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH…",
            help="Files, folders or globs, local or remote; names of tables or views.",
            show_default=False,
        ),
    ],
    snapshot: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the crawl; else it comes from records or paths.")
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="jsonl, parquet, table: the column with the text.")
    ] = None,
    url_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="jsonl, parquet, table: the column with the URL.")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="jsonl, parquet, table: the column that identifies a record.")
    ] = None,
) -> None:
    """Bring corpus files into the lake. Records that cannot be read go to the table quarantine.

    The same files again add nothing.

    [dim]prox-spark ingest c4 'c4/en/*.json.gz'[/dim]
    [dim]prox-spark ingest fineweb s3a://bucket/fineweb/data/CC-MAIN-2025-51/[/dim]
    [dim]prox-spark ingest jsonl pages.jsonl.zst --text-column body --snapshot 2025-51[/dim]
    [dim]prox-spark ingest table raw.web.pages --text-column body --id-column page_id[/dim]
    """
    columns = {"text_column": text_column, "url_column": url_column, "id_column": id_column}
    # As JSON a name is text in YAML, too, also where it looks like a number.
    given = tuple(f"ingest.{name}={json.dumps(value)}" for name, value in columns.items() if value is not None)
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
    with options.open(config, reads=True) as (lake, progress):
        from prox_spark.pipeline.plan import plan as expected

        with progress.waiting("generating for a sample"):
            estimate = expected(lake, pass_name, config=config, sample=sample, price=price)
    screens.planned(options, estimate)


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
