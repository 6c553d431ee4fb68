"""What a user types and reads: commands in this process, and what they print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prox_spark.cli import main


class Terminal:
    """Commands typed for one lake, and what they print."""

    def __init__(self, lake: Path | str, capsys: pytest.CaptureFixture[str]) -> None:
        self.lake = str(lake)
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command, check its exit code, and give its stdout, or the one line on stderr of a user's mistake."""
        self._capsys.readouterr()
        given = main([*arguments, "--lake", self.lake])
        captured = self._capsys.readouterr()
        assert given == code, captured.err
        if code == 2:
            assert captured.out == ""
            assert captured.err.count("\n") == 1
            return captured.err
        return captured.out

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with --json, and give the value that it prints."""
        return json.loads(self(*arguments, "--json", "--quiet", code=code))

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Give the rows that a query finds."""
        rows: list[dict[str, Any]] = self.json("sql", query)
        return rows
