"""Processes are killed at random moments, disks fill up, commands meet: afterwards the lake is as it would have been.

Among all tests a driver or its JVM is killed once; a worker is in tests/cluster. `make test-chaos` kills 20 times, with
KILLS=100 a hundred times, and has the other faults too. The seed is printed; PROX_SPARK_CHAOS_SEED repeats one.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chaos import line
from support.slow import KILLS, THOROUGH, slow

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

psutil = pytest.importorskip("psutil")

SEED = int(os.environ.get("PROX_SPARK_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
PAGES = 60 if THOROUGH else 24  # three waves in each pass; or two, and one
VICTIMS = ("driver", "jvm", "worker")
LINE = Path(__file__).with_name("line.py")
ROOT = LINE.parent.parent.parent

pytestmark = [pytest.mark.spark, pytest.mark.skipif(not KILLS, reason="PROX_SPARK_CHAOS is 0")]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Write pages, a bad record among them, and the answers of a model."""
    folder = tmp_path_factory.mktemp("corpus")
    chance = random.Random(3)
    pages, answers = [], []
    for number in range(PAGES):
        lines = [f"page-{number:03d}.", *(f"Line {chance.randrange(9)} of it." for _ in range(chance.randrange(8)))]
        pages.append(json.dumps({"url": f"https://a.example/{number}", "text": "\n".join(lines)}))
        edit = f"remove_lines(start={chance.randrange(9)}, end=9)"
        answers.append({"prompt_contains": f"[000]page-{number:03d}.", "completion": edit})
        verdict = "drop_doc()" if number % 4 == 0 else "keep_doc()"
        answers.append({"prompt_contains": f"page-{number:03d}.", "completion": verdict})
    (folder / "pages.jsonl").write_text("\n".join([*pages, "not json", ""]), encoding="utf-8")
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)), encoding="utf-8")
    return str(folder / "pages.jsonl"), str(folder / "answers.jsonl")


class Command:
    """Run the line in a process of its own, to be waited for or killed."""

    def __init__(self, lake: Path, corpus: tuple[str, str], what: str = "all") -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(LINE), str(lake), *corpus, what],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().strip() == "ready"
        self.started = time.monotonic()
        self.children: list[Any] = []

    def wait(self) -> tuple[int, str]:
        _, err = self.process.communicate(timeout=1200)
        return self.process.returncode, err

    def kill(self, victim: str) -> str | None:
        """Kill one process without warning; give what it was, None when there was none of the kind any more."""
        if self.process.poll() is not None:
            return None
        try:
            self.children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return None
        if victim == "driver":
            os.kill(self.process.pid, signal.SIGKILL)
            return victim
        for child in self.children:
            try:
                is_jvm = child.name() == "java"
                is_worker = "pyspark" in " ".join(child.cmdline()) and not is_jvm
                if (victim == "jvm" and is_jvm) or (victim == "worker" and is_worker):
                    child.send_signal(signal.SIGKILL)
                    return victim
            except psutil.Error:
                continue
        return None

    def end(self) -> None:
        """Wait until nothing of it is left: a JVM without its driver may still be committing."""
        self.process.communicate(timeout=1200)
        _, alive = psutil.wait_procs(self.children, timeout=60)
        for process in alive:
            process.kill()


@pytest.fixture(scope="module")
def completed(spark: SparkSession, corpus: tuple[str, str]) -> Callable[..., dict[str, Any]]:
    """Give what takes a lake through the line in this process, where nothing is killed, and says what it then holds."""

    def take(lake: Path, what: str = "all") -> dict[str, Any]:
        return line.digest(line.take(spark, str(lake), *corpus, what))

    return take


@pytest.fixture(scope="module")
def undisturbed(
    spark: SparkSession, corpus: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], float]:
    """Give what a lake holds when nothing goes wrong, and how long the line takes."""
    began = time.monotonic()
    lake = line.take(spark, str(tmp_path_factory.mktemp("undisturbed") / "lake"), *corpus)
    seconds = time.monotonic() - began
    return line.digest(lake), seconds


