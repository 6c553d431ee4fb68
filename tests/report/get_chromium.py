"""Put a Chromium into a folder without root: Playwright's own, or Debian's packages unpacked there.

python tests/report/get_chromium.py .venv/chromium
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

START = """#!/bin/sh
root={root}
libraries="$root/usr/lib/$(uname -m)-linux-gnu"
export LD_LIBRARY_PATH="$libraries:$libraries/pulseaudio:$LD_LIBRARY_PATH"
exec "$root/usr/lib/chromium/chromium" "$@"
"""


def from_playwright() -> bool:
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def from_debian(folder: Path) -> bool:
    """Unpack chromium and the libraries that this machine lacks; apt-get only downloads."""
    plan = ["apt-get", "install", "--simulate", "--no-install-recommends", "chromium"]
    try:
        planned = subprocess.run(plan, check=True, capture_output=True, text=True).stdout
        packages = [line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")]
        files = folder / "packages"
        files.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "--quiet", *(packages or ["chromium"])], cwd=files, check=True)
        for package in files.glob("*.deb"):
            subprocess.run(["dpkg", "--extract", package, folder / "root"], check=True)
            package.unlink()
    except (OSError, subprocess.CalledProcessError):
        return False
    start = folder / "chromium"
    start.write_text(START.format(root=(folder / "root").absolute()), encoding="utf-8")
    start.chmod(0o755)
    return True


def main() -> None:
    if not from_playwright() and not from_debian(Path(sys.argv[1])):
        sys.exit("no Chromium could be had: the tests of the report in a browser will be skipped")


if __name__ == "__main__":
    main()
