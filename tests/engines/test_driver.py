"""A driver that is too old for the CUDA of torch is refused before a model is loaded."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from prox_spark.engines.models import require_driver
from prox_spark.engines.nvidia import driver_trouble
from prox_spark.errors import EngineError


def torch_of(built_for: str | None, runs: int) -> SimpleNamespace:
    """Give what `require_driver` asks of torch: its own CUDA, and what the driver runs, as CUDA writes it."""
    return SimpleNamespace(
        version=SimpleNamespace(cuda=built_for), _C=SimpleNamespace(_cuda_getDriverVersion=lambda: runs)
    )


@pytest.mark.parametrize(("built_for", "runs"), [("13.0", 12020), ("12.9", 11040)])
def test_a_driver_of_an_older_cuda_is_refused(built_for: str, runs: int) -> None:
    with pytest.raises(EngineError, match=rf"CUDA .*{built_for}|built for {built_for}"):
        require_driver(torch_of(built_for, runs))


@pytest.mark.parametrize(
    ("built_for", "runs"),
    [("12.9", 12020), ("13.0", 13010), ("12.9", 13000), ("13.0", 0), (None, 12020)],
    ids=["minor versions fit each other", "equal", "newer", "no driver", "a build for the CPU"],
)
def test_any_other_driver_is_taken(built_for: str | None, runs: int) -> None:
    require_driver(torch_of(built_for, runs))
    require_driver(SimpleNamespace(version=SimpleNamespace(cuda=None), _C=SimpleNamespace()))


def test_the_advice_fits_the_driver() -> None:
    told = driver_trouble("535.54.03", "13.0")
    assert told is not None and "580" in told and "CUDA 12.9" in told
    assert "nothing for so old a driver" in (driver_trouble("470.1", "12.9") or "")
