"""The report of a version: one HTML page to look at, to print and to send, that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prox_spark.lake.tables import Lake

__all__ = ["report"]


def report(
    lake: Lake,
    version: str | int | None = None,
    *,
    gallery: int = 12,
    seed: int = 0,
    against: str | int | None = None,
    ablation: Mapping[str, Any] | None = None,
) -> str:
    """Give the report of a version as one HTML page.

    Args:
        lake: The lake.
        version: Number or tag; None takes the newest.
        gallery: How many documents to show before and after.
        seed: Another number draws other documents.
        against: Another version to put beside it, by number or tag.
        ablation: What `ablate` found, which gets a section of its own.

    Raises:
        UserError: There is no such version, or its files are gone.
    """
    from prox_spark.report.facts import gather
    from prox_spark.report.page import render

    return render(gather(lake, version, gallery=gallery, seed=seed, against=against), ablation)
