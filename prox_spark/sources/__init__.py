"""Corpus files into records: opening, decompressing, taking apart, one adapter per source; no Spark."""

from prox_spark.sources.adapters import SOURCES, Adapter, adapter, check_snapshot
from prox_spark.sources.files import LEFT_OUT, File, Slice, Unit, splits_in_place, units, why_left_out
from prox_spark.sources.reading import SCHEMA, Reader, batches
from prox_spark.sources.records import REASONS, Record
from prox_spark.sources.rehearsal import Part
from prox_spark.sources.streams import Input, memory_input

__all__ = [
    "LEFT_OUT",
    "REASONS",
    "SCHEMA",
    "SOURCES",
    "Adapter",
    "File",
    "Input",
    "Part",
    "Reader",
    "Record",
    "Slice",
    "Unit",
    "adapter",
    "batches",
    "check_snapshot",
    "memory_input",
    "splits_in_place",
    "units",
    "why_left_out",
]
