"""What makes two texts alike, without Spark: `shingles` of a text, its `signatures`, the similarity of two texts."""

from prox_spark.duplicates.settings import (
    DOCUMENT,
    FAMILY,
    SIMILARITY,
    TWIN,
    SignatureSettings,
    chance_of_meeting,
    signature_fingerprint,
)

__all__ = [
    "DOCUMENT",
    "FAMILY",
    "SIMILARITY",
    "TWIN",
    "SignatureSettings",
    "chance_of_meeting",
    "signature_fingerprint",
]
