"""The Databricks bundle: every field, type and reference, by the classes that Databricks publishes for bundles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from prox_spark.cli import commands
from prox_spark.config import load

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "deploy" / "databricks"

jobs = pytest.importorskip(
    "databricks.bundles.jobs", reason="pip install databricks-bundles, it is among the extra dev"
)

SECTIONS = {
    "": {"artifacts", "bundle", "include", "permissions", "presets", "resources", "run_as", "sync", "targets",
         "variables", "workspace"},
    "artifacts": {"build", "dynamic_version", "executable", "files", "path", "type"},
    "variables": {"default", "description", "lookup", "type"},
    "targets": {"artifacts", "bundle", "default", "mode", "permissions", "presets", "resources", "run_as", "sync",
                "variables", "workspace"},
}  # fmt: skip
"""Keys of a bundle outside its resources, as `databricks bundle schema` gives them (CLI of August 2026)."""


@pytest.fixture(scope="module")
def bundle() -> dict[str, Any]:
    root: dict[str, Any] = yaml.safe_load((BUNDLE / "databricks.yml").read_text(encoding="utf-8"))
    for name in root["include"]:
        included = yaml.safe_load((BUNDLE / name).read_text(encoding="utf-8"))
        for target, value in included.pop("targets", {}).items():
            root["targets"][target] |= value
        root |= included
    return root


@pytest.fixture(scope="module")
def job(bundle: dict[str, Any]) -> dict[str, Any]:
    refining: dict[str, Any] = bundle["resources"]["jobs"]["prox_refine"]
    # A field that a variable fills in has no value that the classes know before the bundle is deployed.
    return refining | {"email_notifications": {**refining["email_notifications"], "on_failure": ["ada@example.com"]}}


@pytest.fixture(scope="module")
def trial(bundle: dict[str, Any]) -> dict[str, Any]:
    trying: dict[str, Any] = bundle["targets"]["try"]["resources"]["jobs"]["prox_try"]
    return trying


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def test_the_job_has_only_fields_and_values_that_databricks_knows(job: dict[str, Any]) -> None:
    made = jobs.Job.from_dict(job)
    assert [task.task_key for task in made.tasks] == [
        "ingest", "refine_doc", "apply_doc", "refine_chunk", "apply_chunk", "verify", "report",
    ]  # fmt: skip


@pytest.mark.parametrize("field", ["spark_versions", "node_types"])
def test_a_field_that_databricks_does_not_know_is_found(job: dict[str, Any], field: str) -> None:
    cluster = job["job_clusters"][0]
    spoiled = {**job, "job_clusters": [{**cluster, "new_cluster": {**cluster["new_cluster"], field: "x"}}]}
    with pytest.raises(ValueError, match=field):
        jobs.Job.from_dict(spoiled)


def test_everything_around_the_job_has_keys_that_databricks_knows(bundle: dict[str, Any]) -> None:
    assert set(bundle) <= SECTIONS[""]
    for section in ("artifacts", "variables", "targets"):
        for name, value in bundle[section].items():
            assert set(value) <= SECTIONS[section], f"{section}.{name}"
    assert {name: value["mode"] for name, value in bundle["targets"].items()} == {
        "try": "development", "dev": "development", "prod": "production",
    }  # fmt: skip


def test_every_variable_is_declared_and_every_target_gives_those_without_a_default(bundle: dict[str, Any]) -> None:
    used = {name for text in strings(bundle) for name in re.findall(r"\$\{var\.(\w+)\}", text)}
    assert used == set(bundle["variables"])
    needed = {name for name, value in bundle["variables"].items() if "default" not in value}
    for target in bundle["targets"].values():
        assert needed <= set(target["variables"]) <= set(bundle["variables"])


def test_every_job_parameter_is_declared_and_used(job: dict[str, Any]) -> None:
    used = {name for text in strings(job["tasks"]) for name in re.findall(r"\{\{job\.parameters\.(\w+)\}\}", text)}
    assert used == {item["name"] for item in job["parameters"]}


def test_tasks_follow_each_other_and_each_model_has_a_gpu_cluster_of_its_own(job: dict[str, Any]) -> None:
    keys = [task["task_key"] for task in job["tasks"]]
    assert [task.get("depends_on", []) for task in job["tasks"]] == [[], *([{"task_key": key}] for key in keys[:-1])]
    on_gpus = [task["job_cluster_key"] for task in job["tasks"] if task["task_key"].startswith("refine")]
    assert on_gpus == ["gpu_doc", "gpu_chunk"]  # a shared one would be kept through the apply between them
    assert {task["job_cluster_key"] for task in job["tasks"]} == {*on_gpus, "cpu"}


def test_a_gpu_cluster_says_how_many_engines_it_has_and_installs_vllm_by_its_driver(
    job: dict[str, Any], bundle: dict[str, Any]
) -> None:
    clusters = {item["job_cluster_key"]: item["new_cluster"] for item in job["job_clusters"]}
    assert clusters["gpu_doc"] == clusters["gpu_chunk"]
    gpu = clusters["gpu_doc"]
    assert gpu["data_security_mode"] == "SINGLE_USER"  # standard access has no GPU
    assert gpu["spark_conf"]["spark.executor.resource.gpu.amount"] == "1"
    assert gpu["spark_conf"]["spark.executor.cores"] == "${var.gpu_cores}"  # Databricks leaves it unset
    assert gpu["spark_conf"]["spark.task.resource.gpu.amount"] == "${var.gpu_share}"
    defaults = {name: value.get("default") for name, value in bundle["variables"].items()}
    assert int(1 / float(defaults["gpu_share"])) == int(defaults["gpu_cores"])
    (script,) = gpu["init_scripts"]
    at = script["workspace"]["destination"].removeprefix("${workspace.file_path}/")
    assert (ROOT / "deploy" / at).is_file()
    assert bundle["sync"]["paths"] == [".", "../gpu"]  # which is what makes deploy/ the root of what is copied


def test_a_run_ends_is_told_of_and_is_paid_for_by_name(job: dict[str, Any], trial: dict[str, Any]) -> None:
    assert job["timeout_seconds"] > job["health"]["rules"][0]["value"] > 0
    for one in (job, trial):
        assert one["timeout_seconds"] and one["tags"]["project"] == "prox_spark"
        assert {item["new_cluster"]["custom_tags"]["project"] for item in one["job_clusters"]} == {"prox_spark"}
    gpu = job["job_clusters"][0]["new_cluster"]
    assert gpu["aws_attributes"] == {"availability": "SPOT_WITH_FALLBACK", "first_on_demand": 1}


def test_the_first_try_needs_no_gpu_no_files_and_no_settings(trial: dict[str, Any]) -> None:
    jobs.Job.from_dict(trial)
    (cluster,) = trial["job_clusters"]
    assert "gpu" not in cluster["new_cluster"]["spark_version"] and cluster["new_cluster"]["num_workers"] == 0
    commands_of = [task["python_wheel_task"]["parameters"] for task in trial["tasks"]]
    assert [line[0] for line in commands_of] == ["doctor", "demo", "verify", "report"]
    assert not any("gpu" in text or "--conf" in text for line in commands_of for text in line)


def test_tasks_call_commands_with_options_that_the_command_line_has(job: dict[str, Any], trial: dict[str, Any]) -> None:
    known = {
        command.name or command.callback.__name__ for command in commands.app.registered_commands if command.callback
    }
    allowed = {"--lake", "--conf", "--output", "--cluster"}
    for task in (*job["tasks"], *trial["tasks"]):
        wheel = task["python_wheel_task"]
        command, *arguments = wheel["parameters"]
        assert command in known
        assert {item.split("=")[0] for item in arguments if item.startswith("--")} <= allowed


def test_the_entry_point_is_in_the_wheel_and_raises_where_a_command_fails(
    job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prox_spark.cli import job as entry_point

    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert {task["python_wheel_task"]["entry_point"] for task in job["tasks"]} == {"prox-spark-job"}
    assert 'prox-spark-job = "prox_spark.cli:job"' in text
    monkeypatch.setattr("sys.argv", ["prox-spark-job", "refine", "no-such-pass"])
    with pytest.raises(SystemExit) as failed:
        entry_point()
    assert failed.value.code == 2
    monkeypatch.setattr("sys.argv", ["prox-spark-job", "--version"])
    entry_point()


def test_the_settings_of_the_job_are_settings_of_the_package() -> None:
    config = load([str(BUNDLE / "prox.yaml")], [])
    assert [item.profile for item in config.passes] == ["prox-web-doc", "prox-web-chunk"]
    assert {config.engine_of(item).kind for item in config.passes} == {"vllm"}
    assert all(getattr(config.engine_of(item), "eager", None) for item in config.passes)  # compiling hung there once


def test_what_a_user_has_to_fill_in_is_marked(bundle: dict[str, Any]) -> None:
    lines = (BUNDLE / "databricks.yml").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if re.search(r"/Volumes/|https://|0000-0000|(catalog|group_name|user_name|root_path): \w", line):
            assert "FILL IN" in line, line
