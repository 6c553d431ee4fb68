"""An ablation from its packed corpora to its result: every arm with every seed, one run after the other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from prox_spark.config import AblateSettings
from prox_spark.errors import ConfigError
from prox_spark.formats import Written
from prox_spark.training.ablation.cost import affordable, saving
from prox_spark.training.ablation.run import Run, train, write_json
from prox_spark.training.ablation.sizes import ModelSize
from prox_spark.training.ablation.texts import HeldOut, read_held_out
from prox_spark.training.ablation.verdict import Scores, Verdict, decide
from prox_spark.version import __version__

RESULT = "ablation.json"
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Arm:
    """One corpus, packed.

    Attributes:
        name: What tables call it.
        shards: The folder with its sequences.
        corpus: A hash of them.
        documents: Documents in it.
        tokens: Tokens in its sequences.
        read: Tokens that models read and wrote to refine it, for each of its tokens; 0 where nothing refined it.
    """

    name: str
    shards: str
    corpus: str
    documents: int
    tokens: int
    read: float = 0.0

    @classmethod
    def of(cls, name: str, shards: Path, written: Iterable[Written], read: float = 0.0) -> Arm:
        """Make an arm of what `pack` wrote into a folder."""
        files = list(written)
        digest = hashlib.sha256("".join(sorted(file.sha256 or "" for file in files)).encode()).hexdigest()
        tokens = sum(file.tokens for file in files if file.path is not None)
        return cls(name, str(shards), digest, sum(file.documents for file in files), tokens, read)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ablation is made of.

    Attributes:
        arms: The corpora; the others are compared with the first.
        folder: The folder of the ablation: its runs and its result.
        size: The model.
        held_out: The file with what is judged on.
        tokenizer: The folder of the tokenizer.
        settings: The section `ablate` of the configuration.
        choices: A file with questions; None asks none.
        facts: What else the result says, such as what was kept out of training.
    """

    arms: tuple[Arm, ...]
    folder: Path
    size: ModelSize
    held_out: Path
    tokenizer: Path
    settings: AblateSettings
    choices: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seeds(self) -> range:
        """Give the seeds."""
        return range(1, self.settings.seeds + 1)

    @property
    def judged(self) -> str:
        """Give a sha256 over what is judged on."""
        files = [self.held_out, *([] if self.choices is None else [self.choices])]
        return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()

    @property
    def tokens(self) -> int:
        """Count the tokens that a run trains on where refining costs nothing."""
        return self.settings.tokens or self.size.tokens

    def budget(self, arm: Arm) -> int:
        """Count the tokens that a run of an arm trains on.

        Raises:
            ConfigError: FLOPs are to be equal, and nobody says how large the refiner is.
        """
        if self.settings.equal == "tokens" or not arm.read:
            return self.tokens
        refiner = self.settings.refiner_parameters
        if refiner is None:
            raise ConfigError(f"ablate.refiner_parameters must say how many weights refined {arm.name}, got null")
        model = self.settings.model_parameters or self.size.parameters
        return affordable(self.tokens, there=arm.tokens, training=6.0 * model, refining=2.0 * refiner * arm.read)


def measure(plan: Plan, tell: Tell | None = None) -> dict[str, Any]:
    """Train and judge every arm with every seed, and write the result; what has ended before is read, not run again.

    Returns:
        The result as `ablation.json` keeps it: `model`, `arms`, `means`, `differences`, `savings` and more.

    Raises:
        ConfigError: The settings do not fit each other.
    """
    settings = plan.settings
    if plan.size.batch % settings.workers:
        raise ConfigError(
            f"ablate.workers must divide the {plan.size.batch} sequences of a step, got {settings.workers}"
        )
    runs = runs_of(plan)
    done: list[dict[str, Any]] = []
    for number, run in enumerate(runs):
        if tell is not None:
            tell(f"{run.arm}, seed {run.seed}", number, len(runs))
        done.append(train(run))
    if tell is not None:
        tell("all runs", len(runs), len(runs))
    whole, half = done[: -len(plan.seeds)], done[-len(plan.seeds) :]
    documents = read_held_out(plan.held_out)
    scores = {arm.name: whole[number :: len(plan.arms)] for number, arm in enumerate(plan.arms)}
    verdict = decide(scores, documents)
    result = _result(plan, verdict, _savings(scores[plan.arms[0].name], half, verdict, documents), done)
    write_json(plan.folder / RESULT, result, indent=1)
    return result


