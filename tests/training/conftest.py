"""Labelled pages for the tests of training."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.labelled_pages import write_pages


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file of small labelled pages."""
    return write_pages(tmp_path_factory.mktemp("pages") / "pages.parquet")
