"""What each Delta version says of itself: who wrote it, with which settings, after which passes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from prox_spark.passes import Chain


@dataclass(frozen=True, slots=True)
class Commit:
    """The author of a commit and its reason; stored as the `userMetadata` of the Delta version.

    Attributes:
        run_id: The command that writes.
        command: `ingest`, `refine`, `apply`, …
        pass_name: The pass, None outside one.
        wave: 0-based wave of a refine; 0 elsewhere.
        passes: What the corpus has gone through after this commit; None for a command that leaves the corpus alone.
        conf: The settings that decide its result, as JSON; what `runs` says of them if the command is killed.
    """

    run_id: str
    command: str
    pass_name: str | None = None
    wave: int = 0
    passes: Chain | None = None
    conf: str | None = None

    def to_json(self) -> str:
        """Write the `userMetadata`.

        >>> Commit("1", "tag").to_json()
        '{"run_id": "1", "command": "tag", "pass_name": null, "wave": 0, "passes": null, "conf": null}'
        """
        passes = None if self.passes is None else self.passes.to_json()
        return json.dumps(asdict(self) | {"passes": passes})

    @classmethod
    def from_json(cls, metadata: str | None) -> Commit | None:
        """Read a `userMetadata`; None where somebody else wrote it, or nobody.

        >>> Commit.from_json(Commit("1", "apply", passes=Chain()).to_json())
        Commit(run_id='1', command='apply', pass_name=None, wave=0, passes=Chain(keys=()), conf=None)
        >>> Commit.from_json("nightly job") is None
        True
        """
        try:
            fields: dict[str, Any] = json.loads(metadata or "null") or {}
            if "run_id" not in fields:
                return None
            passes = fields.get("passes")
            return cls(**fields | {"passes": None if passes is None else Chain.from_json(passes)})
        except (ValueError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a table that this package wrote; `timestamp` is Delta's, as ISO 8601."""

    version: int
    timestamp: str
    commit: Commit


@dataclass(frozen=True, slots=True)
class Change:
    """One Delta version of a table: when it was made, by which operation of Delta, with which parameters."""

    version: int
    at: datetime
    operation: str
    parameters: dict[str, str]
