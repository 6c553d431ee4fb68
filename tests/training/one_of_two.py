"""One of the processes that torchrun starts: trains by a recipe and writes down what it was given.

torchrun --nproc_per_node=2 tests/training/one_of_two.py RECIPE FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from prox_spark.training.causal.run import train

if __name__ == "__main__":
    recipe, folder = map(Path, sys.argv[1:])
    record = train(recipe.read_text(encoding="utf-8"))
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(record), encoding="utf-8")
