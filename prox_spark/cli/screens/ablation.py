"""What `ablate` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from prox_spark.cli.screens import print_json

if TYPE_CHECKING:
    from prox_spark.cli.invocation import Invocation


def ablated(options: Invocation, result: Mapping[str, Any], written: str) -> None:
    """Show the tables of an ablation as they stand in its folder, ready to be pasted."""
    if options.json:
        return print_json(result)
    return options.console().print(Text(written.rstrip()), soft_wrap=True)
