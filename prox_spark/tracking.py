"""A copy of each row of `runs` in MLflow, and of each report and evaluation, where an experiment is configured.

Logging comes after the command has written, and never stands in its way: a server that fails or does not answer costs a
warning and at most `PATIENCE` seconds. Where the server is, MLflow knows itself (MLFLOW_TRACKING_URI; on Databricks the
workspace).
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import yaml

from prox_spark.config import Config, MlflowSettings
from prox_spark.errors import SessionError

if TYPE_CHECKING:
    from mlflow import MlflowClient

PATIENCE = 30.0
"""Seconds that a command waits for MLflow: its own retries go on for minutes."""

INSTALL = "MLflow is not installed: install the extra mlflow of prox-spark"

_LOG = logging.getLogger(__name__)
_PASSWORD = re.compile(
    r"(?<=http:)//[^/\s@]+@|(?<=https:)//[^/\s@]+@|//[^/\s@:]*:[^/\s@]+@"
)  # not abfss://folder@place
THREAD = "prox-spark-mlflow"
"""The name of the thread that asks MLflow; a command does not wait for one that hangs."""

_at_work = threading.Lock()  # one attempt at a time: while one hangs, later ones are left out


@dataclass(frozen=True, slots=True)
class Logged:
    """The content of one MLflow run.

    Attributes:
        name: Its name in the list of runs.
        params: What decided the result; values that are None are left out.
        metrics: What came out; values that are no number are left out.
        tags: What it belongs to; they get the prefix `prox_spark.`.
        files: Its artifacts, by file name.
        started_at: When the command began.
        by: Who gave it; None leaves that to MLflow.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    by: str | None = None


def written(lake: str, row: Mapping[str, Any], conf: Mapping[str, Any]) -> Logged:
    """Tell of a command that wrote to a lake.

    Args:
        lake: Where the lake is.
        row: Its row of `runs`.
        conf: The settings behind it, as a configuration file has them.
    """
    counts = json.loads(row.get("counts") or "{}")
    sums = ("prompt_tokens", "output_tokens", "wall_seconds", "gpu_seconds", "cost")
    passes: Mapping[str, Any] = {item["name"]: item for item in conf.get("passes", ())}
    own = passes.get(row["pass_name"], {})
    settings = {**own, "engine": own.get("engine") or conf.get("engine")} if own else dict(conf)
    return Logged(
        name=" ".join(filter(None, (row["command"], row["pass_name"]))),
        params={
            "command": row["command"],
            "pass": row["pass_name"],
            "fingerprint": row.get("fingerprint"),
            **{key: value for key, value in _flat(settings).items() if key != "name"},
        },
        metrics={**counts, **{name: row.get(name) for name in sums}},
        tags={"lake": lake, **{name: row.get(name) for name in ("run_id", "corpus_version", "package_version")}},
        files={"prox.yaml": as_file(conf)},
        started_at=row["started_at"],
        by=row.get("by"),
    )


def settings_of(config: Config) -> dict[str, Any]:
    """Give the settings that decide what a command does: those of the Spark session are the machine's own affair."""
    return config.model_dump(mode="json", exclude={"spark", "mlflow"})


def as_file(conf: Mapping[str, Any]) -> str:
    """Write settings as a configuration file, without the password that a URL may hold.

    >>> as_file({"engine": {"kind": "openai", "url": "https://me:word@host/v1"}})
    'engine:\\n  kind: openai\\n  url: https://***@host/v1\\n'
    """
    return _without_password(yaml.safe_dump(dict(conf), sort_keys=False, allow_unicode=True))


def log(settings: MlflowSettings | None, logged: Logged, *, patience: float = PATIENCE) -> None:
    """Log one command, where the configuration names an experiment; warn in one line where that fails."""
    if settings is None or settings.experiment is None:
        return
    experiment, parent = settings.experiment, _parent()
    try:
        _in_time(lambda: _log(experiment, parent, logged), patience)
    except SessionError as error:
        _LOG.warning("MLflow has no record of %s: %s", logged.tags.get("run_id") or logged.name, error)


