"""A few thousand random programs at each run; `random_programs.py` as a script does as many as it is told."""

from __future__ import annotations

import random

from support.random_programs import check, random_program


def test_random_programs_keep_what_holds_for_every_program() -> None:
    chance = random.Random(20240917)
    outcomes = {check(random_program(chance)) for _ in range(3000)}
    assert outcomes == {"kept", "edited", "dropped"}
