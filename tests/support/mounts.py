"""Disks of a kind that only one command sees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def mounted(place: Path, options: str) -> tuple[str, ...]:
    """Give what to put before a command so that it finds an empty disk at a place, which nobody else sees."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root may mount")
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0:
        pytest.skip("nothing may be mounted here")
    place.mkdir(exist_ok=True)
    return ("unshare", "-m", "sh", "-c", f'mount -t tmpfs -o {options} none {place} && exec "$@"', "sh")
