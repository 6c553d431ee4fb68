"""The two JARs that Delta needs beside Spark: which versions fit, and where they come from.

Looked for in this order: the JARs that the user names, the local cache, Maven Central through the Ivy that ships inside
pyspark. A cache folder copied to a machine without a network works there.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import ssl
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from prox_spark.errors import SessionError
from prox_spark.spark.java import Java

logger = logging.getLogger(__name__)

TESTED = {"4.0": "4.4.0", "4.1": "4.4.0", "4.2": "4.4.0"}
"""Spark's minor version and the newest Delta version whose JARs were published and tested with it."""

SHA256 = {
    "delta-spark_4.0_2.13-4.4.0.jar": "49e899667168b9412f83cbe894ce264107d7b896d6c5e12edca4e216845c1104",
    "delta-spark_4.1_2.13-4.4.0.jar": "75a9400986853c061f5109f012547de2545a5759e5e752e5ef633dabe16a4f10",
    "delta-spark_4.2_2.13-4.4.0.jar": "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    "delta-storage-4.4.0.jar": "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
}
"""What the tested JARs must be; of other versions, Ivy checks the checksum that is published beside them."""

ATTEMPTS = ((0, False), (0, True), (4, False))
"""The attempts of `fetch`, the second with Python's certificates.

Behind a company's proxy Python often knows the proxy's certificate (SSL_CERT_FILE) and a Java from PyPI does not.
"""

FETCH_SECONDS = 300


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


def fetch(
    delta: Delta,
    cache: Path,
    java: Java,
    ivy: Path,
    mirror: str | None = None,
    *,
    attempts: Sequence[tuple[float, bool]] = ATTEMPTS,
) -> tuple[Path, ...]:
    """Bring the JARs into the cache, once also when several processes ask for them.

    Args:
        delta: What to fetch.
        cache: The folder that keeps them.
        java: Runs Ivy.
        ivy: The JAR of Ivy.
        mirror: Root of a Maven repository to ask instead of Maven Central.
        attempts: Seconds to wait before each attempt, and whether to trust the certificates that Python trusts.

    Raises:
        SessionError: They cannot be had; says what to install or to copy instead.
    """
    folder = delta.folder(cache)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / ".lock"):
        if paths := cached(delta, cache):
            return paths
        logger.info("fetching the JARs of Delta %s for Spark %s", delta.version, delta.spark)
        for seconds, as_python in attempts:
            time.sleep(seconds)
            if paths := _retrieve(delta, folder, ivy, _client(java, folder, as_python=as_python), mirror):
                return paths
    raise SessionError(_unavailable(delta, folder))


def _unavailable(delta: Delta, folder: Path) -> str:
    tested = TESTED.get(delta.spark)
    what = f"the JARs of Delta {delta.version} for Spark {delta.spark} are not published or cannot be reached"
    offline = f"without a network, copy {' and '.join(delta.files)} into {folder}, or name them in PROX_SPARK_JARS"
    if tested and tested != delta.version:
        return f"{what}: pip install delta-spark=={tested}; {offline}"
    return f"{what}: {offline}"


def _client(java: Java, folder: Path, *, as_python: bool) -> list[str]:
    options = ["-Dsun.net.client.defaultConnectTimeout=20000", "-Dsun.net.client.defaultReadTimeout=60000"]
    if as_python:
        store = folder / ".trusted.jks"
        store.write_bytes(key_store(ssl.create_default_context().get_ca_certs(binary_form=True)))
        options += [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStoreType=JKS"]
    return [str(java.command), *options]


def key_store(certificates: Sequence[bytes]) -> bytes:
    """Write certificates as Java reads them: a JKS key store, version 2, with the customary password."""
    body = struct.pack(">III", 0xFEEDFEED, 2, len(certificates))
    for index, certificate in enumerate(certificates):
        alias = str(index).encode()
        body += struct.pack(">IH", 2, len(alias)) + alias + struct.pack(">QH", 0, 5) + b"X.509"
        body += struct.pack(">I", len(certificate)) + certificate
    return body + hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()


def _retrieve(delta: Delta, folder: Path, ivy: Path, client: list[str], mirror: str | None) -> tuple[Path, ...]:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as draft_name:
        draft = Path(draft_name)
        (draft / "ivy.xml").write_text(_ivy_module(delta), encoding="utf-8")
        options = ["-m2compatible"]
        if mirror:
            (draft / "settings.xml").write_text(_ivy_settings(mirror), encoding="utf-8")
            options = ["-settings", str(draft / "settings.xml")]
        command = [
            *(*client, "-jar", str(ivy), "-warn", *options, "-cache", str(draft / "ivy")),
            *("-ivy", str(draft / "ivy.xml"), "-confs", "default"),
            *("-retrieve", str(draft / "[artifact]-[revision].[ext]")),
        ]
        problem = _problem(command)
        drafts = [draft / name for name in delta.files]
        if problem is not None or not all(map(_intact, drafts)):
            logger.info("Ivy: %s", problem or "the files are not what they must be")
            return ()
        for path in drafts:
            path.replace(folder / path.name)
    return tuple(folder / name for name in delta.files)


def _problem(command: list[str]) -> str | None:
    """Run Ivy; give what it says when it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stdout + done.stderr).strip()[-2000:] if done.returncode else None


def _ivy_module(delta: Delta) -> str:
    dependencies = "".join(
        f'<dependency org="io.delta" name="{artifact}" rev={quoteattr(delta.version)} conf="default->master" '
        'transitive="false"/>'
        for artifact in delta.artifacts
    )
    return (
        '<ivy-module version="2.0"><info organisation="prox_spark" module="jars"/><configurations>'
        f'<conf name="default"/></configurations><dependencies>{dependencies}</dependencies></ivy-module>'
    )


def _ivy_settings(mirror: str) -> str:
    if urlsplit(mirror).scheme not in ("http", "https", "file"):
        raise SessionError(f"PROX_SPARK_MAVEN must be the http, https or file URL of a Maven repository, got {mirror}")
    return (
        '<ivysettings><settings defaultResolver="mirror"/><resolvers>'
        f'<ibiblio name="mirror" m2compatible="true" root={quoteattr(mirror)}/></resolvers></ivysettings>'
    )


def _intact(path: Path) -> bool:
    if not path.is_file():
        return False
    expected = SHA256.get(path.name)
    return expected is None or hashlib.sha256(path.read_bytes()).hexdigest() == expected


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process in at a time; the kernel opens the lock of a process that died."""
    try:
        import fcntl
    except ImportError:  # Windows: two processes may fetch twice, and each puts whole files in place
        yield
        return
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
