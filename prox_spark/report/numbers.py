"""Numbers as people write them, for pages and screens."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Write seconds as people do.

    >>> duration(0.4), duration(42), duration(3723)
    ('0.4 s', '42 s', '1:02:03')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
