"""One model of an ablation: trained from nothing on one corpus with one seed, then judged on what was held out."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prox_spark.config.section import Section
from prox_spark.formats.vocabulary import Vocabulary
from prox_spark.training.ablation.judging import bits_of, chosen_answers, read_questions
from prox_spark.training.ablation.sizes import ModelSize
from prox_spark.training.ablation.texts import read_held_out
from prox_spark.training.ablation.tokens import Sequences

SCORES = "scores.json"
logger = logging.getLogger(__name__)


class Run(Section):
    """One model to train, as it travels to other processes.

    Attributes:
        arm: The corpus, by name.
        corpus: A hash of its packed sequences.
        shards: The folder with them.
        seed: Of the weights and of the order of the sequences.
        tokens: To train on, rounded down to whole steps.
        size: The model.
        judged: A hash of what is judged on.
        held_out: The file with the documents to judge on.
        tokenizer: The folder of the tokenizer.
        choices: A file with questions to choose answers to; None asks none.
        out: The folder of the run.
        device_batch: Sequences that a device takes at once; None takes its part of a step.
        bf16: Whether most of the arithmetic is done in bfloat16; None says yes where the device computes in it.
        threads: Threads of torch on a CPU.
        workers: Processes, through Spark's TorchDistributor where more than one.
        local: Whether those processes run on the driver.
        save_every: Steps between checkpoints.
        keep_model: Whether the trained model is kept in `model`, beside the scores.
    """

    arm: str
    corpus: str
    shards: str
    seed: int
    tokens: int
    size: ModelSize
    judged: str
    held_out: str
    tokenizer: str
    choices: str | None = None
    out: str
    device_batch: int | None = None
    bf16: bool | None = None
    threads: int = 1
    workers: int = 1
    local: bool = True
    save_every: int = 500
    keep_model: bool = False

    @property
    def steps(self) -> int:
        """Count the steps."""
        return max(1, self.tokens // (self.size.batch * self.size.context))

    @property
    def result(self) -> dict[str, Any]:
        """Give what decides the scores; the rest says only where and how they are made."""
        return self.model_dump(mode="json", include={"corpus", "seed", "tokens", "size", "judged"})


def scores_of(run: Run) -> dict[str, Any] | None:
    """Read the scores of a run that has ended; None where it has not, or was another run."""
    path = Path(run.out) / SCORES
    if not path.is_file():
        return None
    scores: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return scores if scores["run"] == run.result else None


def train(run: Run) -> dict[str, Any]:
    """Train and judge one model, in this process or in several; a run that was cut off goes on, one that ended is read.

    Returns:
        `run`, `steps`, `seconds`, `parameters`, `bits` (of each document, by set, in the file's order), `chosen` (for
        each question whether the right answer was chosen).
    """
    if (scores := scores_of(run)) is not None:
        return scores
    if run.workers == 1:
        return train_here(run.model_dump_json())
    import torch
    from pyspark.ml.torch.distributor import TorchDistributor

    from prox_spark.spark.session import session

    session()  # the distributor takes the active one
    distributor = TorchDistributor(num_processes=run.workers, local_mode=run.local, use_gpu=torch.cuda.is_available())
    return dict(distributor.run(train_here, run.model_dump_json()) or {})


def train_here(written: str) -> dict[str, Any]:
    """Train in this process, which may be one of several; every one gives the same scores."""
    import torch
    from accelerate.utils import broadcast_object_list
    from transformers.utils import logging as says

    run = Run.model_validate_json(written)
    began = time.perf_counter()
    says.disable_progress_bar()
    torch.set_num_threads(run.threads)
    vocabulary = Vocabulary.load(run.tokenizer)
    folder = Path(run.out)
    trainer = trainer_of(run, vocabulary)
    trainer.train(resume_from_checkpoint=_checkpoint(folder))
    scores = {"run": run.result, "steps": trainer.state.global_step, "parameters": trainer.model.num_parameters()}
    scores |= _judged(run, trainer, vocabulary)
    scores["seconds"] = round(time.perf_counter() - began, 1)
    if trainer.is_world_process_zero():
        _finish(run, trainer, vocabulary, scores)
    [scores] = broadcast_object_list([scores])
    return dict(scores)


def model_of(size: ModelSize, vocabulary: Vocabulary) -> Any:
    """Make a model from nothing."""
    from transformers import LlamaConfig, LlamaForCausalLM

    end = vocabulary.end[0]
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary.size, hidden_size=size.width, intermediate_size=size.feed,
            num_hidden_layers=size.layers, num_attention_heads=max(1, size.width // 64),
            max_position_embeddings=size.context, tie_word_embeddings=True, use_cache=False, bos_token_id=end,
            eos_token_id=end, pad_token_id=end,
        )
    )  # fmt: skip


def trainer_of(run: Run, vocabulary: Vocabulary) -> Any:
    """Make the trainer of a run, with a model from nothing."""
    import numpy as np
    import torch
    from torch.utils.data import SequentialSampler
    from transformers import PrinterCallback, Trainer, set_seed

    class OrderedTrainer(Trainer):  # type: ignore[misc]  # transformers is read without its types
        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(sequences)  # which have the seed's order already

    def collate(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        ids = torch.from_numpy(np.stack([item["input_ids"] for item in items]))
        return {"input_ids": ids, "labels": ids}

    sequences = Sequences(run.shards, run.steps * run.size.batch, run.seed)
    set_seed(run.seed)
    model = model_of(run.size, vocabulary)
    trainer = OrderedTrainer(model=model, args=_arguments(run), train_dataset=sequences, data_collator=collate)
    trainer.remove_callback(PrinterCallback)  # stdout is for the result
    return trainer


def _arguments(run: Run) -> Any:
    import torch
    from transformers import TrainingArguments

    share = run.size.batch // run.workers
    at_once = min(run.device_batch or share, share)
    return TrainingArguments(
        output_dir=run.out, max_steps=run.steps, per_device_train_batch_size=at_once,
        gradient_accumulation_steps=share // at_once, learning_rate=run.size.rate, lr_scheduler_type="cosine",
        warmup_steps=max(1, run.steps // 20), weight_decay=0.1, adam_beta2=0.95, logging_strategy="no",
        save_strategy="steps", save_steps=run.save_every, save_total_limit=1, eval_strategy="no", seed=run.seed,
        data_seed=run.seed, remove_unused_columns=False, report_to=[], disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(), dataloader_pin_memory=False, bf16=computes_in_bf16(run.bf16),
    )  # fmt: skip


def computes_in_bf16(wanted: bool | None) -> bool:
    """Say whether to compute in bfloat16; unless somebody wants it, where the device has units for it."""
    import torch

    if wanted is not None:
        return wanted
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    units = torch.cpu.get_capabilities()
    return bool(units.get("avx512_bf16") or units.get("amx_bf16"))


def _checkpoint(folder: Path) -> str | None:
    """Find the last checkpoint that is whole: its state is written last."""
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None


def _judged(run: Run, trainer: Any, vocabulary: Vocabulary) -> dict[str, Any]:
    """Judge the model, every process a part of the documents and questions."""
    from accelerate.utils import gather_object

    rank, world = trainer.args.process_index, trainer.args.world_size
    model = trainer.accelerator.unwrap_model(trainer.model).eval()
    bf16 = trainer.args.bf16
    documents = read_held_out(run.held_out)
    mine = range(rank, len(documents), world)
    bits = bits_of(model, vocabulary, [documents[at].text for at in mine], run.size.context, bf16=bf16)
    by_place = dict(gather_object(list(zip(mine, bits, strict=True))))
    by_set: dict[str, list[float]] = {}
    for at, document in enumerate(documents):
        by_set.setdefault(document.set, []).append(by_place[at])
    questions = read_questions(run.choices) if run.choices else []
    asked = range(rank, len(questions), world)
    right = chosen_answers(model, vocabulary, [questions[at] for at in asked], run.size.context, bf16=bf16)
    answered = dict(gather_object(list(zip(asked, right, strict=True))))
    return {"bits": by_set, "chosen": [answered[at] for at in range(len(questions))]}


def write_json(path: Path, value: Mapping[str, Any], *, indent: int | None = None) -> None:
    """Write a file that is there whole or not at all."""
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(unfinished, path)


def _finish(run: Run, trainer: Any, vocabulary: Vocabulary, scores: dict[str, Any]) -> None:
    folder = Path(run.out)
    if run.keep_model:
        trainer.model.save_pretrained(folder / "model", safe_serialization=True)
        shutil.copytree(run.tokenizer, folder / "model", dirs_exist_ok=True)
    write_json(folder / SCORES, scores)
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path, ignore_errors=True)
    logger.info("%s, seed %d: %d steps in %.0f s", run.arm, run.seed, scores["steps"], scores["seconds"])
