"""The two JARs that Delta needs beside Spark: which versions fit, and where they come from.

Looked for in this order: the JARs that the user names, the local cache, Maven Central or a mirror of it. A cache folder
copied to a machine without a network works there.
"""

from __future__ import annotations

import hashlib
import logging
import os
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from importlib import metadata
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import truststore
from filelock import FileLock

from prox_spark.errors import SessionError

logger = logging.getLogger(__name__)

TESTED = {"4.0": "4.4.0", "4.1": "4.4.0", "4.2": "4.4.0"}
"""Spark's minor version and the newest Delta version whose JARs were published and tested with it."""

SHA256 = {
    "delta-spark_4.0_2.13-4.4.0.jar": "49e899667168b9412f83cbe894ce264107d7b896d6c5e12edca4e216845c1104",
    "delta-spark_4.1_2.13-4.4.0.jar": "75a9400986853c061f5109f012547de2545a5759e5e752e5ef633dabe16a4f10",
    "delta-spark_4.2_2.13-4.4.0.jar": "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    "delta-storage-4.4.0.jar": "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
}
"""What the tested JARs must be; others must have the SHA-1 that the repository publishes beside them."""

CENTRAL = "https://repo1.maven.org/maven2"

WAITS = (0, 1, 4)
"""Seconds before each attempt of `fetch`."""

PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Delta:
    """Name the JARs of one Delta version for one minor version of Spark.

    >>> Delta(spark="4.2", version="4.4.0").files
    ('delta-spark_4.2_2.13-4.4.0.jar', 'delta-storage-4.4.0.jar')
    """

    spark: str
    version: str

    @property
    def artifacts(self) -> tuple[str, str]:
        """Give the Maven artifacts; everything else that they ask for is inside pyspark."""
        # Up to 4.0 there was one artifact for one Spark; since then its name says for which Spark it is compiled.
        one_spark_only = tuple(int(part) for part in self.version.split(".")[:2]) <= (4, 0)
        return ("delta-spark_2.13" if one_spark_only else f"delta-spark_{self.spark}_2.13", "delta-storage")

    @property
    def files(self) -> tuple[str, ...]:
        """Give the names of the JAR files."""
        return tuple(f"{artifact}-{self.version}.jar" for artifact in self.artifacts)

    def folder(self, cache: Path) -> Path:
        """Give the place of the JARs in the cache."""
        return cache / "jars" / f"{self.version}-{self.spark}"


def fitting(spark_version: str, wheel: str | None) -> Delta:
    """Choose the Delta version for this Spark: that of the installed delta-spark, else the tested one.

    >>> fitting("4.2.0", None)
    Delta(spark='4.2', version='4.4.0')

    Raises:
        SessionError: No Delta version is known for this Spark.
    """
    minor = ".".join(spark_version.split(".")[:2])
    if minor not in TESTED:
        known = ", ".join(TESTED)
        raise SessionError(
            f'pyspark {spark_version} is not one that prox_spark knows ({known}): pip install "pyspark>=4.0,<4.3"'
        )
    return Delta(minor, wheel or TESTED[minor])


def wheel_version() -> str | None:
    """Give the version of the installed delta-spark; None when there is none."""
    try:
        return metadata.version("delta-spark")
    except metadata.PackageNotFoundError:
        return None


def named(value: str) -> tuple[Path, ...]:
    """Read PROX_SPARK_JARS: JAR files or folders of them, with commas or the system's path separator between them.

    Raises:
        SessionError: One of them is not there, or is a folder without a JAR.
    """
    found: list[Path] = []
    for entry in filter(None, (part.strip() for part in value.replace(os.pathsep, ",").split(","))):
        path = Path(entry).expanduser()
        jars = sorted(path.glob("*.jar")) if path.is_dir() else [path]
        if not jars or not all(jar.is_file() for jar in jars):
            raise SessionError(f"no JAR at {entry}, which PROX_SPARK_JARS names")
        found.extend(jars)
    return tuple(found)


def cached(delta: Delta, cache: Path) -> tuple[Path, ...]:
    """Give the JARs that are in the cache and are what they must be; nothing when one is not."""
    paths = tuple(delta.folder(cache) / name for name in delta.files)
    return paths if all(map(_intact, paths)) else ()


def fetch(delta: Delta, cache: Path, repository: str = CENTRAL, *, waits: Sequence[float] = WAITS) -> tuple[Path, ...]:
    """Bring the JARs into the cache, once also when several processes ask for them.

    Goes through the proxy of HTTPS_PROXY, and trusts the certificates of the operating system and of SSL_CERT_FILE.

    Args:
        delta: What to fetch.
        cache: The folder that keeps them.
        repository: Root of a Maven repository.
        waits: Seconds to wait before each attempt.

    Raises:
        SessionError: They cannot be had; says what to install or to copy instead.
    """
    place = urlsplit(repository)
    if place.scheme not in ("http", "https", "file") or place.password:
        raise SessionError(
            "PROX_SPARK_MAVEN must be the http, https or file URL of a Maven repository, no password in it"
        )
    folder = delta.folder(cache)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if paths := cached(delta, cache):
            return paths
        logger.info("fetching the JARs of Delta %s for Spark %s", delta.version, delta.spark)
        for name, content in _downloaded(delta, folder, repository, waits).items():
            draft = folder / f".{name}.part"
            draft.write_bytes(content)
            draft.replace(folder / name)
    return tuple(folder / name for name in delta.files)


def _downloaded(delta: Delta, folder: Path, repository: str, waits: Sequence[float]) -> dict[str, bytes]:
    problem: Exception | None = None
    for seconds in waits:
        time.sleep(seconds)
        try:
            return {
                name: _jar(f"{repository.rstrip('/')}/io/delta/{artifact}/{delta.version}/{name}")
                for artifact, name in zip(delta.artifacts, delta.files, strict=True)
            }
        except (OSError, HTTPException, ValueError) as error:
            logger.info("%s: %s", delta, error)
            problem = error
    raise SessionError(_unavailable(delta, folder, problem)) from problem


def _jar(url: str) -> bytes:
    """Download one JAR.

    Raises:
        OSError, HTTPException: It cannot be reached.
        ValueError: It is not what it must be.
    """
    content, name = _read(url), url.rpartition("/")[2]
    if name in SHA256:
        expected, actual = SHA256[name], hashlib.sha256(content).hexdigest()
    else:
        published = _read(f"{url}.sha1").decode("ascii", "replace")
        expected, actual = published[:40].lower(), hashlib.sha1(content).hexdigest()
    if actual != expected:
        raise ValueError(f"{name} has the checksum {actual}, which must be {expected}")
    return content


def _read(url: str) -> bytes:
    trusted = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        with urlopen(url, timeout=PATIENCE_SECONDS, context=trusted) as reply:
            content: bytes = reply.read()
            return content
    except HTTPError as error:
        error.close()  # it holds the connection
        raise


def _unavailable(delta: Delta, folder: Path, problem: Exception | None) -> str:
    tested = TESTED.get(delta.spark)
    what = (
        f"the JARs of Delta {delta.version} for Spark {delta.spark} are not published or cannot be reached ({problem})"
    )
    offline = f"without a network, copy {' and '.join(delta.files)} into {folder}, or name them in PROX_SPARK_JARS"
    if tested and tested != delta.version:
        return f"{what}: pip install delta-spark=={tested}; {offline}"
    return f"{what}: {offline}"


def _intact(path: Path) -> bool:
    if not path.is_file():
        return False
    expected = SHA256.get(path.name)
    return expected is None or hashlib.sha256(path.read_bytes()).hexdigest() == expected