def runs_of(plan: Plan) -> list[Run]:
    """Give the models to train: every arm with the first seed, with the second and so on, then the first arm's halves.

    Raises:
        ConfigError: FLOPs are to be equal, and nobody says how large the refiner is.
    """
    budgets = [plan.budget(arm) for arm in plan.arms]
    runs = [
        _run(plan, number, arm, seed, budgets[number]) for seed in plan.seeds for number, arm in enumerate(plan.arms)
    ]
    # The first arm at half of its tokens says what a token is worth.
    return runs + [_run(plan, 0, plan.arms[0], seed, plan.tokens // 2, "half") for seed in plan.seeds]


def _run(plan: Plan, number: int, arm: Arm, seed: int, tokens: int, part: str = "") -> Run:
    settings = plan.settings
    name = "-".join(filter(None, (str(number), re.sub("[^A-Za-z0-9._]+", "-", arm.name), part, str(seed))))
    return Run(
        arm=arm.name, corpus=arm.corpus, shards=arm.shards, seed=seed, tokens=tokens, size=plan.size,
        judged=plan.judged, held_out=str(plan.held_out), tokenizer=str(plan.tokenizer),
        choices=None if plan.choices is None else str(plan.choices), out=str(plan.folder / "runs" / name),
        device_batch=settings.device_batch, bf16=settings.bf16, threads=settings.threads, workers=settings.workers,
        local=settings.local, save_every=settings.save_every, keep_model=settings.keep_models,
    )  # fmt: skip


def _savings(
    full: Sequence[Mapping[str, Any]], half: Sequence[Mapping[str, Any]], verdict: Verdict, documents: Sequence[HeldOut]
) -> list[dict[str, Any]]:
    """Give what each arm saves of the first one's tokens; nothing of a set on which twice the tokens gained nothing."""
    scores: Scores = {"full": full, "half": half}
    gained = {item.set: item.total.value for item in decide(scores, documents).differences}
    return [asdict(saving(item, gained[item.set])) for item in verdict.differences if gained[item.set] > 0]


def _result(
    plan: Plan, verdict: Verdict, savings: Sequence[Mapping[str, Any]], done: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:  # fmt: skip
    clear = [{**asdict(item), "is_clear": item.is_clear} for item in verdict.differences]
    answers = [{**asdict(item), "is_clear": item.is_clear} for item in verdict.answer_differences]
    documents = read_held_out(plan.held_out)
    return {
        "package_version": __version__,
        "model": {**plan.size.model_dump(), "parameters": done[0]["parameters"]},
        "equal": plan.settings.equal,
        "seeds": list(plan.seeds),
        "arms": [
            {**asdict(arm), "trained_tokens": plan.budget(arm), "rounds": plan.budget(arm) / arm.tokens}
            for arm in plan.arms
        ],
        "held_out": [
            {
                "set": name,
                "documents": len(texts),
                "bytes": sum(len(text.encode()) for text in texts),
                "sites": len({document.site for document in documents if document.set == name}),
            }
            for name, texts in _by_set(documents).items()
        ],
        **plan.facts,
        "means": [asdict(mean) for mean in verdict.means],
        "differences": clear,
        "savings": list(savings),
        "answers": [asdict(mean) for mean in verdict.answers],
        "answer_differences": answers,
        "seconds": round(sum(run["seconds"] for run in done), 1),
    }


def _by_set(documents: Sequence[HeldOut]) -> dict[str, list[str]]:
    sets: dict[str, list[str]] = {}
    for document in documents:
        sets.setdefault(document.set, []).append(document.text)
    return sets
