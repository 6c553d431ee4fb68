"""The demo: a sample of real web pages that ships with the package, taken through the whole line.

The pages come from WCXB (CC BY 4.0), see data/ATTRIBUTION.md.
"""

from __future__ import annotations

from prox_spark.demo.line import Demo, Example, PassResult, build, sample

__all__ = ["Demo", "Example", "PassResult", "build", "sample"]
