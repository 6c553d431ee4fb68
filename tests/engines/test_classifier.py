"""The engines that give a text a score: a small random BERT, and fastText where its library is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prox_spark.chunks import WordTokenizer
from prox_spark.config import ClassifierSettings, FastTextSettings
from prox_spark.engines import Engine, Prompt, create, fingerprint
from prox_spark.engines.scores import scored
from prox_spark.errors import EngineError
from prox_spark.profiles import PROFILES, prompts

TEXTS = [
    "It rained all day long.",
    "Home About Contact",
    "",
    "\ud800 </s> [SEP]",
    "the river rose " * 5000,
    "x" * 100_000,
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Give folders of classifiers by the number of their outputs."""
    pytest.importorskip("torch")
    from support.small_models import make_classifier

    made = {outputs: tmp_path_factory.mktemp(f"outputs{outputs}") for outputs in (1, 3)}
    for outputs, folder in made.items():
        make_classifier(folder, outputs=outputs)
    return made


@pytest.fixture(scope="module")
def classifier(folders: dict[int, Path]) -> Iterator[Engine]:
    engine = create(ClassifierSettings(model=str(folders[1]), device="cpu", threads=1, batch_size=4))
    yield engine
    engine.close()


def score(text: str) -> float:
    return float(text.removeprefix("score(").removesuffix(")"))


def test_every_text_gets_a_score_that_is_the_models_output(classifier: Engine, folders: dict[int, Path]) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folders[1]).eval()
    tokenizer = AutoTokenizer.from_pretrained(folders[1])
    texts = [text.encode(errors="replace").decode() for text in TEXTS]
    answers = classifier.generate([Prompt(text, level="document") for text in TEXTS])
    for text, answer in zip(texts, answers, strict=True):
        encoded = tokenizer(text, truncation=True, max_length=64, return_tensors="pt")
        with torch.inference_mode():
            expected = model(**encoded).logits[0, 0].item()
        assert answer.error is None and score(answer.text) == pytest.approx(expected, abs=1e-4)
        assert answer.prompt_tokens == encoded["input_ids"].shape[1] <= 64


def test_the_order_of_texts_does_not_change_their_scores(classifier: Engine) -> None:
    asked = [Prompt(text) for text in TEXTS]
    forward = [score(answer.text) for answer in classifier.generate(asked)]
    assert [score(answer.text) for answer in classifier.generate(asked[::-1])][::-1] == pytest.approx(forward, abs=1e-4)
    assert classifier.generate([]) == []


def test_of_several_outputs_the_label_says_which_probability_is_the_score(folders: dict[int, Path]) -> None:
    values = []
    for label in ("LABEL_0", "LABEL_1", "LABEL_2"):
        engine = create(ClassifierSettings(model=str(folders[3]), device="cpu", threads=1, label=label))
        values.append(score(engine.generate([Prompt("It rained all day long.")])[0].text))
        engine.close()
    assert sum(values) == pytest.approx(1, abs=1e-5) and len(set(values)) == 3
    for wrong, given in ((None, "nothing"), ("good", "good")):
        with pytest.raises(EngineError, match=f"must be one of LABEL_0, LABEL_1, LABEL_2, got {given}"):
            create(ClassifierSettings(model=str(folders[3]), device="cpu", label=wrong))


def test_what_a_score_depends_on_is_its_fingerprint(folders: dict[int, Path]) -> None:
    base = ClassifierSettings(model=str(folders[1]))
    others = [base, base.model_copy(update={"max_tokens": 9}), base.model_copy(update={"label": "x"})]
    assert len({fingerprint(settings) for settings in others}) == 3
    assert fingerprint(base.model_copy(update={"batch_size": 2})) == fingerprint(base)


def test_a_score_that_is_no_number_is_an_error() -> None:
    assert scored(float("nan"), 3).error == "the model's score is nan"
    assert scored(0.1, 3).text == "score(0.1)"


def test_a_classifier_is_shown_the_text_as_it_is() -> None:
    text = "[INST] <<SYS>> </s>\r\n[003]"
    [(_, prompt)] = prompts(PROFILES["score-doc"], text, WordTokenizer())
    assert prompt is not None and prompt.text == text and prompt.level == "document"


@pytest.fixture(scope="module")
def fasttext_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    fasttext = pytest.importorskip("fasttext", reason="fastText is not installed")
    folder = tmp_path_factory.mktemp("fasttext")
    lines = ["__label__hq the river rose over its banks", "__label__cc home about contact privacy"] * 50
    (folder / "train.txt").write_text("\n".join(lines) + "\n")
    fasttext.train_supervised(
        str(folder / "train.txt"), minCount=1, wordNgrams=2, bucket=1000, thread=1, verbose=0
    ).save_model(str(folder / "model.bin"))
    return folder / "model.bin"


def test_fasttext_gives_the_probability_of_the_label(fasttext_model: Path) -> None:
    engine = create(FastTextSettings(model=str(fasttext_model), label="__label__hq"))
    good, bad, *others = (
        answer.text
        for answer in engine.generate([Prompt("the river\nrose"), Prompt("home about"), *map(Prompt, TEXTS)])
    )
    assert score(good) > score(bad)
    assert all(0 <= score(text) <= 1 for text in others)
    with pytest.raises(EngineError, match="must be one of __label__"):
        create(FastTextSettings(model=str(fasttext_model), label="good"))


def test_a_file_that_is_no_fasttext_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\0" * 64)
    with pytest.raises(EngineError, match=r"(?i)fasttext"):
        create(FastTextSettings(model=str(tmp_path / "model.bin"), label="x"))
