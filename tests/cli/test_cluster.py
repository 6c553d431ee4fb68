"""What doctor --cluster says of executors: of the one that there is here, and of pretended ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from prox_spark.cli.cluster import described, problems, shared
from prox_spark.spark.executors import Executor, look
from prox_spark.version import __version__

GOOD = Executor(
    host="node-1",
    key=1,
    python="3.12 at /opt/prox_spark/bin/python",
    packages={
        "prox_spark": f"{__version__}+cluster", "pandas": "2", "pyarrow": "20", "numpy": "2", "pydantic": "2",
        "torch": "2.13", "vllm": "0.32.0",
    },
    gpus=("0",),
    devices=("NVIDIA L4, 23034 MiB, 550.90.07",),
    cuda="12.9",
    trouble="",
    compiler=True,
    read_only=(),
    noexec=(),
    free_gib=200.0,
    clock=0.0,
)  # fmt: skip


def test_a_good_executor_has_no_problems_and_shows_what_it_has() -> None:
    assert problems(GOOD, ["vllm"], "3.12") == []
    for word in ("3.12", "vllm 0.32.0", "NVIDIA L4", "CUDA 12.9", "200 GiB"):
        assert word in described(GOOD)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"python": "3.11 at /usr/bin/python3"}, "not the driver's 3.12"),
        ({"packages": {}}, "pandas, pyarrow, numpy, pydantic missing"),
        ({"packages": {**GOOD.packages, "prox_spark": "0.0.9"}}, "prox_spark 0.0.9 is not the driver's"),
        ({"read_only": ("/home/.cache",)}, "cannot write /home/.cache"),
        ({"noexec": ("/home/.cache",)}, "may not run from /home/.cache (mounted noexec)"),
        ({"clock": -400.0}, "-400 s off"),
        ({"free_gib": 3.0}, "3 GiB of disk"),
        ({"compiler": False}, "gcc and python3-devel"),
        ({"cuda": "13.0"}, "driver 550.90.07 cannot run CUDA 13.0"),
        ({"devices": ("T4, 15360 MiB, 470.1",)}, "nothing for so old a driver"),
        ({"trouble": "ImportError: libcudart.so.13"}, "libcudart.so.13"),
        ({"gpus": ()}, "Spark hands out no GPU"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(changes: dict[str, Any], told: str) -> None:
    assert any(told in line for line in problems(replace(GOOD, **changes), ["vllm"], "3.12"))


def test_a_missing_vllm_is_wrong_only_for_who_wants_it() -> None:
    without = replace(GOOD, packages={name: "2" for name in GOOD.packages if name not in ("vllm", "prox_spark")})
    without = replace(without, packages={**without.packages, "prox_spark": __version__}, compiler=False, free_gib=2.0)
    assert any("vLLM is missing" in line for line in problems(without, ["vllm"], "3.12"))
    assert problems(without, ["tagger", "rules"], "3.12") == []


def test_a_gpu_that_two_executors_got_is_found() -> None:
    others = [GOOD, replace(GOOD, key=2), replace(GOOD, host="node-2")]
    assert shared(others) == ["GPU 0 of node-1 went to 2 executors"]
    assert shared(others[1:]) == []


@pytest.mark.spark
def test_the_one_executor_of_a_local_session_tells_once(spark: SparkSession) -> None:
    (executor,) = look(spark, tasks=2)
    assert executor.packages["prox_spark"] == __version__ and "pyarrow" in executor.packages
    assert executor.read_only == executor.noexec == () and abs(executor.clock) < 60
    assert [line for line in problems(executor, ["tagger"]) if "disk" not in line] == []
