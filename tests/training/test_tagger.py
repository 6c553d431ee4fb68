"""The recipe of the tagger, a few steps of it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from prox_spark.chunks import number_lines
from prox_spark.engines import Prompt, TaggerEngine
from prox_spark.engines.tagger.network import Network, Size, buckets
from prox_spark.errors import ConfigError
from prox_spark.evaluation import read
from prox_spark.program import execute
from prox_spark.training import Changes, Course, Shape, TaggerRecipe, train
from prox_spark.training.tagger.network import build, collate
from prox_spark.training.tagger.pages import changed, interface_words, joined, measured, sample, take, vocabulary

SMALL = Shape(word=8, hidden=8, width=16, heads=2, feed=16, blocks=2, distances=9)
COURSE = Course(epochs=3, lines=64, rate=0.02, dropout=0.0)


def recipe(pages: Path, out: Path, **changes: object) -> TaggerRecipe:
    settings = {
        "kind": "tagger",
        "data": (str(pages),),
        "out": str(out),
        "domains": 3,
        "shape": SMALL,
        "course": COURSE,
    }
    return TaggerRecipe.model_validate({**settings, **changes})


def test_a_few_epochs_teach_it_to_tell_menus_from_stories(pages: Path, tmp_path: Path) -> None:
    run = train(recipe(pages, tmp_path, course=COURSE.model_copy(update={"epochs": 6})))
    assert run["validation_kept_f1"] > 0.9
    assert json.loads((tmp_path / "run.json").read_text())["recipe"]["course"]["seed"] == 1
    engine = TaggerEngine(tmp_path / "tagger.safetensors")
    page = next(page for page in read(pages) if page.fold == 0)
    [answer] = engine.generate([Prompt("\n".join(number_lines(page.lines)))])
    story = [line for line, keep in zip(page.lines, page.keep, strict=True) if keep]
    assert execute("\n".join(page.lines), answer.text).text == "\n".join(story)


def test_the_same_recipe_gives_the_same_weights(pages: Path, tmp_path: Path) -> None:
    short = COURSE.model_copy(update={"epochs": 1})
    for name in ("a", "b"):
        train(recipe(pages, tmp_path / name, course=short))
    a, b = ((tmp_path / name / "tagger.safetensors").read_bytes() for name in ("a", "b"))
    assert a == b


class Interrupting(logging.Handler):
    """Ctrl-C at the moment at which the end of the second epoch is told."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("epoch 2 of 3"):
            raise KeyboardInterrupt


def test_a_run_goes_on_where_it_was_cut_off(pages: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(recipe(pages, whole))
    caplog.set_level(logging.INFO, logger="prox_spark")
    interrupting = Interrupting()
    logging.getLogger("prox_spark").addHandler(interrupting)
    with pytest.raises(KeyboardInterrupt):
        train(recipe(pages, cut))
    logging.getLogger("prox_spark").removeHandler(interrupting)
    caplog.clear()
    train(recipe(pages, cut))
    assert [text.split(":")[0] for text in caplog.messages if text.startswith("epoch")] == ["epoch 3 of 3"]
    assert (cut / "tagger.safetensors").read_bytes() == (whole / "tagger.safetensors").read_bytes()


def test_a_folder_of_another_recipe_is_not_gone_on_with(pages: Path, tmp_path: Path) -> None:
    train(recipe(pages, tmp_path, course=COURSE.model_copy(update={"epochs": 1})))
    with pytest.raises(ConfigError, match="another recipe"):
        train(recipe(pages, tmp_path, course=COURSE.model_copy(update={"epochs": 1, "seed": 2})))


def test_numpy_computes_what_torch_computes(pages: Path) -> None:
    import torch

    gold = list(read(pages))[:6]
    known = vocabulary(gold, domains=2)
    size = Size(vocabulary=len(known))
    torch.manual_seed(5)
    network = build(size, dropout=0.1).eval()
    for value in network.parameters():
        torch.nn.init.normal_(value, std=0.15)
    ours = Network({name: value.detach().numpy() for name, value in network.state_dict().items()}, size)
    samples = [sample(measured(page, known)) for page in gold]
    with torch.inference_mode():
        keep, worth = network(*collate(samples).inputs)
    for row, item in enumerate(samples):
        starts = np.concatenate([[0], np.cumsum(item.lengths)])
        words = np.expm1(np.clip(item.dense[:, 1], 0, 2) * 4)
        found, page_worth = ours.logits(item.dense, item.tokens, starts, words)
        np.testing.assert_allclose(found, keep[row, : len(found)].numpy(), atol=1e-3, rtol=1e-3)
        assert page_worth == pytest.approx(float(worth[row]), abs=1e-2, rel=1e-3)


def test_distances_are_exact_near_by_and_symmetric() -> None:
    table = buckets(40, 33)
    assert (table[10, 4:17] == np.arange(10, 23)).all()
    assert ((table + table.T) == 32).all() and table.min() >= 0 and table.max() <= 32


def test_taking_lines_apart_and_joining_them_gives_the_page_again(pages: Path) -> None:
    gold = next(read(pages))
    page = measured(gold, vocabulary([gold], domains=1))
    half = len(gold.lines) // 2
    again = joined(take(page.lines, np.arange(half)), take(page.lines, np.arange(half, len(gold.lines))))
    for name in ("shapes", "tokens", "token_starts", "topics", "topic_starts", "keys"):
        np.testing.assert_array_equal(getattr(again, name), getattr(page.lines, name))


def test_changes_never_part_labels_from_their_lines(pages: Path) -> None:
    gold = list(read(pages))
    known = vocabulary(gold, domains=1)
    measured_pages = [measured(page, known) for page in gold]
    everything = Changes(cut=1.0, mixed=0.6, wordless=0.5, noise=0.0, bare=0.3)
    rng = np.random.default_rng(0)
    for page in measured_pages:
        made = changed(page, measured_pages[0], everything, interface_words(known), rng)
        assert len(made.dense) == len(made.keep) == len(made.lengths)
        assert made.lengths.sum() == len(made.tokens)
        ends_sentence = made.dense[:, 9] > 0.5  # only the stories' lines end so
        np.testing.assert_array_equal(ends_sentence, made.keep > 0.5)
