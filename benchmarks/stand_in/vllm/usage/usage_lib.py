"""For what an engine is used; the stand-in has one set of limits."""

from enum import Enum


class UsageContext(Enum):
    LLM_CLASS = "LLM_CLASS"
