"""What makes two texts alike, without Spark: the shingles of a text, its signature, the similarity of two texts."""

from prox_spark.duplicates.shingles import Shingles, shingles
from prox_spark.duplicates.signatures import (
    Signatures,
    SignatureSettings,
    chance_of_meeting,
    estimated,
    signature_fingerprint,
    signatures,
    similarities,
)

__all__ = [
    "Shingles",
    "SignatureSettings",
    "Signatures",
    "chance_of_meeting",
    "estimated",
    "shingles",
    "signature_fingerprint",
    "signatures",
    "similarities",
]