def check(settings: MlflowSettings) -> str:
    """Say where runs are logged.

    Raises:
        SessionError: MLflow is not installed, or does not answer.
    """
    answers: list[str] = []
    _in_time(lambda: answers.append(_place_of(settings.experiment or "")), PATIENCE)
    return answers[0]


def _in_time(work: Callable[[], None], patience: float) -> None:
    """Do the work on a thread of its own, and wait for it no longer than the patience, in seconds."""
    if not _at_work.acquire(blocking=False):
        raise SessionError("it still does not answer")
    failed: list[str] = []

    def attempt() -> None:
        try:
            work()
        except ModuleNotFoundError as error:
            failed.append(INSTALL if error.name == "mlflow" else str(error))
        except Exception as error:  # noqa: BLE001 - whatever MLflow and the network raise, the command has done its work
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            failed.append(_without_password(first)[:300])
        finally:
            _at_work.release()

    thread = threading.Thread(target=attempt, name=THREAD, daemon=True)
    thread.start()
    thread.join(patience)
    if thread.is_alive():
        raise SessionError(f"no answer in {patience:.0f} s")
    if failed:
        raise SessionError(failed[0])


def _log(experiment: str, parent: str | None, logged: Logged) -> None:
    client = _client()
    from mlflow.entities import Metric, Param

    now = int(datetime.now(timezone.utc).timestamp() * 1000)
    run = client.create_run(
        _experiment(client, experiment),
        run_name=logged.name,
        start_time=int(logged.started_at.timestamp() * 1000),
        tags=_tags(logged, parent),
    )
    status = "FAILED"
    try:
        numbers = {key: float(value) for key, value in logged.metrics.items() if isinstance(value, (int, float))}
        client.log_batch(
            run.info.run_id,
            metrics=[Metric(key, value, now, 0) for key, value in numbers.items()],
            params=[
                Param(key, _without_password(str(value))) for key, value in logged.params.items() if value is not None
            ],
        )
        for file, text in logged.files.items():
            client.log_text(run.info.run_id, text, file)
        status = "FINISHED"
    finally:
        client.set_terminated(run.info.run_id, status, now)


def _client() -> MlflowClient:
    # MLflow prints where to look on stdout, which belongs to the answers of commands.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow import MlflowClient

    return MlflowClient()


def _experiment(client: MlflowClient, name: str) -> str:
    existing = client.get_experiment_by_name(name)
    return str(client.create_experiment(name) if existing is None else existing.experiment_id)


def _place_of(experiment: str) -> str:
    import mlflow

    client = _client()
    place = _without_password(client.tracking_uri)
    known = client.get_experiment_by_name(experiment)
    return f"{experiment}{'' if known else ', made by the first command,'} at {place}, MLflow {mlflow.__version__}"


def _tags(logged: Logged, parent: str | None) -> dict[str, str]:
    own = {
        f"prox_spark.{key}": _without_password(str(value)) for key, value in logged.tags.items() if value is not None
    }
    known = {"mlflow.source.name": "prox-spark", "mlflow.user": logged.by, "mlflow.parentRunId": parent}
    return own | {key: value for key, value in known.items() if value is not None}


def _parent() -> str | None:
    """Give the MLflow run that the caller has open, as in a notebook; MLflow is not imported to find out."""
    active = getattr(sys.modules.get("mlflow"), "active_run", None)
    run = active() if active is not None else None
    return None if run is None else str(run.info.run_id)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested settings as one level.

    >>> _flat({"profile": "tiny-doc", "policy": {"mode": "strict"}})
    {'profile': 'tiny-doc', 'policy.mode': 'strict'}
    """
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _without_password(text: str) -> str:
    return _PASSWORD.sub("//***@", text)
