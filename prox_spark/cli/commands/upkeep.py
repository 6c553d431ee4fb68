"""The commands that keep a lake as it must be: `tag`, `verify`, `restore`, `forget`, `maintain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from prox_spark.cli.commands.root import Version, app
from prox_spark.cli.invocation import Invocation, with_options
from prox_spark.cli.screens import upkeep as screens
from prox_spark.errors import UserError


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
    with options.open(config, reads=True, brief=True) as (lake, progress):
        from prox_spark.audit.verify import verify as check

        with progress.waiting("verifying"):
            verification = check(lake, version, sample=sample, seed=seed, limit=limit)
    screens.verified(options, verification)
    if not verification.ok:
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

        doc_ids = read_ids(given.splitlines())
        with progress.waiting("forgetting"):
            summary = take_down(lake, doc_ids, now=now, drop_tags=drop_tags)
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
