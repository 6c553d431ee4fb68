"""Whether a model fits, without a device that it would not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.nvidia import pretend_nvidia_smi

from prox_spark.engines import memory, models
from prox_spark.errors import EngineError

GIB = 2**30


def test_weights_are_counted_from_the_headers(model_folder: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    loaded = safetensors.load_file(model_folder / "model.safetensors")
    assert memory.parameters(model_folder) == sum(tensor.numel() for tensor in loaded.values())


def test_a_broken_file_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"{")
    (tmp_path / "b.safetensors").write_bytes((5).to_bytes(8, "little") + b"[1,2]")
    assert memory.parameters(tmp_path) == 0


def test_a_model_that_fits_is_let_through_and_another_refused_with_both_sizes(model_folder: Path) -> None:
    pytest.importorskip("torch")
    memory.require(model_folder, 4, 0.0, on_gpu=False)
    with pytest.raises(
        EngineError, match=r"does not fit this machine: it needs about 1000000\.0 GiB, and [0-9.]+ of [0-9.]+ GiB"
    ):
        memory.require(model_folder, 4, 1e6, on_gpu=False)


def test_too_little_memory_is_known_by_its_class() -> None:
    torch = pytest.importorskip("torch")
    assert memory.is_out_of_memory(torch.OutOfMemoryError("x"))
    assert not memory.is_out_of_memory(RuntimeError("out of memory"))


@pytest.mark.parametrize(
    ("names", "limit"),
    [(("memory.max", "memory.current", "inactive_file"), 3 * GIB),
     (("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"), 3 * GIB)],
)  # fmt: skip
def test_a_container_has_what_its_limit_leaves_and_files_that_nobody_uses_count_as_free(
    names: tuple[str, str, str], limit: int, tmp_path: Path
) -> None:
    most, used, cache = names
    (tmp_path / most).write_text(f"{limit}\n")
    (tmp_path / used).write_text(f"{2 * GIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\n{cache} {GIB}\n")
    free, total = memory.host_memory([(tmp_path, names)])
    assert total == limit
    assert free == pytest.approx(2 * GIB)


@pytest.mark.parametrize("limit", ["max", "not a number", str(2**63 - 4096)])
def test_a_container_without_a_limit_has_the_memory_of_the_machine(limit: str, tmp_path: Path) -> None:
    names = ("memory.max", "memory.current", "inactive_file")
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text("7")
    (tmp_path / "memory.stat").write_text("inactive_file 3\n")
    machine = memory.host_memory([])
    assert memory.host_memory([(tmp_path, names)])[1] == machine[1]
    assert memory.host_memory([(tmp_path / "nothing", names)])[1] == machine[1]


def test_a_model_that_does_not_fit_its_gpu_is_refused_with_both_sizes(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", pretend_nvidia_smi(tmp_path, "echo 'GPU-1f, Tesla T4, 15360, 7900, 7.5'"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    memory.require(model_folder, 2, 7.0, on_gpu=True)
    with pytest.raises(EngineError, match=r"fit GPU 3 \(Tesla T4\): it needs about 8\.0 GiB, and 7\.7 of 15\.0 GiB"):
        memory.require(model_folder, 2, 8.0, on_gpu=True)


def test_a_model_that_is_loaded_twice_needs_its_memory_twice(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", pretend_nvidia_smi(tmp_path, "echo 'GPU-1f, Tesla T4, 15360, 7900, 7.5'"))
    memory.require(model_folder, 2, 3.5, on_gpu=True, copies=2)
    with pytest.raises(EngineError, match=r"it needs about 8\.0 GiB, .* \(engine.engines_per_gpu: 2 times the model\)"):
        memory.require(model_folder, 2, 4.0, on_gpu=True, copies=2)


def test_a_gpu_without_bfloat16_gets_float16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    for capability, expected in (("7.5", "float16"), ("8.0", "bfloat16"), ("12.0", "bfloat16"), ("[N/A]", "bfloat16")):
        answer = f'[ "$2" = "3" ] && echo "GPU-1f, Some GPU, 9, 9, {capability}"'
        monkeypatch.setenv("PATH", pretend_nvidia_smi(tmp_path, answer))
        assert models.number_type("auto", on_gpu=True) == expected
    assert models.number_type("float32", on_gpu=True) == "float32"
    monkeypatch.setenv("PATH", pretend_nvidia_smi(tmp_path, "exit 9"))
    assert models.number_type("auto", on_gpu=True) == "bfloat16"
