"""The language cases against the Python executor."""

from __future__ import annotations

from support.language_cases import CASES, LanguageCase

import prox_spark.program
from prox_spark.program import execute_operations


def test_a_case_gives_what_its_file_says(case: LanguageCase) -> None:
    execution = execute_operations(case.text, [case.chunk()], level=case.level, policy=case.policy)
    assert case.written(execution) == case.expected


def test_every_row_of_the_flaw_table_has_a_case() -> None:
    folders = CASES.iterdir()
    rows = {int(folder.name[:2]) for folder in folders if folder.name[:2].isdigit()}
    assert rows == set(range(1, 34))


def test_every_public_name_is_there_and_in_order() -> None:
    assert prox_spark.program.__all__ == sorted(prox_spark.program.__all__, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(prox_spark.program, name) for name in prox_spark.program.__all__)
