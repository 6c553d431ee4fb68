"""The EMR definitions: valid requests by the AWS service model, steps that are command lines, scripts that run."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.nvidia import pretend_nvidia_smi

from prox_spark.cli.commands import app
from prox_spark.config import load

ROOT = Path(__file__).resolve().parents[2]
EMR = ROOT / "deploy" / "emr"
GIVEN = {"PROX_BUCKET": "a-bucket", "PROX_SUBNET": "subnet-0a", "PROX_JOB_ROLE": "arn:aws:iam::123456789012:role/jobs"}
LINES = [["trial"], ["cluster"], ["steps", "j-1"], ["application"], ["job", "00abc", "sql", "SELECT 1"]]

pytest.importorskip("botocore", reason="pip install botocore, it is among the extra dev")


@pytest.fixture(scope="module")
def start() -> ModuleType:
    spec = importlib.util.spec_from_file_location("emr_start", EMR / "start.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("arguments", LINES, ids=lambda line: line[0])
def test_every_request_is_valid_for_aws(start: ModuleType, arguments: list[str]) -> None:
    service, operation, sent = start.request(arguments, GIVEN)
    assert start.problems(service, operation, sent) == ""
    assert "${" not in json.dumps(sent)


@pytest.mark.parametrize(("path", "value"), [("Instances", {"InstanceGroup": []}), ("Steps", [{"Name": 1}])])
def test_a_request_that_aws_would_refuse_is_found(start: ModuleType, path: str, value: object) -> None:
    service, operation, sent = start.request(["cluster"], GIVEN)
    assert path in start.problems(service, operation, {**sent, path: value})


def test_a_value_that_is_missing_is_named_in_one_line(start: ModuleType) -> None:
    with pytest.raises(SystemExit, match="PROX_SUBNET"):
        start.request(["cluster"], {"PROX_BUCKET": "a-bucket"})


def test_the_script_prints_what_it_would_send() -> None:
    command = [sys.executable, str(EMR / "start.py"), "cluster", "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **GIVEN})
    assert json.loads(done.stdout)["ReleaseLabel"] == "emr-spark-8.1.0"


def configurations(start: ModuleType) -> dict[str, dict[str, Any]]:
    _, _, sent = start.request(["cluster"], GIVEN)
    return {item["Classification"]: item for item in sent["Configurations"]}


def test_steps_are_command_lines_of_this_package_and_only_models_ask_for_gpus(start: ModuleType) -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    _, _, sent = start.request(["steps", "j-1"], GIVEN)
    commands = []
    for step in sent["Steps"]:
        arguments = step["HadoopJarStep"]["Args"]
        if arguments[0] == "spark-submit":
            at = next(number for number, item in enumerate(arguments) if item.endswith("/submit.py"))
            commands.append(arguments[at + 1])
            asks = any("resource.gpu.amount" in item for item in arguments)
            assert asks == (arguments[at + 1] == "refine")
    assert set(commands) <= known
    assert commands == ["ingest", "refine", "apply", "refine", "apply", "verify", "report"]


def bootstrap(start: ModuleType, cluster: str) -> list[str]:
    _, _, sent = start.request([cluster], GIVEN)
    arguments: list[str] = sent["BootstrapActions"][0]["ScriptBootstrapAction"]["Args"]
    return arguments


def test_steps_without_a_model_use_all_cores_of_an_executor(start: ModuleType) -> None:
    cores = int(configurations(start)["spark-defaults"]["Properties"]["spark.executor.cores"])
    _, _, sent = start.request(["steps", "j-1"], GIVEN)
    shares = re.findall(r"spark\.task\.resource\.gpu\.amount=([\d.]+)", json.dumps(sent))
    assert len(shares) == 2 and {int(1 / float(share)) for share in shares} == {cores}


@pytest.mark.parametrize("cluster", ["trial", "cluster"])
def test_the_default_role_may_use_the_cluster(start: ModuleType, cluster: str) -> None:
    _, _, sent = start.request([cluster], GIVEN)
    assert {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"} in sent["Tags"]


def test_nodes_get_this_wheel_by_its_name_and_the_python_module_of_delta(start: ModuleType) -> None:
    from prox_spark.version import __version__

    folder, wheel, delta, vllm = bootstrap(start, "cluster")
    assert wheel == f"prox_spark-{__version__}+cluster-py3-none-any.whl" and delta == "4.2.0" and vllm == "0.32.0"
    assert bootstrap(start, "trial") == [folder, wheel, delta]  # no GPU, no vLLM
    script = (EMR / "bootstrap.sh").read_text(encoding="utf-8")
    assert '--no-deps "delta-spark==$delta"' in script and "--recursive" not in script


def test_python_workers_of_a_container_write_their_caches_where_they_may(start: ModuleType) -> None:
    spark = configurations(start)["spark-defaults"]["Properties"]
    script = (EMR / "bootstrap.sh").read_text(encoding="utf-8")
    (folder,) = re.findall(r"^caches=(.+)$", script, re.M)
    assert 'sudo chmod 1777 "$caches"' in script
    for name in ("HOME", "HF_HOME", "VLLM_CACHE_ROOT", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"):
        assert spark[f"spark.executorEnv.{name}"].startswith(folder)


def test_the_first_try_asks_for_no_gpu(start: ModuleType) -> None:
    _, _, sent = start.request(["trial"], GIVEN)
    assert "gpu" not in json.dumps(sent) and {
        group["InstanceType"] for group in sent["Instances"]["InstanceGroups"]
    } == {"m6i.xlarge"}
    commands = [step["HadoopJarStep"]["Args"][4:] for step in sent["Steps"]]
    assert [line[0] for line in commands] == ["doctor", "demo", "verify"]


def test_yarn_and_the_bootstrap_script_agree_on_where_things_are(start: ModuleType) -> None:
    script = (EMR / "bootstrap.sh").read_text(encoding="utf-8")
    found = configurations(start)
    mount = found["yarn-site"]["Properties"]["yarn.nodemanager.linux-container-executor.cgroups.mount-path"]
    groups = {item["Classification"]: item["Properties"] for item in found["container-executor"]["Configurations"]}
    assert groups["cgroups"]["root"] == mount
    assert f"cgroup={mount}\n" in script
    spark = found["spark-defaults"]["Properties"]
    home = re.search(r"^home=(.+)$", script, re.M)
    assert home is not None
    for key in ("spark.pyspark.python", "spark.executor.resource.gpu.discoveryScript"):
        assert spark[key].startswith(f"{home[1]}/bin/")
    assert spark["spark.speculation"] == "false"


def test_primary_needs_no_gpu_and_all_other_nodes_have_one(start: ModuleType) -> None:
    _, _, sent = start.request(["cluster"], GIVEN)
    kinds = {group["InstanceRole"]: group["InstanceType"] for group in sent["Instances"]["InstanceGroups"]}
    assert not kinds["MASTER"].startswith("g")
    assert {kind.split(".")[0] for role, kind in kinds.items() if role != "MASTER"} == {"g6"}


def test_the_settings_of_the_steps_are_settings_of_the_package() -> None:
    config = load([str(EMR / "prox.yaml")], [])
    assert [item.profile for item in config.passes] == ["prox-web-doc", "prox-web-chunk"]


def test_a_serverless_job_asks_for_no_gpu_and_brings_its_python(start: ModuleType) -> None:
    _, _, sent = start.request(["job", "00abc", "apply", "doc"], GIVEN)
    driver = sent["jobDriver"]["sparkSubmit"]
    assert driver["entryPointArguments"] == ["apply", "doc", "--lake", "s3://a-bucket/lake"]
    parameters = shlex.split(driver["sparkSubmitParameters"])
    assert "gpu" not in driver["sparkSubmitParameters"]
    assert any(item.startswith("spark.archives=s3://a-bucket/") for item in parameters)


@pytest.mark.parametrize("count", [1, 4])
def test_the_discovery_script_gives_spark_the_gpus_that_nvidia_smi_lists(tmp_path: Path, count: int) -> None:
    environ = {**os.environ, "PATH": pretend_nvidia_smi(tmp_path, "\n".join(f"echo {n}" for n in range(count)))}
    done = subprocess.run([EMR / "get_gpus.sh"], capture_output=True, text=True, check=True, env=environ)
    assert json.loads(done.stdout) == {"name": "gpu", "addresses": [str(n) for n in range(count)]}


def test_the_discovery_script_fails_where_there_is_no_gpu(tmp_path: Path) -> None:
    environ = {**os.environ, "PATH": pretend_nvidia_smi(tmp_path, "exit 9")}
    done = subprocess.run([EMR / "get_gpus.sh"], capture_output=True, text=True, check=False, env=environ)
    assert done.returncode != 0 and done.stdout == ""
