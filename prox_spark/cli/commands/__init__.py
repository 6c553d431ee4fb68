"""The commands of `prox-spark`, one function each: open the lake, call the pipeline, show what it says.

`line` makes versions, `past` looks at them, `upkeep` changes what is there, `output` writes files, `learning` is about
models, `ablation` about what models learn from versions; each adds its commands to `app`. Heavy imports stand inside
the functions, so that `prox-spark --help` starts no Spark.
"""

# isort: off
# The order in which --help lists the commands.
from prox_spark.cli.commands.root import app
from prox_spark.cli.commands import line, past, upkeep, output, learning, ablation

__all__ = ["ablation", "app", "learning", "line", "output", "past", "upkeep"]
