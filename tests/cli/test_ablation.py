"""ablate, and the section of the report for it: mistakes are one line, before Spark starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from prox_spark.cli import main


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["ablate", "0", "1"], "--to must name the folder"),
        (["ablate", "0", "1", "--to", "out", "--size", "huge"], "ablate.size must be"),
        (["ablate", "0", "1", "--to", "out", "--equal", "money"], "ablate.equal must be"),
        (["report", "--ablation", "nowhere.json"], "--ablation must be the ablation.json of an ablation"),
        (["report", "--ablation", "list.json"], "--ablation must be the ablation.json of an ablation"),
    ],
)
def test_a_mistake_is_one_line(
    line: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text("[]")
    assert main([*line, "--quiet"]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error and "\n" not in error
