"""A driver that only pretends: a script called nvidia-smi, in front of a real one on the PATH."""

from __future__ import annotations

from pathlib import Path


def pretend_nvidia_smi(folder: Path, script: str) -> str:
    """Write lines of shell into a folder as its nvidia-smi; give the PATH on which that is the first."""
    driver = folder / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    driver.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"
