"""Fill in the definitions beside this file, check them against the AWS service model, and send them to EMR.

    python deploy/emr/start.py trial [--dry-run]               a small cluster without GPUs: doctor, demo, verify
    python deploy/emr/start.py cluster [--dry-run]             a cluster that runs all steps and ends
    python deploy/emr/start.py steps CLUSTER [--dry-run]       the steps again, on a cluster that lives
    python deploy/emr/start.py application [--dry-run]         an EMR Serverless application
    python deploy/emr/start.py job APPLICATION COMMAND…        one prox-spark command on it

Values come from the environment; those without a default must be there:

    PROX_BUCKET             bucket for code, lake, logs and reports
    PROX_SUBNET             subnet with GPU capacity and a way to PyPI
    PROX_REGION             us-east-1
    PROX_SOURCE             c4: format of the corpus files
    PROX_INPUT              s3://$PROX_BUCKET/raw/: where the corpus files are
    PROX_GPUS               4: GPUs of the cluster, one executor each
    PROX_GPU_SHARE          0.0714: 1 divided by spark.executor.cores (14), so that steps without a model use all cores
    PROX_RELEASE            emr-spark-8.1.0
    PROX_DELTA              4.2.0: the Delta of that release, whose Python module bootstrap.sh installs
    PROX_VLLM               0.32.0; nothing installs no vLLM
    PROX_WHEEL              the wheel that `python deploy/wheel.py` makes of this checkout
    PROX_SERVICE_ROLE       EMR_DefaultRole_V2
    PROX_INSTANCE_PROFILE   EMR_EC2_DefaultRole
    PROX_JOB_ROLE           for `job`: ARN of the role that jobs on EMR Serverless run as
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE.parents[1] / "prox_spark" / "version.py").read_text(encoding="utf-8")
)
DEFAULTS = {
    "PROX_REGION": "us-east-1",
    "PROX_SOURCE": "c4",
    "PROX_INPUT": "s3://${PROX_BUCKET}/raw/",
    "PROX_GPUS": "4",
    "PROX_GPU_SHARE": "0.0714",
    "PROX_RELEASE": "emr-spark-8.1.0",
    "PROX_DELTA": "4.2.0",
    "PROX_VLLM": "0.32.0",
    "PROX_WHEEL": f"prox_spark-{VERSION[1] if VERSION else ''}+cluster-py3-none-any.whl",
    "PROX_SERVICE_ROLE": "EMR_DefaultRole_V2",
    "PROX_INSTANCE_PROFILE": "EMR_EC2_DefaultRole",
}
VALUE = re.compile(r"\$\{(PROX_\w+)\}")


def definition(name: str, values: Mapping[str, str]) -> Any:
    """Read a definition and fill in its values.

    Raises:
        SystemExit: A value is missing; names it.
    """

    def fill(text: str) -> str:
        missing = sorted({key for key in VALUE.findall(text) if not values.get(key)})
        if missing:
            raise SystemExit(
                f"{name} needs {', '.join(missing)} in the environment; {Path(__file__).name} says what for"
            )
        filled = VALUE.sub(lambda found: values[found[1]], text)
        return fill(filled) if VALUE.search(filled) else filled

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return fill(value) if isinstance(value, str) else value

    return walk(json.loads((HERE / name).read_text(encoding="utf-8")))


def request(arguments: list[str], environ: Mapping[str, str]) -> tuple[str, str, dict[str, Any]]:
    """Give the service, its operation and what to send for a command line of this script."""
    values = {**DEFAULTS, **environ}
    match arguments:
        case ["trial"]:
            return "emr", "RunJobFlow", definition("trial-cluster.json", values)
        case ["cluster"]:
            cluster = definition("cluster.json", values)
            cluster["Configurations"] = definition("configurations.json", values)
            cluster["Steps"] = definition("steps.json", values)
            return "emr", "RunJobFlow", cluster
        case ["steps", cluster_id]:
            return "emr", "AddJobFlowSteps", {"JobFlowId": cluster_id, "Steps": definition("steps.json", values)}
        case ["application"]:
            return "emr-serverless", "CreateApplication", definition("serverless-application.json", values)
        case ["job", application, *command] if command:
            job = definition("serverless-job.json", {**values, "PROX_APPLICATION": application})
            lake = ["--lake", f"s3://{values['PROX_BUCKET']}/lake"]
            job["jobDriver"]["sparkSubmit"]["entryPointArguments"] = [*command, *lake]
            return "emr-serverless", "StartJobRun", job
    raise SystemExit(__doc__)


def problems(service: str, operation: str, sent: Mapping[str, Any]) -> str:
    """Check a request against the AWS service model; give what is wrong with it, nothing when it is valid."""
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    with_token = {"clientToken": "checked-and-not-sent"} if "clientToken" in model.input_shape.members else {}
    found: str = ParamValidator().validate({**with_token, **sent}, model.input_shape).generate_report()
    return found


def main(arguments: list[str]) -> int:
    """Run one command line."""
    dry = "--dry-run" in arguments
    service, operation, sent = request([item for item in arguments if item != "--dry-run"], os.environ)
    if wrong := problems(service, operation, sent):
        print(wrong, file=sys.stderr)
        return 2
    if dry:
        print(json.dumps(sent, indent=2))
        return 0
    import boto3
    from botocore import xform_name

    client = boto3.client(service, region_name=os.environ.get("PROX_REGION", DEFAULTS["PROX_REGION"]))
    answer = getattr(client, xform_name(operation))(**sent)
    print(*(answer[key] for key in ("JobFlowId", "StepIds", "applicationId", "jobRunId") if key in answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
