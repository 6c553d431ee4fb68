"""One process of a run: model and tokenizer in, checkpoints by validation F1, the best model out."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from prox_spark import profiles
from prox_spark.engines import Completion, Prompt
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.errors import ConfigError, EngineError, SourceError
from prox_spark.evaluation import GoldPage, judge, summarise
from prox_spark.training.causal import verdicts
from prox_spark.training.causal.data import collate, examples, split
from prox_spark.training.causal.scratch import make_model, make_tokenizer, share
from prox_spark.training.recipes import CausalRecipe

logger = logging.getLogger(__name__)


def train(written: str) -> dict[str, Any]:
    """Train by a recipe, given as JSON so that it travels to other processes; every process gives the same record.

    Spark's distributor keeps the answer of the process that ends last, whichever that is.
    """
    import torch
    from accelerate.utils import broadcast_object_list
    from transformers import set_seed

    recipe = CausalRecipe.model_validate_json(written)
    torch.set_num_threads(recipe.threads)
    set_seed(recipe.seed)
    learned, held = split(recipe)
    setup = _from_nothing(recipe, learned) if recipe.base is None else _from_base(recipe, recipe.base, learned)
    count = len(setup.examples)
    logger.info("%d examples, %d pages to validate on, %d parameters", count, len(held), setup.model.num_parameters())
    trainer = _trainer(recipe, setup, held)
    folder = Path(recipe.out)
    trainer.train(resume_from_checkpoint=any(folder.glob("checkpoint-*")) or None)
    scores = trainer.evaluate() if held else {}
    record = _finish(folder, recipe, trainer, setup, scores) if trainer.is_world_process_zero() else ""
    [record] = broadcast_object_list([record])
    return dict(json.loads(record))


@dataclass(frozen=True, slots=True)
class _Setup:
    """A model and what it is trained on: `loss` takes the model and a batch that `collate` made of examples."""

    model: Any
    tokenizer: Any
    examples: Any
    collate: Callable[[Sequence[Any], int], dict[str, Any]]
    loss: Callable[[Any, dict[str, Any]], Any]


def _from_nothing(recipe: CausalRecipe, learned: Sequence[GoldPage]) -> _Setup:
    """Make a model and its tokenizer; it learns a verdict for every line.

    Raises:
        ConfigError: The profile is one for a model that exists.
        SourceError: There are no labelled pages.
    """
    profile = profiles.find(recipe.profile)
    if profile.max_lines is None:
        raise ConfigError(f"base must name a folder or a hub model for the profile {recipe.profile}, got nothing")
    if not learned:
        raise SourceError(f"{', '.join(recipe.data)}: a model from nothing needs labelled pages to learn from")
    lines = (profiles.shown_line(line, profile) for page in learned for line in page.lines)
    tokenizer = make_tokenizer(lines, recipe.scratch)
    model = make_model(tokenizer, recipe.scratch)
    share(model, tokenizer, recipe.scratch)
    pages = verdicts.pages_of(learned, recipe, tokenizer)
    count = recipe.steps * recipe.batch if recipe.steps > 0 else math.ceil(recipe.epochs * len(pages))
    chunks = verdicts.Chunks(pages, verdicts.words_of(tokenizer, recipe), recipe, count)
    return _Setup(model, tokenizer, chunks, verdicts.collate, partial(verdicts.loss, overlap=recipe.overlap))


def _from_base(recipe: CausalRecipe, base: str, learned: Sequence[GoldPage]) -> _Setup:
    """Load the model to start from; it learns programs."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    pinned = {"revision": recipe.revision, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(base, **pinned)
    model = AutoModelForCausalLM.from_pretrained(base, use_safetensors=True, dtype=torch.float32, **pinned)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    pairs = examples(recipe, learned, ModelTokenizer(tokenizer.backend_tokenizer), tokenizer.eos_token_id)
    model = _adapted(model, recipe.lora_rank) if recipe.lora_rank else model
    return _Setup(model, tokenizer, pairs, collate, lambda model, inputs: model(**inputs).loss)


def _adapted(model: Any, rank: int) -> Any:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise EngineError("lora_rank above 0 needs peft: install the extra train of prox-spark") from error
    return get_peft_model(
        model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    )


