"""Which Delta JARs fit, and where they come from; a Maven repository in a folder stands for Maven Central."""

from __future__ import annotations

import hashlib
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from prox_spark.errors import SessionError
from prox_spark.spark import jars, java
from prox_spark.spark.jars import Delta

IVY = next(Path(pyspark.__file__).parent.glob("jars/ivy-*.jar"))
OLD = Delta("4.2", "4.3.0")
PINNED = Delta("4.2", "4.4.0")
ONCE = ((0, False),)


@pytest.fixture(scope="module")
def found() -> java.Java:
    return java.find(os.environ)


@pytest.fixture
def maven(tmp_path: Path) -> Path:
    """Give a Maven repository with files that call themselves Delta 4.3.0 and 4.4.0 for Spark 4.2."""
    root = tmp_path / "maven"
    for delta in (OLD, PINNED):
        for artifact in delta.artifacts:
            folder = root / "io" / "delta" / artifact / delta.version
            folder.mkdir(parents=True)
            publish(folder / f"{artifact}-{delta.version}.jar", f"a JAR: {artifact}".encode())
            publish(
                folder / f"{artifact}-{delta.version}.pom",
                b"<project><modelVersion>4.0.0</modelVersion><groupId>io.delta</groupId>"
                b"<artifactId>%b</artifactId><version>%b</version>"
                b"<dependencies><dependency><groupId>no</groupId><artifactId>such</artifactId><version>1</version>"
                b"</dependency></dependencies></project>" % (artifact.encode(), delta.version.encode()),
            )
    return root


def publish(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.with_name(f"{path.name}.sha1").write_text(hashlib.sha1(content).hexdigest())


def test_the_installed_wheel_names_the_version_and_spark_names_the_artifact() -> None:
    assert jars.fitting("4.1.2", "4.3.0").files == ("delta-spark_4.1_2.13-4.3.0.jar", "delta-storage-4.3.0.jar")
    assert jars.fitting("4.0.2", "4.0.1").files == ("delta-spark_2.13-4.0.1.jar", "delta-storage-4.0.1.jar")


def test_without_a_wheel_the_tested_version_is_taken() -> None:
    assert jars.fitting("4.2.1", None) == Delta("4.2", jars.TESTED["4.2"])


@pytest.mark.parametrize("version", ["3.5.6", "4.3.0", "5.0.0.dev1"])
def test_a_spark_that_is_not_known_is_refused_with_the_range_to_install(version: str) -> None:
    with pytest.raises(SessionError, match=r"pip install .pyspark>=4.0,<4.3"):
        jars.fitting(version, None)


def test_every_tested_jar_has_its_checksum_pinned() -> None:
    for spark, version in jars.TESTED.items():
        assert set(Delta(spark, version).files) <= set(jars.SHA256)


def test_jars_are_fetched_without_what_they_depend_on_and_then_come_from_the_cache(
    tmp_path: Path, maven: Path, found: java.Java
) -> None:
    cache = tmp_path / "cache"
    assert jars.cached(OLD, cache) == ()
    paths = jars.fetch(OLD, cache, found, IVY, maven.as_uri(), attempts=ONCE)
    assert [path.name for path in paths] == list(OLD.files)
    assert paths[0].read_bytes() == b"a JAR: delta-spark_4.2_2.13"
    assert jars.cached(OLD, cache) == paths
    assert sorted(path.name for path in OLD.folder(cache).iterdir()) == sorted([".lock", *OLD.files])
    assert jars.fetch(OLD, cache, found, Path("/no/ivy"), "file:///nowhere") == paths


def test_a_jar_that_does_not_match_its_published_checksum_never_reaches_the_cache(
    tmp_path: Path, maven: Path, found: java.Java
) -> None:
    next(maven.rglob(OLD.files[0])).write_bytes(b"something else")
    with pytest.raises(SessionError, match="not published or cannot be reached"):
        jars.fetch(OLD, tmp_path, found, IVY, maven.as_uri(), attempts=ONCE)
    assert jars.cached(OLD, tmp_path) == ()


def test_a_jar_that_does_not_match_the_pinned_checksum_is_not_used(
    tmp_path: Path, maven: Path, found: java.Java
) -> None:
    with pytest.raises(SessionError, match="not published or cannot be reached"):
        jars.fetch(PINNED, tmp_path, found, IVY, maven.as_uri(), attempts=ONCE)
    assert jars.cached(PINNED, tmp_path) == ()


def test_a_version_that_cannot_be_had_gives_one_line_with_the_version_to_install(
    tmp_path: Path, maven: Path, found: java.Java
) -> None:
    with pytest.raises(SessionError) as caught:
        jars.fetch(Delta("4.2", "4.4.1"), tmp_path, found, IVY, maven.as_uri(), attempts=ONCE)
    message = str(caught.value)
    assert "pip install delta-spark==4.4.0" in message
    assert "PROX_SPARK_JARS" in message
    assert "\n" not in message


def test_a_mirror_that_is_no_url_is_refused(tmp_path: Path, found: java.Java) -> None:
    with pytest.raises(SessionError, match="PROX_SPARK_MAVEN must be"):
        jars.fetch(OLD, tmp_path, found, IVY, "my-mirror")


def test_two_processes_that_fetch_at_once_both_get_whole_jars(tmp_path: Path, maven: Path, found: java.Java) -> None:
    code = (
        "import os, sys; from pathlib import Path; from prox_spark.spark import jars, java\n"
        "paths = jars.fetch(jars.Delta('4.2', '4.3.0'), Path(sys.argv[1]), java.find(os.environ), "
        "Path(sys.argv[2]), sys.argv[3])\n"
        "print(*(path.read_text() for path in paths), sep='|')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "cache"), str(IVY), maven.as_uri()]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    expected = "a JAR: delta-spark_4.2_2.13|a JAR: delta-storage\n"
    assert [process.communicate(timeout=120)[0] for process in both] == [expected, expected]


def test_named_jars_may_be_files_or_folders(tmp_path: Path) -> None:
    for name in ("a.jar", "b.jar", "notes.txt"):
        (tmp_path / name).touch()
    one, both = (tmp_path / "a.jar",), (tmp_path / "a.jar", tmp_path / "b.jar")
    assert jars.named(str(tmp_path / "a.jar")) == one
    assert jars.named(str(tmp_path)) == both
    assert jars.named(f"{tmp_path}/a.jar,{tmp_path}/b.jar") == both
    assert jars.named(f"{tmp_path}/a.jar{os.pathsep}{tmp_path}/b.jar") == both


@pytest.mark.parametrize("value", ["missing.jar", "."])
def test_a_named_jar_that_is_not_there_is_refused(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SessionError, match="no JAR at"):
        jars.named(value)


def test_java_reads_the_certificates_that_python_trusts(tmp_path: Path, found: java.Java) -> None:
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not certificates:
        pytest.skip("this Python trusts no certificate that it can list")
    keytool = found.home / "bin" / "keytool"
    if not keytool.exists():
        pytest.skip("this Java has no keytool")
    store = tmp_path / "trusted.jks"
    store.write_bytes(jars.key_store(certificates))
    command = [str(keytool), "-list", "-keystore", str(store), "-storepass", "changeit", "-storetype", "JKS"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert listed.count("trustedCertEntry") == len(certificates)
