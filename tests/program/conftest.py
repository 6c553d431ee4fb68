"""Every test that asks for `case` gets each language case once."""

from __future__ import annotations

import pytest
from support.language_cases import language_cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = language_cases()
        metafunc.parametrize("case", cases, ids=[case.name for case in cases])
