"""Build the wheel for a cluster that brings its own Spark: prox_spark without a claim on pyspark and delta-spark.

    python3 deploy/wheel.py --to dist

pip would otherwise install PyPI's pyspark over the one of Databricks or EMR. The version says so: 0.2.0+cluster.
Beside it lies the same file as prox_spark.zip, for --py-files and spark.submit.pyFiles: Spark puts a .zip on the path
of the Python workers, and would ignore a .whl.

The standard library writes it, not the package wheel: this runs with whatever python3 there is where one deploys.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLATFORM = re.compile(r"^Requires-Dist: (pyspark|delta-spark)\b.*\n", re.M)


def build(to: Path) -> Path:
    """Build the wheel into the folder `to` and give its path; older ones there go."""
    with tempfile.TemporaryDirectory() as draft:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
        if importlib.util.find_spec("hatchling"):
            pip.append("--no-build-isolation")  # what builds it is here already, and no network is needed
        subprocess.run([*pip, "--wheel-dir", draft, str(ROOT)], check=True)
        (ordinary,) = Path(draft).glob("prox_spark-*.whl")
        wheel = without_spark(ordinary, to)
    shutil.copyfile(wheel, to / "prox_spark.zip")
    return wheel


def without_spark(ordinary: Path, to: Path) -> Path:
    """Copy a wheel into the folder `to`, less its claim on Spark and Delta, under the version of a cluster."""
    name, version, *tags = ordinary.stem.split("-")
    local = f"{version}+cluster"
    to.mkdir(parents=True, exist_ok=True)
    for old in to.glob(f"{name}-*+cluster-*.whl"):
        old.unlink()
    path = to / f"{'-'.join([name, local, *tags])}.whl"
    record = f"{name}-{local}.dist-info/RECORD"
    lines = []
    with zipfile.ZipFile(ordinary) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            content = source.read(entry)
            place = entry.filename.replace(f"{name}-{version}.dist-info/", f"{name}-{local}.dist-info/")
            if place == record:
                continue
            if place.endswith(".dist-info/METADATA"):
                content = _freed(content.decode(), version, local).encode()
            target.writestr(place, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{place},sha256={digest},{len(content)}")
        target.writestr(record, "\n".join([*lines, f"{record},,", ""]))
    return path


def _freed(metadata: str, version: str, local: str) -> str:
    head, blank, body = metadata.partition("\n\n")
    freed = PLATFORM.sub("", head + "\n").rstrip("\n")
    return freed.replace(f"\nVersion: {version}", f"\nVersion: {local}", 1) + blank + body


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--to", type=Path, default=ROOT / "dist", help="folder for the wheel (dist)")
    print(build(arguments.parse_args().to))
