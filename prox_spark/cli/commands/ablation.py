"""The command `ablate`: do small models learn more from one version than from another?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from prox_spark.cli.commands.root import app
from prox_spark.cli.invocation import Invocation, with_options
from prox_spark.cli.screens import ablation as screens
from prox_spark.errors import UserError


@app.command()
@with_options
def ablate(
    options: Invocation,
    versions: Annotated[
        list[str],
        typer.Argument(metavar="VERSION…", help="Numbers, tags, passes (doc+chunk), NAME=FILE.", show_default=False),
    ],
    to: Annotated[str, typer.Option("--to", metavar="DIR", help="The folder of the runs and of the result.")] = "",
    held_out: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Texts to judge on (Parquet); may be repeated. Else some sites of the lake."),
    ] = None,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Leave documents that show these texts out, instead of refusing.")
    ] = False,
    choices: Annotated[
        str | None, typer.Option(metavar="FILE", help="Questions to choose answers to: question, choices, answer.")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="A folder, or NAME@COMMIT; else one is learned.")
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="NAME", help="nano, small or base, as ablate.size.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, metavar="N", help="Of a run, as ablate.tokens.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, metavar="N", help="Runs of each, as ablate.seeds.")] = None,
    equal: Annotated[str | None, typer.Option(metavar="WHAT", help="tokens or flops, as ablate.equal.")] = None,
) -> None:
    """Train small models from nothing on versions, and say by bits a byte of texts that none has seen which is best.

    The others are compared with the first. Intervals are 95 % and hold other seeds and other documents. Documents that
    show what is judged on (the same text, a long passage of it, its site) are refused. DIR gets ablation.json, .md and
    .svg; run the command again to go on where it was cut off. More settings: the section ablate of conf/base.yaml.

    [dim]prox-spark ablate 0 v1.0 --to ablation[/dim]
    [dim]prox-spark ablate 0 doc doc+chunk --held-out wiki.parquet --leave-out --size small --to ablation[/dim]
    """
    if not to.strip():
        raise UserError("--to must name the folder to write to")
    given = {"size": size, "tokens": tokens, "seeds": seeds, "equal": equal}
    chosen = tuple(f"ablate.{name}={value}" for name, value in given.items() if value is not None)
    config = replace(options, set=(*options.set, *chosen)).config()
    with options.open(config, reads=True) as (lake, progress):
        from prox_spark.audit.ablate import ablate as compare
        from prox_spark.formats import Place
        from prox_spark.training.ablation.page import plot, summary

        result = compare(
            lake,
            versions,
            to,
            settings=config.ablate,
            held_out=held_out or (),
            choices=choices,
            tokenizer=tokenizer,
            leave_out=leave_out,
            progress=progress,
        )
    written = summary(result)
    folder = Path(Place.at(to).uri)
    (folder / "ablation.md").write_text(written, encoding="utf-8")
    (folder / "ablation.svg").write_text(plot(result), encoding="utf-8")
    screens.ablated(options, result, written)
