"""Find one document by its id, or by the beginning of it."""

from __future__ import annotations

import re
from typing import Any

from prox_spark.errors import UserError
from prox_spark.lake.reading import Asked, ReadableLake

FULL_ID = re.compile(r"[0-9a-f]{64}")


def find(lake: ReadableLake, doc_id: str) -> dict[str, Any]:
    """Give the row of `documents` for an id.

    Args:
        lake: The lake.
        doc_id: The id, or the first characters of it as long as only one document has them.

    Raises:
        UserError: No document, or more than one, has that id.
    """
    if not re.fullmatch(r"[0-9a-f]{4,64}", doc_id):
        raise UserError(f"a document id is 64 hex digits, or at least the first 4 of them; got {doc_id!r}")
    column = "doc_id" if FULL_ID.fullmatch(doc_id) else f"substring(doc_id, 1, {len(doc_id)})"
    rows = lake.rows("documents", asked=Asked(f"{column} = '{doc_id}'", limit=2))  # hex digits only
    if not rows:
        raise UserError(f"there is no document {doc_id} in {lake.location}; ids are in the column doc_id")
    if len(rows) > 1:
        raise UserError(f"more than one document id begins with {doc_id}; give more of it")
    return rows[0]
