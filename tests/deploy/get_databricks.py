"""Build Databricks' command line from its Go module into a folder, for the tests of the bundle; it needs Go.

python tests/deploy/get_databricks.py .venv/databricks
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path

MODULE = "github.com/databricks/cli"
VERSION = "v1.12.1"


def main() -> None:
    target = Path(sys.argv[1]).absolute()
    proxy = subprocess.run(["go", "env", "GOPROXY"], check=True, capture_output=True, text=True).stdout.split(",")[0]
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "module.zip")
        urllib.request.urlretrieve(f"{proxy.strip().rstrip('/')}/{MODULE}/@v/{VERSION}.zip", archive)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        environ = {**os.environ, "GOFLAGS": "-modcacherw"}
        command = [
            "go",
            "build",
            "-ldflags",
            f"-X {MODULE}/internal/build.buildVersion={VERSION[1:]}",
            "-o",
            str(target),
            ".",
        ]
        subprocess.run(command, cwd=Path(folder, f"{MODULE}@{VERSION}"), env=environ, check=True)
    print(target)


if __name__ == "__main__":
    main()
