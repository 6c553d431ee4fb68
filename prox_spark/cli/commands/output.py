"""The commands that write a version to files: `report`, `export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prox_spark.cli.commands.root import Version, app
from prox_spark.cli.invocation import Invocation, with_options
from prox_spark.cli.screens import output as screens
from prox_spark.errors import UserError
from prox_spark.version import __version__

if TYPE_CHECKING:
    from prox_spark.config import Config
    from prox_spark.lake.tables import Lake


@app.command()
@with_options
def report(
    options: Invocation,
    version: Version = None,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The HTML file.")] = "report.html",
    gallery: Annotated[int, typer.Option(min=0, max=100, metavar="N", help="Documents before and after.")] = 12,
    seed: Annotated[int, typer.Option(metavar="N", help="Another number draws other documents.")] = 0,
    against: Annotated[
        str | None, typer.Option(metavar="A", help="Another version to put beside it, a number or a tag.")
    ] = None,
    ablation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ablation.json of `ablate`: what models learn from it.")
    ] = None,
) -> None:
    """Write one HTML page about a version: numbers, charts, removed lines, documents before and after, cost.

    The page needs no network; it can be sent and printed.

    [dim]prox-spark report -o report.html[/dim]
    [dim]prox-spark report v1.0 -o v1.0.html --gallery 30[/dim]
    [dim]prox-spark report ultrax --against prox[/dim]
    """
    target = Path(output)
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise UserError(f"--output must be a file in a folder that is there, got {output}")
    measured = None if ablation is None else _ablation(ablation)
    config = options.config()
    with options.open(config, reads=True, brief=True) as (lake, progress):
        from prox_spark.report import report as write

        with progress.waiting("writing the report"):
            page = write(lake, version, gallery=gallery, seed=seed, against=against, ablation=measured)
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
    with options.open(config, reads=True) as (lake, progress):
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


def _ablation(path: Path) -> dict[str, Any]:
    """Read what `ablate` wrote."""
    try:
        measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--ablation must be the ablation.json of an ablation, got {path}: {error}") from error
    if not isinstance(measured, dict) or not {"arms", "means", "differences"} <= measured.keys():
        raise UserError(f"--ablation must be the ablation.json of an ablation, got {path}")
    return measured


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
