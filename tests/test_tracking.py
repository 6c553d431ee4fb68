"""Runs in MLflow: what they hold, in a real store, and that a server in trouble costs a line and no command."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prox_spark import config as configuration
from prox_spark import pipeline, tracking
from prox_spark.cli import main
from prox_spark.config import MlflowSettings
from prox_spark.errors import SessionError
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from pyspark.sql import SparkSession

mlflow = pytest.importorskip("mlflow", reason="pip install mlflow-skinny, it is among the extra dev")

HERE = MlflowSettings(experiment="prox")


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """Point MLflow at an empty store in a folder; newer versions want to be told that it may be one."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path / 'mlflow'}")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    store: MlflowClient = mlflow.MlflowClient()
    return store


def runs(client: MlflowClient, name: str = "prox") -> list[Any]:
    experiment = client.get_experiment_by_name(name)
    return [] if experiment is None else client.search_runs([experiment.experiment_id], order_by=["start_time ASC"])


def files(client: MlflowClient, run: Any) -> dict[str, str]:
    found = [item.path for item in client.list_artifacts(run.info.run_id)]
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    return {name: (folder / name).read_text(encoding="utf-8") for name in found}


def test_a_run_shows_settings_numbers_tags_and_files(client: MlflowClient) -> None:
    logged = tracking.Logged(
        name="apply doc",
        params={"profile": "tiny-doc", "engine.model": None, "engine.url": "http://me:word@host/v1"},
        metrics={"kept": 3, "cost": 0.5, "gpu_seconds": None, "readable_from": {"corpus": 1}},
        tags={"lake": "abfss://folder@place/lake", "corpus_version": 0},
        files={"prox.yaml": "lake: lake\n"},
        by="somebody",
    )
    tracking.log(HERE, logged)
    (run,) = runs(client)
    assert run.data.params == {"profile": "tiny-doc", "engine.url": "http://***@host/v1"}
    assert run.data.metrics == {"kept": 3.0, "cost": 0.5}
    assert run.data.tags["prox_spark.lake"] == "abfss://folder@place/lake"
    assert run.data.tags["prox_spark.corpus_version"] == "0"
    assert run.data.tags["mlflow.user"] == "somebody"
    assert files(client, run) == {"prox.yaml": "lake: lake\n"}
    assert (run.info.run_name, run.info.status) == ("apply doc", "FINISHED")
    assert run.info.start_time == int(logged.started_at.timestamp() * 1000) <= run.info.end_time


def test_a_run_goes_under_the_one_that_the_caller_has_open(client: MlflowClient) -> None:
    mlflow.set_experiment("prox")
    with mlflow.start_run() as outer:
        tracking.log(HERE, tracking.Logged(name="refine doc"))
    inner = next(run for run in runs(client) if run.info.run_id != outer.info.run_id)
    assert inner.data.tags["mlflow.parentRunId"] == outer.info.run_id


def test_nothing_is_logged_without_an_experiment(client: MlflowClient) -> None:
    tracking.log(MlflowSettings(), tracking.Logged(name="refine doc"))
    tracking.log(None, tracking.Logged(name="refine doc"))
    assert [item.name for item in client.search_experiments()] == ["Default"]


def test_a_server_that_hangs_costs_the_patience_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:word@127.0.0.1:{deaf.getsockname()[1]}")
        with caplog.at_level(logging.WARNING, logger="prox_spark"):
            tracking.log(HERE, tracking.Logged(name="refine doc", tags={"run_id": "first"}), patience=1.0)
            begin = time.monotonic()
            tracking.log(HERE, tracking.Logged(name="apply doc", tags={"run_id": "second"}), patience=1.0)
            assert time.monotonic() - begin < 0.5
        assert [record.getMessage() for record in caplog.records] == [
            "MLflow has no record of first: no answer in 1 s",
            "MLflow has no record of second: it still does not answer",
        ]
        for thread in threading.enumerate():
            if thread.name == tracking.THREAD:
                thread.join(60)
                assert not thread.is_alive()


