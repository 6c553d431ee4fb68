"""This package for the Python workers of a Spark Connect server, which need not have it: functions are sent by name."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).resolve().parents[1]
LEFT_OUT = ("__pycache__", "demo/data")
"""Folders of the package that no worker reads."""

WRITTEN = (1980, 1, 1, 0, 0, 0)
"""Time of every file in the archive, so that the same package is the same file: a server takes no other of its name."""


def ship(spark: SparkSession) -> None:
    """Send the package to the session's server; one that takes none, or has another already, costs a warning."""
    with tempfile.TemporaryDirectory() as folder:
        archive = archived(Path(folder))
        try:
            spark.addArtifacts(str(archive), pyfile=True)
        except PySparkException as error:
            logger.warning("the server takes no Python files, so prox_spark must be installed there: %s", error)


def archived(folder: Path) -> Path:
    """Write the package into a .zip in the folder, whose name holds the hash of what is in it."""
    files = {str(path.relative_to(PACKAGE.parent)): path.read_bytes() for path in _files()}
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    target = folder / f"prox_spark-{digest.hexdigest()[:12]}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, WRITTEN), content, zipfile.ZIP_DEFLATED)
    return target


def _files() -> list[Path]:
    files = (path for path in sorted(PACKAGE.rglob("*")) if path.is_file())
    return [path for path in files if not any(f"/{name}/" in f"/{path.relative_to(PACKAGE)}" for name in LEFT_OUT)]
