"""Names for versions: `tag v1.0` adds a row to `runs`, and of the rows about one name the newest counts."""

from __future__ import annotations

import json
import re

from prox_spark.errors import UserError
from prox_spark.lake import ledger, views
from prox_spark.lake.ledger import Run
from prox_spark.lake.reading import ReadableLake
from prox_spark.lake.tables import Lake
from prox_spark.program.ranges import runs

NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
NEWEST = ("latest", "newest")


def tags(lake: ReadableLake) -> dict[str, int]:
    """Give the tags and the versions that they name, by version and name."""
    rows = lake.select(f"SELECT * FROM ({views.tags(lake.name)}) WHERE version IS NOT NULL")
    tagged = [(int(row["version"]), row["tag"]) for row in rows]
    return {name: version for version, name in sorted(tagged)}


def tag(lake: Lake, name: str, version: str | int | None = None, *, move: bool = False) -> int:
    """Name a version, and give its number.

    Args:
        lake: The lake.
        name: Letters, digits, `.`, `_` and `-`, a letter first.
        version: A number or another tag; None takes the newest.
        move: Let a name that is taken name this version from now on.

    Raises:
        UserError: The name cannot be a tag or is taken, or there is no such version.
    """
    if not NAME.fullmatch(name) or name in NEWEST:
        raise UserError(f"a tag is a letter and then letters, digits, '.', '_' or '-', 64 at most; got {name!r}")
    number = resolve(lake, version)
    taken = tags(lake).get(name)
    if taken == number:
        return number
    if taken is not None and not move:
        raise UserError(f"tag {name} names version {taken}; --move lets it name version {number}")
    _say(lake, name, number)
    return number


def untag(lake: Lake, name: str) -> int:
    """Remove a tag, and give the version that it named.

    Raises:
        UserError: There is no such tag.
    """
    known = tags(lake)
    if name not in known:
        raise UserError(f"there is no tag {name}; tags are: {', '.join(known) or 'none yet'}")
    _say(lake, name, None)
    return known[name]


def resolve(lake: Lake, version: str | int | None) -> int:
    """Give the number of a version that a user names by number, tag or `latest`.

    Raises:
        UserError: There is no such version; says which there are.
    """
    numbers = [version.version for version in lake.versions("corpus")]
    if not numbers:
        raise UserError(f"the lake {lake.location} has no version yet; run prox-spark ingest first")
    wanted = "latest" if version is None else str(version)
    if wanted in NEWEST:
        return numbers[-1]
    known = tags(lake)
    number = known.get(wanted, int(wanted) if re.fullmatch(r"[0-9]{1,18}", wanted) else None)
    if number not in numbers:
        said = f", tags {', '.join(known)}" if known else ""
        raise UserError(f"there is no version {wanted}; versions are {_ranges(numbers)}{said}")
    return number


def _say(lake: Lake, name: str, version: int | None) -> None:
    run = Run.start("tag", conf=json.dumps({"tag": name, "version": version}))
    ledger.record(lake, run)


def _ranges(numbers: list[int]) -> str:
    """Write ascending numbers shortly.

    >>> _ranges([0, 1, 2, 5])
    '0-2, 5'
    """
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs(numbers))
