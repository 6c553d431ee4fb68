"""A few thousand random programs at each run; `random_programs.py` as a script does as many as it is told."""

from __future__ import annotations

import random
import runpy
from pathlib import Path

SCRIPT = runpy.run_path(str(Path(__file__).with_name("random_programs.py")))


def test_random_programs_keep_what_holds_for_every_program():
    chance = random.Random(20240917)
    outcomes = {SCRIPT["check"](SCRIPT["random_program"](chance)) for _ in range(3000)}
    assert outcomes == {"kept", "edited", "dropped"}
