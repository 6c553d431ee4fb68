"""One process of a run: model and tokenizer in, checkpoints by validation F1, the best model out."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prox_spark import profiles
from prox_spark.engines import Completion, Prompt
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.errors import EngineError
from prox_spark.evaluation import GoldPage, judge, summarise
from prox_spark.training.causal.data import IGNORED, NO_NUMBERS, Example, Numbers, collate, examples, split
from prox_spark.training.causal.scratch import drills, make_model, make_tokenizer, markers
from prox_spark.training.recipes import CausalRecipe

logger = logging.getLogger(__name__)


def train(written: str) -> dict[str, Any]:
    """Train by a recipe, given as JSON so that it travels to other processes; give what the run found."""
    import torch
    from transformers import set_seed

    recipe = CausalRecipe.model_validate_json(written)
    torch.set_num_threads(recipe.threads)
    set_seed(recipe.seed)
    learned, held = split(recipe)
    model, tokenizer, numbers = _start(recipe, learned)
    shown = ModelTokenizer(tokenizer.backend_tokenizer)
    easy = drills(recipe.scratch.drills, recipe.seed, recipe.scratch) if recipe.base is None else ()
    random.Random(recipe.seed).shuffle(learned)
    pairs = examples(recipe, learned, shown, tokenizer.eos_token_id, numbers, easy)
    logger.info("%d pairs, %d pages to validate on, %d parameters", len(pairs), len(held), model.num_parameters())
    trainer = _trainer(recipe, model, tokenizer, pairs, held)
    folder = Path(recipe.out)
    trainer.train(resume_from_checkpoint=any(folder.glob("checkpoint-*")) or None)
    found = trainer.evaluate() if held else {}
    if trainer.is_world_process_zero():
        return _finish(folder, recipe, trainer, tokenizer, len(pairs), found)
    return {}


def _start(recipe: CausalRecipe, learned: Sequence[GoldPage]) -> tuple[Any, Any, Numbers]:
    """Load the model to start from, or make one; and tell which tokens are line markers."""
    if recipe.base is None:
        tokenizer = make_tokenizer(("\n".join(page.lines) for page in learned), recipe.scratch)
        ids = tokenizer.convert_tokens_to_ids(markers(recipe.scratch))
        marks = {token: number for number, token in enumerate(ids)}
        marks[tokenizer.convert_tokens_to_ids("\n[/doc]")] = -1
        written = tokenizer.convert_tokens_to_ids([str(number) for number in range(recipe.scratch.numbers)])
        numbers = Numbers(marks, {token: number for number, token in enumerate(written)})
        return make_model(tokenizer, recipe.scratch), tokenizer, numbers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    pinned = {"revision": recipe.revision, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(recipe.base, **pinned)
    model = AutoModelForCausalLM.from_pretrained(recipe.base, use_safetensors=True, **pinned)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return (_adapted(model, recipe.lora_rank) if recipe.lora_rank else model), tokenizer, NO_NUMBERS


def _adapted(model: Any, rank: int) -> Any:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise EngineError("lora_rank above 0 needs peft: pip install peft") from error
    return get_peft_model(
        model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    )


def _trainer(recipe: CausalRecipe, model: Any, tokenizer: Any, pairs: list[Example], held: list[GoldPage]) -> Any:
    import torch
    from transformers import Trainer, TrainingArguments

    profile = profiles.find(recipe.profile)
    if recipe.line_loss:
        model.line_head = torch.nn.Linear(model.config.hidden_size, 1)
        model.set_attn_implementation("eager")  # the other ones do not say where they look

    class ProgramTrainer(Trainer):  # type: ignore[misc]  # transformers is read without its types
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
            loss = _loss(model, inputs, recipe.line_loss)
            return (loss, None) if return_outputs else loss

        def _get_train_sampler(self, *arguments: Any) -> Any:
            # The drills come first; real pages are in random order already.
            if recipe.scratch.drills:
                return torch.utils.data.SequentialSampler(pairs)
            return super()._get_train_sampler(*arguments)

        def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
            counts = judge(held, _Answering(self.model, tokenizer, recipe.batch), profile)
            found = summarise(counts)
            scores = {"eval_removed_f1": found.removed_f1.value, "eval_kept_f1": found.kept_f1.value,
                      "eval_parsed": found.parsed or 0.0}  # fmt: skip
            self.log(scores)
            self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, scores)
            logger.info("step %d: %s", self.state.global_step, scores)
            return scores

    when = "steps" if held else "no"
    arguments = TrainingArguments(
        output_dir=recipe.out, num_train_epochs=recipe.epochs, max_steps=recipe.steps, learning_rate=recipe.rate,
        per_device_train_batch_size=recipe.batch, lr_scheduler_type="cosine", warmup_steps=20, weight_decay=0.01,
        logging_steps=20, save_strategy="steps", save_steps=recipe.save_every, save_total_limit=2,
        eval_strategy=when, eval_steps=recipe.save_every, load_best_model_at_end=bool(held),
        metric_for_best_model="removed_f1", greater_is_better=True, seed=recipe.seed, data_seed=recipe.seed,
        remove_unused_columns=False, report_to=[], disable_tqdm=True, use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,
    )  # fmt: skip
    return ProgramTrainer(
        model=model, args=arguments, train_dataset=pairs, eval_dataset=held or None,
        data_collator=lambda batch: collate(batch, tokenizer.pad_token_id),
    )  # fmt: skip


def _loss(model: Any, inputs: Any, line_loss: float) -> Any:
    """Compute the loss on completions, logits made only where there is one; and on the lines' labels if asked."""
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

    lines, looks, labels = inputs.pop("line_labels"), inputs.pop("looks"), inputs["labels"]
    bare = getattr(model, "module", model)
    if not line_loss:
        return model(**inputs).loss
    shown = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}
    output = bare.model(**shown, output_attentions=True)
    hidden = output.last_hidden_state
    wanted = labels[:, 1:] != IGNORED
    loss = cross_entropy(bare.lm_head(hidden[:, :-1][wanted]), labels[:, 1:][wanted])
    marked = lines != IGNORED
    said = bare.line_head(hidden[marked]).squeeze(-1)
    loss = loss + line_loss * binary_cross_entropy_with_logits(said, lines[marked].float())
    wrote = looks != IGNORED
    if not wrote.any():
        return loss
    attention = output.attentions[-1].transpose(1, 2)[wrote]  # numbers, heads, places
    right = attention.gather(2, looks[wrote][:, None, None].expand(-1, attention.shape[1], 1))
    return loss - line_loss * (right + 1e-6).log().mean()


