"""The error tree: each class is named by what the caller should do, and its message says it in one line.

    ProxError
    ├── UserError            the user must change something; nothing was written (exit code 2)
    │   ├── ConfigError      a setting has an unknown key, a wrong type or an impossible value
    │   ├── SourceError      the files to ingest cannot be found or have no adapter
    │   ├── LakeError        the lake is missing, is not a lake, or cannot be written
    │   ├── SessionError     Java, Spark or the Delta JARs are missing or do not fit together
    │   └── EngineError      the engine or its model cannot be loaded as configured
    ├── RunError             the job failed; what was committed stays, run the command again (exit code 1)
    └── TaskError            fail this Spark task, so that Spark tries it again on a fresh worker

A bad row is data, not an exception: it is quarantined or recorded with a reason.
"""

from __future__ import annotations


class ProxError(Exception):
    """The base of every error that prox_spark raises on purpose."""


class UserError(ProxError):
    """Stop before anything is written: the user must change something."""


class ConfigError(UserError):
    """Stop: a setting is unknown, has the wrong type, or cannot be."""


class SourceError(UserError):
    """Stop: the files to ingest cannot be found, or no adapter reads them."""


class LakeError(UserError):
    """Stop: the lake is missing, is not a lake, or cannot be written."""


class SessionError(UserError):
    """Stop: Java, Spark or the Delta JARs are missing or do not fit together."""


class EngineError(UserError):
    """Stop: the engine or its model cannot be loaded as configured."""


class RunError(ProxError):
    """Abort the run: what was committed stays, and the same command goes on from there."""


class TaskError(ProxError):
    """Fail the task, so that Spark tries it again on a fresh worker."""
