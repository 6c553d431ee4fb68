"""How answers are handed out; the stand-in always gives the whole answer at its end."""

from enum import Enum
from typing import Any


class RequestOutputKind(Enum):
    FINAL_ONLY = 2


class StructuredOutputsParams:
    def __init__(self, **parts: Any) -> None:
        self.parts = parts