@slow
def test_a_pass_that_drops_copies_decides_the_same_whatever_is_killed(
    corpus: tuple[str, str], completed: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    expected, chance = completed(tmp_path / "undisturbed", "copies"), random.Random(SEED)
    assert expected["verified"] == [] and expected["signatures"]["rows"] == PAGES
    for victim in VICTIMS * 2:
        command = Command(tmp_path / "lake", corpus, "copies")
        time.sleep(chance.uniform(0, 25))
        command.kill(victim)
        command.end()
    assert completed(tmp_path / "lake", "copies") == expected, f"seed {SEED}"


def test_whatever_is_killed_the_next_run_completes_the_lake_exactly_once(
    corpus: tuple[str, str],
    completed: Callable[..., dict[str, Any]],
    undisturbed: tuple[dict[str, Any], float],
    tmp_path: Path,
) -> None:
    expected, duration = undisturbed
    assert expected["verified"] == []
    assert expected["programs"]["rows"] == expected["programs"]["distinct"]
    chance = random.Random(SEED)
    print(f"\nseed {SEED}, undisturbed {duration:.0f} s")
    # Each in turn, in a random order; the worker last, because Spark goes on without it and completes the lake.
    killed, lakes, victims = 0, 0, [*chance.sample(VICTIMS[:2], 2), *VICTIMS[2:]]
    while killed < KILLS:
        lake = tmp_path / f"lake-{lakes}"
        lakes += 1
        for _ in range(chance.randrange(1, 5) if THOROUGH else KILLS):
            if killed == KILLS:
                break
            command = Command(lake, corpus)
            time.sleep(chance.uniform(0, 0.6 * duration))  # a brief session takes less time than this one did at first
            victim = command.kill(victims[killed % len(victims)])
            at = time.monotonic() - command.started
            command.end()
            killed += victim is not None
            print(f"kill {killed:3}: {victim} after {at:.1f} s, exit {command.process.returncode}", flush=True)
        assert completed(lake) == expected, f"seed {SEED}"
        shutil.rmtree(lake)


@slow
def test_two_commands_at_once_both_succeed_or_one_says_why(
    corpus: tuple[str, str],
    completed: Callable[..., dict[str, Any]],
    undisturbed: tuple[dict[str, Any], float],
    tmp_path: Path,
) -> None:
    expected, _ = undisturbed
    pairs: tuple[tuple[str, str], ...] = (("all", "all"), ("ingest", "all"), ("run", "run"))
    for pair in pairs:
        lake = tmp_path / "-".join(pair)
        if pair[0] == "run":
            assert Command(lake, corpus, "ingest").wait()[0] == 0
        commands = [Command(lake, corpus, what) for what in pair]
        for command in commands:
            code, err = command.wait()
            assert code == 0 or "run the command again" in err or "BUSY" in err, err[-2000:]
        found = completed(lake)
        # Two engines may have written the same program at once; the oldest counts, and the corpus is the same.
        assert found["programs"]["distinct"] == expected["programs"]["distinct"]
        assert {**found, "programs": None} == {**expected, "programs": None}, pair


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 2 MB; only root may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def cli(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "prox_spark.cli", *arguments, "--quiet"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, done.stderr


@slow
def test_a_full_disk_and_a_read_only_lake_are_one_line_each(
    corpus: tuple[str, str],
    completed: Callable[..., dict[str, Any]],
    undisturbed: tuple[dict[str, Any], float],
    small_disk: Path,
) -> None:
    lake = small_disk / "lake"
    pages, answers = corpus
    model = ("--set", "engine.kind=scripted", "--set", f"engine.answers={json.dumps(answers)}")
    filler = small_disk / "filler"
    codes = []
    for free in (60_000, 150_000, 300_000):  # the disk fills up here, or a little later
        filler.write_bytes(b"\0" * (2_000_000 - free))
        code, err = cli("ingest", "jsonl", pages, "--snapshot", "one", "--lake", str(lake))
        codes.append(code)
        if code:
            assert (code, err.count("\n")) == (2, 1), err
            assert "a disk is full" in err
        filler.unlink()
    assert 2 in codes
    assert cli("ingest", "jsonl", pages, "--snapshot", "one", "--lake", str(lake))[0] == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, err = cli("run", "--lake", str(lake), *model)
    subprocess.run(["mount", "-o", "remount,rw,size=64m", str(small_disk)], check=True)
    assert (code, err.count("\n")) == (2, 1), err
    assert "read-only" in err
    assert completed(lake) == undisturbed[0]
