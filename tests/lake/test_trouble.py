"""What the operating system or a store says of a lake that cannot be used becomes one line of advice."""

from __future__ import annotations

import pytest

from prox_spark.lake.trouble import advice_for


class Java:
    """Stand for a Java exception with its chain of causes, as py4j gives it."""

    def __init__(self, *said: str) -> None:
        self.said = said

    def __str__(self) -> str:
        return self.said[0]

    def getCause(self) -> Java | None:  # noqa: N802 - Java's name
        return Java(*self.said[1:]) if len(self.said) > 1 else None


def failed(*said: str) -> Exception:
    error = RuntimeError("An error occurred while calling o123.save.")
    error.java_exception = Java(*said)  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (("Job aborted", "java.io.IOException: No space left on device"), "a disk is full"),
        (("java.io.FileNotFoundException: /lake/part-0 (Read-only file system)",), "read-only"),
        (("Job aborted", "x", "java.nio.file.AccessDeniedException: s3a://bucket/lake"), "may not write"),
        (("java.io.IOException: Mkdirs failed to create file:/lake/corpus",), "may not write"),
    ],
)
def test_what_the_disk_says_becomes_advice(said: tuple[str, ...], advice: str) -> None:
    assert advice in str(advice_for(failed(*said)))


def test_other_errors_are_left_as_they_are() -> None:
    assert advice_for(failed("java.lang.ArithmeticException: divide by zero")) is None