def test_a_server_that_refuses_is_one_line_without_its_password(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:word@127.0.0.1:{port}")
    with caplog.at_level(logging.WARNING, logger="prox_spark"):
        tracking.log(HERE, tracking.Logged(name="refine doc"))
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("MLflow has no record of refine doc: ") and str(port) in said
    assert "word" not in said and "\n" not in said


def test_mlflow_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with caplog.at_level(logging.WARNING, logger="prox_spark"):
        tracking.log(HERE, tracking.Logged(name="refine doc"))
    assert caplog.messages == [f"MLflow has no record of refine doc: {tracking.INSTALL}"]
    with pytest.raises(SessionError, match="the extra mlflow"):
        tracking.check(HERE)


def test_the_doctor_says_where_runs_go(client: MlflowClient) -> None:
    assert tracking.check(HERE).startswith("prox, made by the first command, at file:")
    client.create_experiment("prox")
    assert tracking.check(HERE).startswith("prox at file:")


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    """Give the options of commands on an own lake that is logged."""
    story = "The river rose over its banks on a Tuesday in spring, after rain that nobody had seen coming. "
    pages = [{"text": f"Home | Login\n{story * 9}\nPage {n} ends here, and the town was dry again."} for n in range(4)]
    (tmp_path / "pages.jsonl").write_text("".join(f"{json.dumps(page)}\n" for page in pages), encoding="utf-8")
    return [
        "--lake",
        str(tmp_path / "lake"),
        "--set",
        "mlflow.experiment=prox",
        "--quiet",
    ]


@pytest.mark.spark
def test_every_command_that_wrote_is_one_run(
    spark: SparkSession, client: MlflowClient, settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest", "jsonl", str(tmp_path / "pages.jsonl"), *settings]) == 0
    assert main(["run", *settings]) == 0
    lake = Lake.open(spark, str(tmp_path / "lake"))
    rows = {row["run_id"]: row for row in lake.read("runs").collect()}
    logged = {run.data.tags["prox_spark.run_id"]: run for run in runs(client)}
    assert set(logged) == set(rows)
    for run_id, row in rows.items():
        run = logged[run_id]
        assert run.data.tags["prox_spark.lake"] == lake.location
        numbers = {name: count for name, count in json.loads(row["counts"]).items() if isinstance(count, (int, float))}
        assert run.data.metrics.items() >= numbers.items()
        assert run.data.metrics["wall_seconds"] == row["wall_seconds"]
        assert run.data.params.get("fingerprint") == row["fingerprint"]
    refined = next(run for run_id, run in logged.items() if "-refine-" in run_id)
    wanted = {
        "command": "refine",
        "pass": "doc",
        "profile": "tiny-doc",
        "engine.kind": "tagger",
        "policy.mode": "strict",
    }
    assert refined.data.params.items() >= wanted.items()
    again = configuration.load([_saved(tmp_path, files(client, refined)["prox.yaml"])])
    assert again.passes == configuration.load().passes

    capsys.readouterr()
    assert main(["run", "--json", *settings]) == 0  # nothing is left to do, and nothing to log
    json.loads(capsys.readouterr().out)
    assert len(runs(client)) == len(rows)
    assert main(["report", "-o", str(tmp_path / "report.html"), *settings]) == 0
    report = runs(client)[-1]
    assert files(client, report)["report.html"] == (tmp_path / "report.html").read_text(encoding="utf-8")
    assert report.data.tags["prox_spark.corpus_version"] == str(lake.newest("corpus"))
    assert report.data.metrics["kept"] + report.data.metrics["edited"] + report.data.metrics["dropped"] == 4


def _saved(folder: Path, text: str) -> Path:
    file = folder / "logged.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.spark
def test_a_pass_is_published_whether_mlflow_works_or_not(
    spark: SparkSession,
    settings: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "no-such-scheme://host")
    config = configuration.load(overrides=["mlflow.experiment=prox"])
    lake = Lake.open(spark, str(tmp_path / "lake"))
    pages = [str(tmp_path / "pages.jsonl")]
    pipeline.ingest(lake, "jsonl", pages, settings=config.ingest, mlflow=config.mlflow)
    with caplog.at_level(logging.WARNING, logger="prox_spark"):
        done = pipeline.run(lake, config)
    assert done[0][1].version == 1
    told = [record for record in caplog.records if "MLflow has no record of" in record.getMessage()]
    assert len(told) == lake.read("runs").count()


def test_the_scores_of_an_engine_are_a_run(client: MlflowClient, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    story = "The river rose over its banks on Tuesday after three days of rain, and the town was under water."
    table = {"text": [f"Home\nAbout Us\n{story}"], "keep": [[False, False, True]], "source_dataset": ["news/a"]}
    pq.write_table(pa.table(table), tmp_path / "pages.parquet")
    line = ["evaluate", str(tmp_path / "pages.parquet"), "--set", "mlflow.experiment=prox", "--quiet"]
    assert main(line) == 0
    (run,) = runs(client)
    assert 0.0 <= run.data.metrics["lines/news-a/kept_f1"] <= 1.0
    assert run.data.params["engine.kind"] == "tagger"
    assert set(files(client, run)) == {"scores.json", "scores.svg", "prox.yaml"}
