"""What takes minutes, and runs with `make test-chaos` alone."""

from __future__ import annotations

import os

import pytest

KILLS = int(os.environ.get("PROX_SPARK_CHAOS", "1"))
THOROUGH = KILLS >= 20

slow = pytest.mark.skipif(not THOROUGH, reason="slow: make test-chaos")
