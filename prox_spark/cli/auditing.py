"""The commands about a lake's past: tag, diff, verify, restore, forget, maintain, report; and export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prox_spark.cli import audit_screens as screens
from prox_spark.cli.commands import app
from prox_spark.cli.invocation import Invocation, with_options
from prox_spark.errors import UserError
from prox_spark.version import __version__

if TYPE_CHECKING:
    from prox_spark.config import Config
    from prox_spark.lake.tables import Lake

Version = Annotated[
    str | None, typer.Argument(metavar="[VERSION]", help="A number or a tag; else the newest.", show_default=False)
]


@app.command()
@with_options
def tag(
    options: Invocation,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    version: Version = None,
    move: Annotated[bool, typer.Option("--move", help="Let a name that is taken name this version.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Remove the tag; the version stays.")] = False,
) -> None:
    """Give a version a name that every command takes in place of its number, and keep its files.

    [dim]prox-spark tag v1.0[/dim]
    [dim]prox-spark tag raw 0[/dim]
    [dim]prox-spark tag v1.0 7 --move[/dim]
    """
    config = options.config()
    with options.open(config, create=False, brief=True) as (lake, _):
        from prox_spark.audit import tags

        number = tags.untag(lake, name) if delete else tags.tag(lake, name, version, move=move)
    screens.tagged(options, name, number, deleted=delete)


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
    with options.open(config, create=False, brief=True) as (lake, progress):
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
def verify(
    options: Invocation,
    version: Annotated[str | None, typer.Option(metavar="VERSION", help="Number or tag; else the newest.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Replay N documents drawn at random; all are counted.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Another number draws other documents.")] = 0,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Most findings to list; all count.")] = 20,
) -> None:
    """Check that nothing was lost, doubled or changed: every row is replayed from its document and programs.

    Exit code 1, and the offending rows, if anything is wrong. Nothing is written.

    [dim]prox-spark verify[/dim]
    [dim]prox-spark verify --version v1.0 --sample 1000[/dim]
    """
    config = options.config()
    with options.open(config, create=False, brief=True) as (lake, progress):
        from prox_spark.audit.verify import verify as check

        with progress.waiting("verifying"):
            found = check(lake, version, sample=sample, seed=seed, limit=limit)
    screens.verified(options, found)
    if not found.ok:
        raise typer.Exit(1)


@app.command()
@with_options
def restore(
    options: Invocation,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A number or a tag.", show_default=False)],
) -> None:
    """Make an old version the newest again. It becomes a new version, so this can be undone, too.

    Documents that came later are in it as no pass has touched them, forgotten ones stay away.

    [dim]prox-spark restore 1[/dim]
    [dim]prox-spark restore v1.0[/dim]
    """
    config = options.config()
    with options.open(config, create=False, brief=True) as (lake, progress):
        from prox_spark.audit.restore import restore as back

        with progress.waiting("restoring"):
            summary = back(lake, version)
    screens.restored(options, summary)


@app.command()
@with_options
def forget(
    options: Invocation,
    ids: Annotated[str, typer.Option("--ids", metavar="FILE", help="Document ids, one a line; - reads stdin.")],
    now: Annotated[bool, typer.Option("--now", help="Purge: remove all old versions of the tables at once.")] = False,
    drop_tags: Annotated[bool, typer.Option("--drop-tags", help="Let a purge take tagged versions with it.")] = False,
) -> None:
    """Take documents down: out of documents, programs and corpus. Says until when old versions still hold them.

    [dim]prox-spark forget --ids takedown.txt[/dim]
    [dim]prox-spark forget --ids takedown.txt --now[/dim]
    """
    try:
        given = sys.stdin.read() if ids == "-" else Path(ids).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the ids from {ids}: {error}") from error
    config = options.config()
    with options.open(config, create=False, brief=True) as (lake, progress):
        from prox_spark.audit.forget import forget as take_down
        from prox_spark.audit.forget import read_ids

        wanted = read_ids(given.splitlines())
        with progress.waiting("forgetting"):
            summary = take_down(lake, wanted, now=now, drop_tags=drop_tags)
    screens.forgotten(options, summary)


@app.command()
@with_options
def maintain(
    options: Invocation,
    keep_days: Annotated[
        int | None, typer.Option(metavar="N", help="Remove files replaced more than N days ago; else by retention.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; count what would be removed.")] = False,
) -> None:
    """Compact small files and remove old ones; never a file that a tagged version or the view edits needs.

    [dim]prox-spark maintain --dry-run --keep-days 30[/dim]
    [dim]prox-spark maintain --keep-days 30[/dim]
    """
    config = options.config()
    with options.open(config, create=False, brief=True) as (lake, progress):
        from prox_spark.audit.maintain import maintain as keep_up

        with progress.waiting("maintaining"):
            done = keep_up(lake, keep_days=keep_days, dry_run=dry_run)
    screens.maintained(options, done, dry_run=dry_run)


@app.command()
@with_options
def report(
    options: Invocation,
    version: Version = None,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The HTML file.")] = "report.html",
    gallery: Annotated[int, typer.Option(min=0, max=100, metavar="N", help="Documents before and after.")] = 12,
    seed: Annotated[int, typer.Option(metavar="N", help="Another number draws other documents.")] = 0,
) -> None:
    """Write one HTML page about a version: numbers, charts, removed lines, documents before and after, cost.

    The page needs no network; it can be sent and printed.

    [dim]prox-spark report -o report.html[/dim]
    [dim]prox-spark report v1.0 -o v1.0.html --gallery 30[/dim]
    """
    target = Path(output)
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise UserError(f"--output must be a file in a folder that is there, got {output}")
    config = options.config()
    with options.open(config, create=False, brief=True) as (lake, progress):
        from prox_spark.report import report as write

        with progress.waiting("writing the report"):
            page = write(lake, version, gallery=gallery, seed=seed)
        try:
            target.write_text(page, encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {output}: {error.strerror}") from error
        if config.mlflow.experiment is not None:
            _log_report(lake, version, page, config)
    screens.reported(options, str(target), len(page.encode()))


@app.command()
@with_options
def export(
    options: Invocation,
    version: Version = None,
    kind: Annotated[
        str, typer.Option("--format", "-f", metavar="F", help="parquet, jsonl.zst, mds, or tokens.")
    ] = "parquet",
    to: Annotated[str, typer.Option("--to", metavar="DIR", help="A folder that all workers see, or a URI.")] = "",
    tokenizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="tokens: a folder, or NAME@COMMIT on the hub.")
    ] = None,
    sequence_length: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="tokens: pack sequences of N; else one array a document.")
    ] = None,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="parquet, jsonl.zst: dropped documents too, with outcome and reason.")
    ] = False,
    shard_mb: Annotated[int, typer.Option(min=1, max=2048, metavar="N", help="MiB of a shard, uncompressed.")] = 64,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another export in the folder.")] = False,
) -> None:
    """Write a version's documents as files for training, with a manifest: what they hold, hashes, where they come from.

    Dropped documents are left out. A folder with manifest.json is whole; the same command again completes one that
    was cut short. Columns: doc_id, source, snapshot, url, text, metadata; or tokens. Spark's workers write to --to: a
    local or shared folder, /Volumes/… on Databricks, or s3://, gs://, abfs://, hdfs:// with pyarrow's credentials.

    [dim]prox-spark export v1.0 --format parquet --to /data/v1.0[/dim]
    [dim]prox-spark export --format mds --to /Volumes/main/corpora/v1.0-mds[/dim]
    [dim]prox-spark export --format tokens --tokenizer ./llama --sequence-length 2048 --to tokens[/dim]
    """
    if not to.strip():
        raise UserError("--to must name the folder to write to")
    config = options.config()
    with options.open(config, create=False) as (lake, progress):
        from prox_spark.audit.export import export as write
        from prox_spark.audit.export import packing

        summary = write(
            lake,
            version,
            to,
            format=kind,
            packing=packing(tokenizer, sequence_length),
            dropped=dropped,
            shard_mb=shard_mb,
            overwrite=overwrite,
            progress=progress,
        )
    screens.exported(options, summary)


def _log_report(lake: Lake, version: str | None, page: str, config: Config) -> None:
    from prox_spark import tracking
    from prox_spark.audit.tags import resolve
    from prox_spark.lake import ledger

    number = resolve(lake, version)
    logged = tracking.Logged(
        name=f"report of version {number}",
        params={"command": "report"},
        metrics=ledger.outcome_counts(lake, number),
        tags={"lake": lake.location, "corpus_version": number, "package_version": __version__},
        files={"report.html": page},
    )
    tracking.log(config.mlflow, logged)
