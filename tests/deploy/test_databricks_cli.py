"""The Databricks bundle by Databricks' own command line, against a workspace that answers as an empty one does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "deploy" / "databricks"


@pytest.fixture(scope="module")
def databricks() -> str:
    built = Path(sys.prefix, "databricks")  # make databricks
    found = str(built) if built.is_file() else shutil.which("databricks")
    if found is None:
        pytest.skip("no Databricks CLI: make databricks, or put one on the PATH")
    return found


class Workspace(BaseHTTPRequestHandler):
    """Answer who the caller is, and remember folders."""

    folders: set[str]

    def _answer(self) -> None:
        url = urlparse(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = 200
        said: dict[str, object] = {}
        if url.path.endswith("/scim/v2/Me"):
            said = {"id": "1", "userName": "ada.lovelace@example.com"}
        elif url.path.endswith("/workspace/mkdirs"):
            self.folders.add(json.loads(body)["path"])
        elif url.path.endswith("/workspace/get-status"):
            (path,) = parse_qs(url.query)["path"]
            status, said = 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"{path} doesn't exist"}
            if path in self.folders:
                status, said = 200, {"object_type": "DIRECTORY", "path": path, "object_id": 2}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_HEAD = _answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def workspace() -> Iterator[str]:
    served = type("Served", (Workspace,), {"folders": {"/Workspace/Users/ada.lovelace@example.com"}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), served)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def filled_in(tmp_path: Path, workspace: str) -> Path:
    """Give a copy of the bundle where the workspace and who deploys are filled in."""
    folder = tmp_path / "deploy" / "databricks"
    shutil.copytree(BUNDLE, folder)
    shutil.copytree(BUNDLE.parent / "gpu", tmp_path / "deploy" / "gpu")
    text = (folder / "databricks.yml").read_text(encoding="utf-8")
    for blank, value in (("https://FILL-IN.cloud.databricks.com", workspace), ("someone@", "ada.lovelace@")):
        text = text.replace(blank, value)
    (folder / "databricks.yml").write_text(text, encoding="utf-8")
    return folder


def call(databricks: str, folder: Path, host: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DATABRICKS_")}
    environ = {**kept, "HOME": str(folder), "DATABRICKS_HOST": host, "DATABRICKS_TOKEN": "none"}
    command = [databricks, "bundle", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("target", ["try", "dev", "prod"])
def test_databricks_finds_nothing_wrong(databricks: str, filled_in: Path, workspace: str, target: str) -> None:
    done = call(databricks, filled_in, workspace, "validate", "--strict", "--target", target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Validation OK!" in done.stdout


def test_each_target_is_what_it_says(databricks: str, filled_in: Path, workspace: str) -> None:
    made: dict[str, Any] = {}
    for target in ("dev", "prod"):
        done = call(databricks, filled_in, workspace, "validate", "--target", target, "--output", "json")
        told = json.loads(done.stdout)
        made[target] = told["resources"]["jobs"]["prox_refine"]
        assert ("prox_try" in told["resources"]["jobs"]) == (target == "try")
        file_path = told["workspace"]["file_path"]
    lakes = {
        target: next(item["default"] for item in job["parameters"] if item["name"] == "lake")
        for target, job in made.items()
    }
    assert lakes == {"dev": "workspace.prox_ada_lovelace", "prod": "corpora.prox"}
    for cluster in made["prod"]["job_clusters"][:2]:
        (script,) = cluster["new_cluster"]["init_scripts"]
        assert script["workspace"]["destination"] == f"{file_path}/gpu/install_vllm.sh"
    assert made["prod"]["email_notifications"]["on_failure"] == ["ada.lovelace@example.com"]
    assert made["dev"]["name"] == "[dev ada_lovelace] prox_refine" and made["prod"]["name"] == "prox_refine"
    assert made["dev"]["schedule"]["pause_status"] == "PAUSED"
    assert "run_as" not in made["dev"] and "service_principal_name" in made["prod"]["run_as"]


def test_the_job_whose_models_are_behind_endpoints_is_what_the_page_tells_to_make_of_it(
    databricks: str, filled_in: Path, workspace: str
) -> None:
    page = (BUNDLE / "README.md").read_text(encoding="utf-8")
    tree = yaml.safe_load((filled_in / "job.yml").read_text(encoding="utf-8"))
    job = tree["resources"]["jobs"]["prox_refine"]
    (cpu,) = job["job_clusters"] = [item for item in job["job_clusters"] if item["job_cluster_key"] == "cpu"]
    cpu["new_cluster"] |= yaml.safe_load(block(page, "spark_env_vars:"))
    for task in job["tasks"]:
        if task["task_key"].startswith("refine_"):
            task |= {"job_cluster_key": "cpu", **yaml.safe_load(block(page, "libraries:"))}
    (filled_in / "job.yml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    settings = "settings=${workspace.file_path}/databricks/serving.yaml"
    assert f"bundle deploy --var '{settings}'" in page
    strictly = ("validate", "--strict", "--target", "dev", "--output", "json", "--var", settings)
    done = call(databricks, filled_in, workspace, *strictly)
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads(done.stdout)
    (told,) = (item for item in made["resources"]["jobs"]["prox_refine"]["parameters"] if item["name"] == "settings")
    assert told["default"] == f"{made['workspace']['file_path']}/databricks/serving.yaml"


def block(page: str, first: str) -> str:
    """Give the indented lines of a page that begin with `first`."""
    found = re.search(rf"^    {first}\n(?:      .*\n)+", page, re.M)
    assert found is not None, first
    return textwrap.dedent(found[0])


def test_a_field_that_it_does_not_know_is_found(databricks: str, filled_in: Path, workspace: str) -> None:
    job = filled_in / "job.yml"
    job.write_text(job.read_text(encoding="utf-8").replace("node_type_id:", "node_types_id:", 1))
    done = call(databricks, filled_in, workspace, "validate", "--strict", "--target", "dev")
    assert done.returncode != 0 and "node_types_id" in done.stdout + done.stderr


def test_the_files_follow_the_schema_that_it_gives(databricks: str, filled_in: Path, workspace: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    told = call(databricks, filled_in, workspace, "schema").stdout
    for unicode_class, known in ((r"\\p{L}", r"\\w"), (r"\\p{N}", r"\\d")):  # Python's re has no such classes
        told = told.replace(unicode_class, known)
    schema = json.loads(told)
    check = jsonschema.validators.validator_for(schema)(schema)
    for name in ("databricks.yml", "try.yml", "job.yml"):
        tree = yaml.safe_load((BUNDLE / name).read_text(encoding="utf-8"))
        assert [f"{error.json_path}: {error.message}" for error in check.iter_errors(tree)] == []
    tree["resources"]["jobs"]["prox_refine"]["job_clusters"][0]["new_cluster"]["spark_versions"] = "x"
    assert list(check.iter_errors(tree))
