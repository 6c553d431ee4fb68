"""The program language: its values, its parser, and its execution in Python; Spark's is in `columns`."""

from prox_spark.program.execute import chunk_program, execute, execute_operations
from prox_spark.program.operations import (
    APPLIED_REASONS,
    DOCUMENT_REASONS,
    PROBLEM_REASONS,
    REJECTION_REASONS,
    AppliedOperation,
    ChunkProgram,
    Execution,
    Level,
    Mode,
    Operation,
    OperationName,
    Outcome,
    Policy,
    Problem,
    Program,
    Scope,
    Status,
)
from prox_spark.program.parse import parse
from prox_spark.program.reference import parse_reference
from prox_spark.program.words import count_words

__all__ = [
    "APPLIED_REASONS",
    "DOCUMENT_REASONS",
    "PROBLEM_REASONS",
    "REJECTION_REASONS",
    "AppliedOperation",
    "ChunkProgram",
    "Execution",
    "Level",
    "Mode",
    "Operation",
    "OperationName",
    "Outcome",
    "Policy",
    "Problem",
    "Program",
    "Scope",
    "Status",
    "chunk_program",
    "count_words",
    "execute",
    "execute_operations",
    "parse",
    "parse_reference",
]
