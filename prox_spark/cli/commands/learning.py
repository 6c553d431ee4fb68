"""The commands around a model: `train` one, `annotate` pages to learn from, `evaluate` it beside the rules."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from prox_spark.cli.commands.root import app
from prox_spark.cli.invocation import Invocation, with_options
from prox_spark.cli.screens import learning as screens

if TYPE_CHECKING:
    from prox_spark.config import Config, EngineSettings
    from prox_spark.evaluation import Row


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

    [dim]prox-spark train conf/recipes/train-tagger.yaml --set 'data=\\[pages.parquet]'[/dim]
    [dim]prox-spark train my-recipe.yaml --set course.seed=2 --set out=runs/second[/dim]
    """
    import logging

    from prox_spark import training

    if not options.quiet:
        logging.getLogger("prox_spark").setLevel(logging.INFO)
    run = training.train(training.read(recipe, options.set))
    screens.trained(options, run)


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
    screens.annotated(options, counts)


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
    names = profile or [item.profile for item in config.passes if item.profile is not None]
    chosen = evaluation.Selection(tuple(source or ()), tuple(fold or ()), limit)
    rows: list[Row] = []
    with options.reporter() as progress, progress.waiting("scoring"):
        for path in data:
            rows += evaluation.score_file(path, settings, names, chosen)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in _files(rows, settings.kind).items():
            (out / name).write_text(text, encoding="utf-8")
    if config.mlflow.experiment is not None:
        _log_scores(rows, settings, config)
    screens.scored(options, rows, settings.kind)


def _files(rows: Sequence[Row], who: str) -> dict[str, str]:
    from prox_spark import evaluation

    table = json.dumps([asdict(row) for row in rows], indent=1) + "\n"
    return {"scores.json": table, "scores.svg": evaluation.plot(rows, who=who)}


def _log_scores(rows: Sequence[Row], settings: EngineSettings, config: Config) -> None:
    from prox_spark import tracking
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
        files={**_files(rows, settings.kind), "prox.yaml": tracking.as_file(tracking.settings_of(config))},
    )
    tracking.log(config.mlflow, logged)


def _scores(row: Row) -> dict[str, float | None]:
    summary = row.summary
    numbers = {"pages": summary.pages, "kept_f1": row.kept_f1.value, "removed_f1": summary.removed_f1.value}
    return {**numbers, "parsed": summary.parsed}


def _engine(config: Config, kind: str | None) -> EngineSettings:
    from prox_spark.config import EngineKind, as_kind
    from prox_spark.errors import ConfigError

    if kind is None:
        return config.engine
    if kind not in get_args(EngineKind):
        raise ConfigError(f"--engine must be one of {', '.join(get_args(EngineKind))}, got {kind!r}")
    return as_kind(config.engine, cast("EngineKind", kind))
