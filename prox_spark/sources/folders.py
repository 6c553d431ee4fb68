"""Which files lie in folders of this machine: every file once, and of what is left out how much there is and why.

A link is followed, and what it leads to is read once; its own name counts before that of a link. Folders that this
package wrote, and those of table formats, are told from folders of files.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from prox_spark.sources import patterns
from prox_spark.sources.files import is_hidden

Kind = Literal["lake", "export", "delta", "iceberg", "hudi"]

REFUSED: dict[Kind, str] = {
    "lake": "a lake of prox_spark: export a version of it, and read that",
    "iceberg": "an Iceberg table, whose folder has files of earlier versions too: write its rows to a folder first",
    "hudi": "a Hudi table, whose folder has files of earlier versions too: write its rows to a folder first",
}
"""Folders of which not every file is to be read, and nothing here tells which: what they are, and what to do."""

LEFT_OUT_AS: dict[Kind, str] = {"lake": "own_lake", "export": "own_export"}

Why = Callable[[str, bool], str | None]
"""Says of a path, and whether the user named it, why it is left out; None for a file to read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One path that the user gave, or one of the files and folders that it stands for.

    Attributes:
        given: As the user wrote it.
        path: An absolute path that is there.
        pattern: Only files are read that it matches, or that are in folders that it matches; None takes all.
    """

    given: str
    path: str
    pattern: str | None = None

    def takes(self, path: str) -> bool:
        """Say whether the pattern matches a file, or a folder that it is in."""
        if self.pattern is None:
            return True
        expression = patterns.expression(self.pattern)
        parts = path.split("/")
        return any(expression.fullmatch("/".join(parts[:length])) for length in range(len(parts), 1, -1))

    def names(self, path: str) -> bool:
        """Say whether the user named this very file, or how its name ends."""
        if self.pattern is None:
            return path == self.path
        return patterns.spells_end(self.pattern.rpartition("/")[2], path.rpartition("/")[2])


@dataclass(slots=True)
class Found:
    """What was found so far; filled by `look`.

    Attributes:
        files: Sizes by path.
        left_out: How many files and folders were left out, by reason.
        examples: The path of the first one, by reason.
        tables: Folders of Delta tables: of the files below them those of its current version are its rows.
        lakes: Folders that are no source.
        hits: The paths, as the user wrote them, with a file to read.
    """

    files: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    lakes: set[str] = field(default_factory=set)
    hits: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)
    _links: list[Wanted] = field(default_factory=list)

    def leave(self, reason: str, path: str) -> None:
        """Count something that is not read."""
        self.left_out[reason] += 1
        self.examples.setdefault(reason, path)


def look(wanted: Sequence[Wanted], why: Why, *, lake: str | None = None) -> Found:
    """Find the files at absolute paths of this machine; folders are read with all that is in them.

    Args:
        wanted: Where to look.
        why: Says which files are left out.
        lake: A folder that is left out, whatever is in it.
    """
    found = Found()
    if lake is not None:
        found.lakes.add(os.path.realpath(lake))
    for one in wanted:
        _add(found, one, one.path, why)
    for link in found._links:  # last, so that a file is known by its own name where it has one; more come meanwhile
        if os.path.realpath(link.path) in found._seen:
            found.leave("linked_twice", link.path)
        else:
            _add(found, link, link.path, why)
    return found


def expand(given: str, path: str) -> Iterator[Wanted]:
    """Give what an absolute path stands for: itself if it is there, else the files and folders that match it.

    Where a pattern has `**`, that is the folder before it, and the pattern says which files below it are meant.
    """
    if os.path.lexists(path):
        yield Wanted(given, path)
        return
    names = path.split("/")
    taken = 1  # what is there is taken by its name
    while taken < len(names) - 1 and os.path.lexists("/".join(names[: taken + 1])):
        taken += 1
    for rest in patterns.alternatives("/".join(names[taken:])):
        for found, pattern in _matches("/".join(names[:taken]), rest.split("/")):
            yield Wanted(given, found, pattern)


def kind_of(folder: str, names: set[str]) -> Kind | None:
    """Say what a folder is that holds files and folders of these names, if it is not just a folder of files."""
    if "_delta_log" in names:
        return "delta"
    if {"documents", "programs"} <= names and _is_dir(folder, "documents", "_delta_log"):
        return "lake"
    if ".hoodie" in names:
        return "hudi"
    if "metadata" in names and any(
        name.endswith(".metadata.json") or name == "version-hint.text" for name in _names(f"{folder}/metadata")
    ):
        return "iceberg"
    if names & {"manifest.json", "manifest.json.unfinished"} and any(name.startswith("shard.0") for name in names):
        return "export"
    return None


def table_above(path: str) -> tuple[str, Kind] | None:
    """Give the outermost folder above a path that is a lake or a table, and what it is."""
    parts = path.rstrip("/").split("/")
    for length in range(2, len(parts)):
        folder = "/".join(parts[:length])
        kind = kind_of(folder, {*_names(folder)}) if _may_be_table(folder) else None
        if kind in ("lake", "delta", "iceberg", "hudi"):
            return folder, kind
    return None


def _add(found: Found, wanted: Wanted, path: str, why: Why) -> None:
    """Add a file, or a folder with all that is in it."""
    if not os.path.isdir(path):
        return _add_file(found, wanted, path, os.path.realpath(path), why)
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if real in found._seen:
            found.hits.add(wanted.given)  # it was read for another path
            continue
        found._seen.add(real)
        waiting += reversed(_read_folder(found, wanted, folder, real, why))
    return None


def _read_folder(found: Found, wanted: Wanted, folder: str, real: str, why: Why) -> list[str]:
    """Add the files of a folder, and give the folders in it."""
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        found.leave("unreadable", folder)
        return []
    kind = "lake" if real in found.lakes else kind_of(folder, {entry.name for entry in ordered})
    if kind == "export" and folder == wanted.path:  # what is named is read
        ordered = [entry for entry in ordered if entry.name.startswith("shard.")]
    elif kind == "delta":
        found.tables.add(folder)
    elif kind is not None:
        found.leave(LEFT_OUT_AS.get(kind, "table"), folder)
        return []
    below = (_entry(found, wanted, entry, f"{folder.rstrip('/')}/{entry.name}", real, why) for entry in ordered)
    return [path for path in below if path is not None]


def _entry(found: Found, wanted: Wanted, entry: os.DirEntry[str], path: str, real: str, why: Why) -> str | None:
    """Add what a folder holds, or give its path if it is a folder too."""
    if is_hidden(entry.name) and not (wanted.takes(path) and wanted.names(path)):
        if entry.name != "_delta_log":
            found.leave("hidden", path)
    elif entry.is_symlink():
        if os.path.exists(path):
            found._links.append(replace(wanted, path=path))
        else:
            found.leave("broken_link", path)
    elif entry.is_dir():
        return path
    elif wanted.takes(path):
        _add_file(found, wanted, path, f"{real.rstrip('/')}/{entry.name}", why)
    return None


def _add_file(found: Found, wanted: Wanted, path: str, real: str, why: Why) -> None:
    if real in found._seen:
        found.hits.add(wanted.given)
        return None
    reason = why(path, wanted.names(path))
    if reason is None and not os.path.isfile(path):
        reason = "not_a_file"
    if reason is None and not _is_text(path):
        reason = "undecodable_name"
    if reason is not None:
        return found.leave(reason, path)
    found._seen.add(real)
    found.hits.add(wanted.given)
    found.files[path] = os.path.getsize(path)
    return None


def _matches(folder: str, names: list[str]) -> Iterator[tuple[str, str | None]]:
    """Give what lies below a folder under names that are patterns."""
    name, *rest = names
    if name == patterns.ANY_FOLDERS:
        if os.path.isdir(folder or "/"):
            yield folder or "/", "/".join([_escaped(folder), *names])
    elif not patterns.is_wild(name):
        path = f"{folder}/{patterns.literal(name)}"
        if os.path.lexists(path):
            yield from _matches(path, rest) if rest else [(path, None)]
    else:
        expression = patterns.expression(name)
        for entry in sorted(_names(folder or "/")):
            if expression.fullmatch(entry):
                path = f"{folder}/{entry}"
                yield from _matches(path, rest) if rest else [(path, f"{_escaped(folder)}/{name}")]


def _escaped(path: str) -> str:
    return patterns.WILD.sub(lambda match: "\\" + match[0], path)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _may_be_table(folder: str) -> bool:
    return any(_is_dir(folder, name) for name in ("_delta_log", ".hoodie", "metadata", "documents"))


def _is_dir(*parts: str) -> bool:
    return os.path.isdir("/".join(parts))


def _is_text(path: str) -> bool:
    """Say whether a path is UTF-8; Spark knows no other."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
