"""The commands around a model: `train` one, `annotate` pages to learn from, `evaluate` it beside the rules."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from prox_spark.cli.commands import app
from prox_spark.cli.invocation import Invocation, with_options

if TYPE_CHECKING:
    from rich.table import Table

    from prox_spark.config import Config, EngineSettings
    from prox_spark.evaluation import Row, Value


@app.command()
@with_options
def train(
    options: Invocation,
    recipe: Annotated[
        Path, typer.Argument(metavar="CONF", help="A recipe, as in conf/recipes/train-*.yaml.", show_default=False)
    ],
) -> None:
    """Train a refining model by a recipe; run it again to go on where it was cut off.

    Recipes, in conf/recipes: train-tagger.yaml makes the model that ships, train-tiny-lm.yaml a small language model
    from nothing, train-causal.yaml teaches any causal language model. --set changes keys of the recipe.

    [dim]prox-spark train conf/recipes/train-tagger.yaml[/dim]
    [dim]prox-spark train conf/recipes/train-tagger.yaml --set course.seed=2 --set out=runs/second[/dim]
    """
    import logging

    from prox_spark import training

    if not options.quiet:
        logging.getLogger("prox_spark").setLevel(logging.INFO)
    run = training.train(training.read(recipe, options.set))
    if options.json:
        print(json.dumps(run))
    else:
        shown = {key: value for key, value in run.items() if not isinstance(value, (dict, list))}
        options.console().print("\n".join(f"{key}: {value}" for key, value in shown.items()))


@app.command()
@with_options
def annotate(
    options: Invocation,
    settings: Annotated[
        Path, typer.Argument(metavar="CONF", help="As conf/recipes/annotate.yaml.", show_default=False)
    ],
) -> None:
    """Ask a strong model behind an OpenAI-compatible endpoint what to keep; its answers are pairs to learn from.

    Each text gets two scores and the programs of its chunks; what does not parse or removes nearly everything is left
    out. Run it again to go on where it was cut off.

    [dim]prox-spark annotate conf/recipes/annotate.yaml --set endpoint=http://localhost:8000/v1[/dim]
    """
    from prox_spark.training import annotation

    with options.reporter() as progress, progress.waiting("asking"):
        counts = annotation.annotate(annotation.read(settings, options.set))
    if options.json:
        print(json.dumps(counts))
    else:
        options.console().print("\n".join(f"{key}: {value:,}" for key, value in counts.items()))


@app.command()
@with_options
def evaluate(
    options: Invocation,
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA…", help="Parquet files with labelled pages.", show_default=False)
    ],
    engine: Annotated[str | None, typer.Option(metavar="KIND", help="Another engine than the configuration's.")] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Profiles for pages and for documents; else those of the passes."),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only pages of this source; may be repeated.")
    ] = None,
    fold: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Only pages of this fold; may be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N pages of each file.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="Write scores.json and scores.svg there.")
    ] = None,
) -> None:
    """Score an engine and the published rules on pages that people have labelled.

    A file has one page a row: `text` and `keep` (a label for each line), and maybe `source_dataset`, `page_type`,
    `domain`, `line_match`, `is_title`, `fold`; or one document a row: `text` and `keep_doc`. Titles and lines that are
    part content, part not, are left out. Intervals are 95 %, from a bootstrap over sites.

    [dim]prox-spark evaluate pages.parquet[/dim]
    [dim]prox-spark evaluate --engine rules --profile rules-chunk pages.parquet -o scores[/dim]
    """
    from prox_spark import evaluation

    config = options.config()
    settings = _engine(config, engine)
    rows: list[Row] = []
    with options.reporter() as progress, progress.waiting("scoring"):
        for path in data:
            rows += _scored(path, config, settings, profile or [], (source or [], fold or [], limit))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "scores.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
        (out / "scores.svg").write_text(evaluation.plot(rows, who=settings.kind), encoding="utf-8")
    if config.mlflow.experiment is not None:
        _log_scores(rows, settings, config)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    console = options.console()
    for level in ("lines", "documents"):
        if chosen := [row for row in rows if row.level == level]:
            console.print(_table(chosen, settings.kind))


def _log_scores(rows: list[Row], settings: EngineSettings, config: Config) -> None:
    from prox_spark import evaluation, tracking
    from prox_spark.version import __version__

    own = [row for row in rows if row.who == settings.kind and row.page_type == "all"]
    logged = tracking.Logged(
        name="evaluate",
        params={"command": "evaluate", **{f"engine.{key}": value for key, value in settings.model_dump().items()}},
        metrics={
            f"{row.level}/{re.sub('[^A-Za-z0-9_. -]', '-', row.source)}/{name}": value
            for row in own
            for name, value in _scores(row).items()
        },
        tags={"package_version": __version__},
        files={
            "scores.json": json.dumps([asdict(row) for row in rows], indent=1),
            "scores.svg": evaluation.plot(rows, who=settings.kind),
            "prox.yaml": tracking.as_file(tracking.settings_of(config)),
        },
    )
    tracking.log(config.mlflow, logged)


def _scores(row: Row) -> dict[str, float | None]:
    found = row.summary
    f1 = found.kept_f1_pooled if row.level == "documents" else found.kept_f1
    return {"pages": found.pages, "kept_f1": f1.value, "removed_f1": found.removed_f1.value, "parsed": found.parsed}


def _engine(config: Config, kind: str | None) -> EngineSettings:
    from prox_spark.config import EngineKind, as_kind
    from prox_spark.errors import ConfigError

    if kind is None:
        return config.engine
    if kind not in get_args(EngineKind):
        raise ConfigError(f"--engine must be one of {', '.join(get_args(EngineKind))}, got {kind!r}")
    return as_kind(config.engine, cast("EngineKind", kind))


def _scored(
    path: Path,
    config: Config,
    settings: EngineSettings,
    names: list[str],
    wanted: tuple[list[str], list[int], int | None],
) -> list[Row]:
    from prox_spark import engines, evaluation, profiles
    from prox_spark.errors import ConfigError, SourceError

    documents = evaluation.holds_documents(path)
    level = "document" if documents else "chunk"
    found = [profiles.find(name) for name in names or [item.profile for item in config.passes]]
    profile = next((item for item in found if item.level == level), None)
    if profile is None:
        raise ConfigError(f"{path} needs a profile for {level}s: give one with --profile")
    engine = engines.get_engine(settings)
    sources, folds, limit = wanted
    if documents:
        votes = evaluation.read_documents(path)[:limit]
        return evaluation.score_documents(votes, engine, profile, who=settings.kind)
    pages = [page for page in evaluation.read(path, sources) if not folds or page.fold in folds][:limit]
    if not pages:
        raise SourceError(f"{path} has no pages of that source and fold")
    return evaluation.score_pages(pages, engine, profile, who=settings.kind)


def _table(rows: list[Row], who: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    documents = rows[0].level == "documents"
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("data")
    table.add_column("who")
    for name in ("n", "kept P", "kept R", "kept F1", "95 %", "removed P", "removed R", "removed F1", "parsed",
                 "tokens", "ms"):  # fmt: skip
        table.add_column(name, justify="right")
    last = ""
    for row in rows:
        name = row.source if row.page_type == "all" else f"{row.source} {row.page_type}"
        table.add_row(*_cells(row, "" if name == last else name, documents), style="bold" if row.who == who else None)
        last = name
    return table


def _cells(row: Row, name: str, documents: bool) -> list[str]:

    found = row.summary
    f1 = found.kept_f1_pooled if documents else found.kept_f1
    kept: list[Value] = [found.kept_precision, found.kept_recall, f1]
    removed = [found.removed_precision, found.removed_recall, found.removed_f1]
    model = found.parsed is not None
    return [
        name, row.who, f"{found.pages:,}", *(f"{item.value:.3f}" for item in kept), f"{f1.low:.3f}–{f1.high:.3f}",
        *(f"{item.value:.3f}" for item in removed), f"{found.parsed:.1%}" if model else "",
        f"{found.tokens_in:,.0f}+{found.tokens_out:,.0f}" if model else "", f"{1000 * found.seconds:.1f}",
    ]  # fmt: skip
