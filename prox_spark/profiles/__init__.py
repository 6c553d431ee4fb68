"""The refining profiles: for each, what a model is shown of a text, and within which limits.

A profile is a frozen value. The published profiles reproduce what the
released models were trained on and asked (prox-refining language models, arXiv 2409.17115 and its scripts): the
Llama 2 chat prompt around a whole document, or around a chunk of numbered lines in `[doc]`. The refiners after it
(UltraX, ReScraper and their like) see numbered lines in windows, in the format of a chat, under a system text that
users bring: it is not ours to ship.

With `parity` the prompts are the published ones token for token, quirks included. Without it (the default) three
things are made safe: a long document is cut before ` [/INST]` and not through it, a carriage return is not shown, and
text that looks like part of the prompt (`[INST]`, `[/doc]`, `</s>`, a line number) is shown with round brackets.
Only the prompt changes; the text that the programs are executed on does not.
"""

from prox_spark.profiles.profile import PROMPTS_VERSION, Profile, PromptFormat, profile_fingerprint
from prox_spark.profiles.prompts import longest, prompts
from prox_spark.profiles.published import PROFILES, Brought, find
from prox_spark.profiles.shown import LENGTHS, shown_line

__all__ = [
    "LENGTHS",
    "PROFILES",
    "PROMPTS_VERSION",
    "Brought",
    "Profile",
    "PromptFormat",
    "find",
    "longest",
    "profile_fingerprint",
    "prompts",
    "shown_line",
]
