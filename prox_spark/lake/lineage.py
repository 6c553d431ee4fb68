"""Which versions of the corpus the newest one stands on, out of what `runs` says of the commands that made them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prox_spark.passes import Chain


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of `runs`, as far as later commands need it.

    Attributes:
        run_id: The command that wrote it.
        command: `ingest`, `apply`, `restore`, …
        corpus_version: The version of the corpus that it made; None where it made none.
        passes: What the corpus had gone through after it.
        conf: Its settings.
        readable_from: The oldest version of the corpus that a maintenance or a purge left readable; None elsewhere.
        returned: Documents that a forget let stand before the passes again, as what they were copies of is gone.
    """

    run_id: str
    command: str
    corpus_version: int | None = None
    passes: Chain = field(default_factory=Chain)
    conf: Mapping[str, Any] = field(default_factory=dict)
    readable_from: int | None = None
    returned: int | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Entry:
        """Read a row of the query `reading.ENTRIES`."""
        passes, conf = Chain.from_json(row["passes"]), json.loads(row["conf"] or "{}")
        numbers = row["readable_from"], row["returned"]
        return cls(row["run_id"], row["command"], row["corpus_version"], passes, conf, *numbers)


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """A version of the corpus that a pass made and that a later one stands on.

    Attributes:
        version: Its number.
        run_id: The run in whose rows its operations are.
        passes: The passes up to the one that made it.
        read: The version in which the rows can be read: its own, or the oldest that is left where that one is gone.
        undone_in: Later versions in which documents of it are gone, or stand before the passes again: what it did to
            those is undone.
    """

    version: int
    run_id: str
    passes: Chain
    read: int
    undone_in: tuple[int, ...] = ()

    @property
    def pass_name(self) -> str:
        """Name the pass that made it."""
        return str(self.passes.last["name"])


def oldest_readable(entries: Iterable[Entry]) -> int:
    """Give the oldest version of the corpus that maintenance and purges have left readable."""
    return max((entry.readable_from for entry in entries if entry.readable_from is not None), default=0)


def lineage(entries: Sequence[Entry], version: int | None = None) -> tuple[PublishedVersion, ...]:
    """List the versions made by passes that a version of the corpus stands on, newest first; itself among them.

    Args:
        entries: What `runs` says, in any order.
        version: The version; None takes the newest.
    """
    oldest = oldest_readable(entries)
    published = [(entry.corpus_version, entry) for entry in entries if entry.corpus_version is not None]
    forgets = [number for number, entry in published if entry.command == "forget"]
    versions: list[PublishedVersion] = []
    undone_in: list[int] = []
    longest, newest = Chain(), version
    for number, entry in sorted(published, key=lambda pair: pair[0], reverse=True):
        if newest is not None and number > newest:
            continue
        # What the last forget of several took, the earlier ones took too, but for what came back; and a restore keeps
        # to what was forgotten, or came back, before it.
        is_last = entry.command == "forget" and not undone_in
        if entry.returned or is_last or (entry.command == "restore" and forgets and number > min(forgets)):
            undone_in.append(number)
        if entry.command == "restore":  # what was made since the restored version is left behind
            newest = int(entry.conf.get("version", number))
        # A pass that ran again leaves the versions behind that its old programs made.
        elif len(entry.passes) and entry.passes.shared_with(longest) is not None:
            longest = max(entry.passes, longest, key=len)
            read = max(number, oldest)
            later = tuple(other for other in undone_in if other > read)
            versions.append(PublishedVersion(number, entry.run_id, entry.passes, read, later))
    return tuple(versions)
