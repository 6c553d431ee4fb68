"""Which Delta JARs fit, and where they come from; a Maven repository in a folder stands for Maven Central."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from prox_spark.errors import SessionError
from prox_spark.spark import jars
from prox_spark.spark.jars import Delta

OLD = Delta("4.2", "4.3.0")
PINNED = Delta("4.2", "4.4.0")
ONCE = (0,)


@pytest.fixture
def maven(tmp_path: Path) -> Path:
    """Give a Maven repository with files that call themselves Delta 4.3.0 and 4.4.0 for Spark 4.2."""
    root = tmp_path / "maven"
    for delta in (OLD, PINNED):
        for artifact in delta.artifacts:
            folder = root / "io" / "delta" / artifact / delta.version
            folder.mkdir(parents=True)
            publish(folder / f"{artifact}-{delta.version}.jar", f"a JAR: {artifact}".encode())
    return root


@pytest.fixture
def served(maven: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve the repository over HTTP; give its address and the paths that were asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if len(asked) == 1:
                self.send_error(503)
            else:
                super().do_GET()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(maven)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", asked
    server.shutdown()
    server.server_close()


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


def test_jars_are_fetched_once_and_then_come_from_the_cache(tmp_path: Path, maven: Path) -> None:
    cache = tmp_path / "cache"
    assert jars.cached(OLD, cache) == ()
    paths = jars.fetch(OLD, cache, maven.as_uri(), waits=ONCE)
    assert [path.name for path in paths] == list(OLD.files)
    assert paths[0].read_bytes() == b"a JAR: delta-spark_4.2_2.13"
    assert jars.cached(OLD, cache) == paths
    assert {path.name for path in OLD.folder(cache).iterdir()} - {".lock"} == set(OLD.files)
    assert jars.fetch(OLD, cache, "file:///nowhere") == paths


def test_a_repository_that_is_busy_is_asked_again(tmp_path: Path, served: tuple[str, list[str]]) -> None:
    address, asked = served
    paths = jars.fetch(OLD, tmp_path / "cache", address, waits=(0, 0))
    assert all(path.is_file() for path in paths)
    assert asked[0] == asked[1] == "/io/delta/delta-spark_4.2_2.13/4.3.0/delta-spark_4.2_2.13-4.3.0.jar"


def test_jars_come_through_the_proxy_of_the_environment(
    tmp_path: Path, served: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = served
    monkeypatch.setenv("http_proxy", address)
    with pytest.raises(SessionError, match="503"):
        jars.fetch(OLD, tmp_path / "cache", "http://maven.example/maven2", waits=ONCE)
    assert asked == ["http://maven.example/maven2/io/delta/delta-spark_4.2_2.13/4.3.0/delta-spark_4.2_2.13-4.3.0.jar"]


@pytest.mark.parametrize("delta", [OLD, PINNED], ids=["published", "pinned"])
def test_a_jar_that_does_not_match_its_checksum_never_reaches_the_cache(
    tmp_path: Path, maven: Path, delta: Delta
) -> None:
    next(maven.rglob(delta.files[1])).write_bytes(b"something else")
    with pytest.raises(SessionError, match=r"has the checksum \w+, which must be"):
        jars.fetch(delta, tmp_path, maven.as_uri(), waits=ONCE)
    assert jars.cached(delta, tmp_path) == ()
    assert list(delta.folder(tmp_path).glob("*.jar")) == []


def test_a_jar_in_the_cache_that_was_damaged_is_not_used(tmp_path: Path) -> None:
    folder = PINNED.folder(tmp_path)
    folder.mkdir(parents=True)
    for name in PINNED.files:
        (folder / name).write_bytes(b"cut off")
    assert jars.cached(PINNED, tmp_path) == ()


def test_a_version_that_cannot_be_had_gives_one_line_with_the_version_to_install(tmp_path: Path, maven: Path) -> None:
    with pytest.raises(SessionError) as caught:
        jars.fetch(Delta("4.2", "4.4.1"), tmp_path, maven.as_uri(), waits=ONCE)
    message = str(caught.value)
    assert "pip install delta-spark==4.4.0" in message
    assert "PROX_SPARK_JARS" in message
    assert "\n" not in message


def test_without_a_network_the_message_says_what_to_copy_and_where(tmp_path: Path) -> None:
    with pytest.raises(SessionError) as caught:
        jars.fetch(PINNED, tmp_path, "http://127.0.0.1:1", waits=ONCE)
    message = str(caught.value)
    assert "Connection refused" in message
    assert f"copy {PINNED.files[0]} and {PINNED.files[1]} into {PINNED.folder(tmp_path)}" in message


@pytest.mark.parametrize("mirror", ["my-mirror", "ftp://maven.example", "https://me:not-for-logs@maven.example"])
def test_a_mirror_that_is_no_url_or_holds_a_password_is_refused(mirror: str, tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="PROX_SPARK_MAVEN must be") as caught:
        jars.fetch(OLD, tmp_path, mirror)
    assert "not-for-logs" not in str(caught.value)


def test_two_processes_that_fetch_at_once_both_get_whole_jars(tmp_path: Path, maven: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from prox_spark.spark import jars\n"
        "paths = jars.fetch(jars.Delta('4.2', '4.3.0'), Path(sys.argv[1]), sys.argv[2])\n"
        "print(*(path.read_text() for path in paths), sep='|')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "cache"), maven.as_uri()]
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
