"""One of the processes that torchrun starts: trains and judges a model, and writes down what it was given.

torchrun --nproc_per_node=2 tests/training/ablation/one_of_two.py RUN FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from prox_spark.training.ablation.run import train_here

if __name__ == "__main__":
    run, folder = map(Path, sys.argv[1:])
    scores = train_here(run.read_text(encoding="utf-8"))
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(scores), encoding="utf-8")
