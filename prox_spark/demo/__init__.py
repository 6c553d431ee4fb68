"""The demo: a sample of real web pages that ships with the package, taken through the whole line.

The notebooks draw with `plt.style.use("prox_spark.demo.notebook")`, the style sheet beside this file.

The pages come from WCXB (CC BY 4.0), see data/ATTRIBUTION.md.
"""

from __future__ import annotations

from prox_spark.demo.line import Demo, Example, PassResult, build, open_lake, sample

__all__ = ["Demo", "Example", "PassResult", "build", "open_lake", "sample"]
