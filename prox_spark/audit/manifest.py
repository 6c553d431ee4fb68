"""The folder of an export: whose it is, what its manifest says, and when it is whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from prox_spark.errors import RunError, UserError
from prox_spark.formats import Layout, Place, index
from prox_spark.formats.mds import INDEX
from prox_spark.formats.place import UNFINISHED

MANIFEST, STARTED = "manifest.json", "manifest.json.unfinished"
SHARD = re.compile(r"shard\.\d{5,}\.\d{5,}\.(parquet|jsonl\.zst|mds)")


def claim(place: Place, about: Mapping[str, Any], *, overwrite: bool) -> dict[str, Any] | None:
    """Make the folder ours, or give the manifest of this same export, if the folder holds it.

    Args:
        place: The folder.
        about: What decides the files.
        overwrite: Remove another export from the folder.

    Raises:
        UserError: The folder holds something else.
    """
    sizes = place.sizes()
    strange = sorted(name for name in sizes if not _is_ours(name))
    if strange or (sizes and not {MANIFEST, STARTED} & sizes.keys()):
        named = strange[0] if strange else sorted(sizes)[0]
        raise UserError(f"{place.uri} holds something that is no export ({named}): choose an empty folder with --to")
    manifest = _read(place, MANIFEST, sizes)
    if manifest is not None and manifest.get("export") == about:
        missing = _missing(manifest, sizes)
        if not missing:
            return manifest
        if not overwrite:
            raise UserError(f"{missing[0]} in {place.uri} is not what its manifest says; --overwrite writes it again")
    started = _read(place, STARTED, sizes)
    is_other = manifest is not None or (started is not None and started != about)
    if is_other and not overwrite:
        raise UserError(f"{place.uri} holds another export; choose another folder with --to, or add --overwrite")
    if sizes and is_other:
        for name in sorted(sizes, key=lambda name: (name != MANIFEST, name)):  # without it the folder is not whole
            place.delete(name)
    place.create()
    place.write(STARTED, json.dumps(about).encode())
    return None


def _is_ours(name: str) -> bool:
    hidden = UNFINISHED.fullmatch(name)
    bare = hidden[1] if hidden else name
    return bare in (MANIFEST, STARTED, INDEX) or SHARD.fullmatch(bare) is not None


def _read(place: Place, name: str, sizes: Mapping[str, int]) -> dict[str, Any] | None:
    """Read a file of JSON; None where there is none, empty where it is no manifest."""
    if name not in sizes:
        return None
    try:
        values = json.loads(place.read(name))
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _missing(manifest: Mapping[str, Any], sizes: Mapping[str, int]) -> list[str]:
    return [file["path"] for file in manifest["files"] if sizes.get(file["path"]) != file["bytes"]]


def complete(layout: Layout, manifest: dict[str, Any], documents: int) -> None:
    """Check that all files are there, write the index, and the manifest last.

    Raises:
        RunError: Other documents were written than there are.
        UserError: This machine does not see the files that the workers wrote.
    """
    place = layout.place
    if (written := manifest["counts"]["documents"]) != documents:
        raise RunError(f"{written} documents were written of {documents}: run the command again")
    sizes = place.sizes()
    missing = _missing(manifest, sizes)
    if missing:
        raise UserError(
            f"{len(missing)} of {len(manifest['files'])} files are not in {place.uri} as this machine sees it: "
            "--to must be a folder that all workers share, or a URI"
        )
    if described := layout.described:
        place.write(INDEX, index(manifest["files"], described))
    keep = {file["path"] for file in manifest["files"]} | {STARTED, INDEX if layout.described else STARTED}
    for name in sizes.keys() - keep:  # of tasks that were killed half way
        place.delete(name)
    digest = hashlib.sha256("".join(file["sha256"] for file in manifest["files"]).encode()).hexdigest()
    place.write(MANIFEST, json.dumps({**manifest, "sha256": digest}, indent=1, ensure_ascii=False).encode())
    place.delete(STARTED)
