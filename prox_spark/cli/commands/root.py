"""The command `prox-spark` itself, to which the others are added, and the options before a command."""

from __future__ import annotations

from typing import Annotated

import typer

from prox_spark.cli.invocation import Invocation, with_options

app = typer.Typer(
    name="prox-spark",
    help="Refine web text with small programs that a model writes, and keep every pass as a version of a Delta table.",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with [bold]prox-spark demo[/bold]; each command has its own --help with examples.",
)

Version = Annotated[
    str | None, typer.Argument(metavar="[VERSION]", help="A number or a tag; else the newest.", show_default=False)
]


def _print_version(version: bool) -> None:
    if version:
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
