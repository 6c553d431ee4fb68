"""Errors travel between processes: Spark's workers and its driver pickle them."""

from __future__ import annotations

import pickle

import pytest

from prox_spark import errors
from prox_spark.errors import ProxError

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProxError)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_with_its_message(kind: type[ProxError]) -> None:
    error = kind("engine.batch_size must be at least 1, got 0")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is kind
        assert (str(again), again.args) == (str(error), error.args)


def test_every_class_in_the_drawn_tree_is_pickled_here() -> None:
    drawn = [word for word in str(errors.__doc__).split() if word.endswith("Error")]
    assert sorted(kind.__name__ for kind in CLASSES) == sorted(drawn)