class _Answering:
    """Answer prompts with the model in training, greedily, as the transformers engine does."""

    def __init__(self, model: Any, tokenizer: Any, batch: int) -> None:
        self._model, self._batch = model, batch
        self.tokenizer = ModelTokenizer(tokenizer.backend_tokenizer)
        self._end, self._pad = tokenizer.eos_token_id, tokenizer.pad_token_id

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index].token_ids or ()))
        found: dict[int, Completion] = {}
        for start in range(0, len(order), self._batch):
            part = order[start : start + self._batch]
            found.update(zip(part, self._answers([prompts[index] for index in part]), strict=True))
        return [found[index] for index in range(len(prompts))]

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
        return [self._completion(len(asked), row) for asked, row in zip(ids, output, strict=True)]

    def _completion(self, asked: int, row: list[int]) -> Completion:
        end = row.index(self._end) if self._end in row else None
        text = self.tokenizer.decode(row if end is None else row[:end])
        return Completion(text, "length" if end is None else "stop", asked, len(row) if end is None else end + 1)


def _finish(
    folder: Path, recipe: CausalRecipe, trainer: Any, tokenizer: Any, pairs: int, found: dict[str, float]
) -> dict[str, Any]:
    model = trainer.model
    if recipe.line_loss:
        del model.line_head
        model.set_attn_implementation("sdpa")
    model.save_pretrained(folder / "model", safe_serialization=True)
    tokenizer.save_pretrained(folder / "model")
    run = {
        "recipe": recipe.model_dump(mode="json"), "pairs": pairs, "steps": trainer.state.global_step,
        "parameters": model.num_parameters(), "best": trainer.state.best_metric, **found,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    return run