def _trainer(recipe: CausalRecipe, setup: _Setup, held: list[GoldPage]) -> Any:
    from transformers import Trainer

    profile, tokenizer = profiles.find(recipe.profile), setup.tokenizer

    class ProgramTrainer(Trainer):  # type: ignore[misc]  # transformers is read without its types
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
            loss = setup.loss(model, inputs)
            return (loss, None) if return_outputs else loss

        def _get_train_sampler(self, *arguments: Any) -> Any:
            # Pairs are in random order already, and each is made by its number.
            if recipe.base is None:
                return _Grouped(setup.examples, recipe)
            return super()._get_train_sampler(*arguments)

        def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
            counts = judge(held, _Answering(self.model, tokenizer, recipe.batch), profile)
            summary = summarise(counts)
            scores = {"eval_removed_f1": summary.removed_f1.value, "eval_kept_f1": summary.kept_f1.value,
                      "eval_parsed": summary.parsed or 0.0}  # fmt: skip
            self.log(scores)
            self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, scores)
            logger.info("step %d: %s", self.state.global_step, scores)
            return scores

    return ProgramTrainer(
        model=setup.model, args=_arguments(recipe, held), train_dataset=setup.examples, eval_dataset=held or None,
        data_collator=lambda batch: setup.collate(batch, tokenizer.pad_token_id),
    )  # fmt: skip


def _arguments(recipe: CausalRecipe, held: Sequence[GoldPage]) -> Any:
    import torch
    from transformers import TrainingArguments

    when = "steps" if held else "no"
    return TrainingArguments(
        output_dir=recipe.out, num_train_epochs=recipe.epochs if recipe.base else 1, max_steps=recipe.steps,
        learning_rate=recipe.rate, per_device_train_batch_size=recipe.batch, lr_scheduler_type="cosine",
        warmup_steps=20, weight_decay=0.01, logging_steps=20, save_strategy="steps", save_steps=recipe.save_every,
        save_total_limit=2, eval_strategy=when, eval_steps=recipe.save_every, load_best_model_at_end=bool(held),
        metric_for_best_model="kept_f1", greater_is_better=True, seed=recipe.seed, data_seed=recipe.seed,
        remove_unused_columns=False, report_to=[], disable_tqdm=True, use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False, bf16=recipe.bf16,
    )  # fmt: skip


class _Grouped:
    """The numbers of the pairs in an order in which the pairs of a batch have like lengths."""

    def __init__(self, pairs: verdicts.Chunks, recipe: CausalRecipe) -> None:
        self._pairs, self._recipe = pairs, recipe

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(verdicts.grouped(self._pairs, self._recipe.batch, self._recipe.seed))


class _Answering:
    """The model in training as an engine: it answers greedily, as the transformers engine does."""

    def __init__(self, model: Any, tokenizer: Any, batch: int) -> None:
        self._model, self._batch = model, batch
        self.tokenizer = ModelTokenizer(tokenizer.backend_tokenizer)
        self._end, self._pad = tokenizer.eos_token_id, tokenizer.pad_token_id

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index].token_ids or ()))
        answers: dict[int, Completion] = {}
        for start in range(0, len(order), self._batch):
            part = order[start : start + self._batch]
            answers.update(zip(part, self._answers([prompts[index] for index in part]), strict=True))
        return [answers[index] for index in range(len(prompts))]

    def close(self) -> None:
        """Keep the model: it is the trainer's."""

    def _answers(self, prompts: Sequence[Prompt]) -> list[Completion]:
        import torch

        ids = [list(prompt.token_ids or self.tokenizer.encode(prompt.text)) for prompt in prompts]
        width, device = max(map(len, ids)), self._model.device
        padded = torch.tensor([[self._pad] * (width - len(row)) + row for row in ids], device=device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids], device=device)
        was, _ = self._model.training, self._model.eval()
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=padded, attention_mask=mask, do_sample=False, eos_token_id=self._end,
                pad_token_id=self._pad, max_new_tokens=max(prompt.max_new_tokens for prompt in prompts),
            )[:, width:].tolist()  # fmt: skip
        self._model.train(was)
        return [self._completion(len(prompt_ids), row) for prompt_ids, row in zip(ids, output, strict=True)]

    def _completion(self, prompt_tokens: int, row: list[int]) -> Completion:
        end = row.index(self._end) if self._end in row else None
        text = self.tokenizer.decode(row if end is None else row[:end])
        return Completion(
            text, "length" if end is None else "stop", prompt_tokens, len(row) if end is None else end + 1
        )


def _finish(folder: Path, recipe: CausalRecipe, trainer: Any, setup: _Setup, scores: dict[str, float]) -> str:
    model = trainer.model.merge_and_unload() if recipe.lora_rank else trainer.model  # engines load whole models
    if recipe.base is None:
        model.half()
    model.config.use_cache = True  # training turns it off
    model.save_pretrained(folder / "model", safe_serialization=True)
    setup.tokenizer.save_pretrained(folder / "model")
    run = {
        "recipe": recipe.model_dump(mode="json"), "examples": len(setup.examples), "steps": trainer.state.global_step,
        "parameters": model.num_parameters(), "best": trainer.state.best_metric, **scores,
    }  # fmt: skip
    record = json.dumps(run, indent=1)
    (folder / "run.json").write_text(record + "\n", encoding="utf-8")
    return record
