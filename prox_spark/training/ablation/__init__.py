"""Small models trained from nothing on as many tokens of several corpora, and judged on texts that none has seen.

Which corpus makes the better model is asked before a large one is trained: `leakage` keeps what is judged out of what
is learned, `tokens` packs the corpora, `run` trains and judges one model, `verdict` says what the runs say together,
and `cost` where refining pays.
"""

from prox_spark.training.ablation.leakage import Guard, site_of
from prox_spark.training.ablation.plan import Arm, Plan, measure
from prox_spark.training.ablation.sizes import SIZES, ModelSize, size_of
from prox_spark.training.ablation.texts import HeldOut, Text, read_texts
from prox_spark.training.ablation.tokens import learn_tokenizer, pack
from prox_spark.training.ablation.verdict import Difference, Interval, Verdict

__all__ = [
    "SIZES",
    "Arm",
    "Difference",
    "Guard",
    "HeldOut",
    "Interval",
    "ModelSize",
    "Plan",
    "Text",
    "Verdict",
    "learn_tokenizer",
    "measure",
    "pack",
    "read_texts",
    "site_of",
    "size_of",
]
