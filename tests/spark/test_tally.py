"""The numbers of a running job: what its tasks have done, told while they work."""

from __future__ import annotations

import threading
from pathlib import Path

from prox_spark.spark.tally import Counter, Tally, watched


def test_the_numbers_of_all_tasks_are_summed_up(tmp_path: Path) -> None:
    tally = Tally(str(tmp_path))
    assert tally.sums() == (0, 0, 0)
    for task in range(3):
        counter = Counter(tmp_path / str(task))
        counter.add(10, tokens=100)
        counter.add(5, size=1000)
        counter.write()
    assert tally.sums() == (45, 300, 3000)


def test_a_task_that_is_tried_again_counts_once(tmp_path: Path) -> None:
    for documents in (8, 3):
        counter = Counter(tmp_path / "0")
        counter.add(documents)
        counter.write()
    assert Tally(str(tmp_path)).sums() == (3, 0, 0)


def test_a_worker_without_the_folder_goes_on(tmp_path: Path) -> None:
    counter = Tally(str(tmp_path / "elsewhere")).counter()
    counter.add(1)
    counter.write()
    assert not (tmp_path / "elsewhere").exists()


def test_the_listener_hears_while_the_block_runs_and_its_failure_harms_nothing() -> None:
    heard: list[tuple[int, int, int]] = []
    called = threading.Event()

    def listen(*numbers: int) -> None:
        heard.append((numbers[0], numbers[1], numbers[2]))
        called.set()
        raise KeyboardInterrupt

    with watched(listen, every=0.01) as tally:
        tally.counter().add(7, tokens=70)
        folder = Path(tally.folder)
        assert called.wait(10)
    assert len(heard) == 1
    assert not folder.exists()
