"""The profiles that ship, by name, and what a user has to bring for those whose prompts are not ours to ship."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prox_spark.chunks import Numbering, Window
from prox_spark.engines.seam import Sampling
from prox_spark.errors import ConfigError
from prox_spark.profiles.profile import Profile, PromptFormat


def _document(name: str) -> Profile:
    return Profile(name, "document", "llama2", max_prompt_tokens=2000, max_new_tokens=2000, context_tokens=2048)


def _chunk(name: str) -> Profile:
    return Profile(name, "chunk", "llama2", max_prompt_tokens=2048 - 256, max_new_tokens=256, context_tokens=2048)


_QWEN3_CONTEXT = 32_768

_MARKER = re.compile(r"[^{}\n]*\{n(?::0[1-9]d)?\}[^{}\n]*")


def _qwen3(name: str, numbering: Numbering, *, max_new_tokens: int, system_file: str, **more: Any) -> Profile:
    """Give the profile of a refiner made from Qwen3, whose window shares the context with the answer."""
    return Profile(
        name,
        "chunk",
        "chatml",
        system="",
        max_prompt_tokens=_QWEN3_CONTEXT - max_new_tokens,
        max_new_tokens=max_new_tokens,
        context_tokens=_QWEN3_CONTEXT,
        grammar=name,
        numbering=numbering,
        too_long="window",
        think_stub=True,
        system_file=system_file,
        **more,
    )


_WHOLE_PAGE = 100_000
"""Words: the tagger reads a page as a whole, as what a line is shows in the lines around it."""


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        _document("prox-web-doc"),
        _chunk("prox-web-chunk"),
        _document("prox-math-doc"),
        _chunk("prox-math-chunk"),
        Profile(
            "tiny-doc",
            "document",
            "raw",
            system="",
            max_prompt_tokens=900,
            max_new_tokens=16,
            context_tokens=1280,
            line_chars=12,
        ),
        Profile("tiny-chunk", "chunk", "raw", system="", max_chunk_tokens=_WHOLE_PAGE),
        Profile(
            "tiny-lm-chunk",
            "chunk",
            "plain",
            system="",
            max_prompt_tokens=1280 - 160,
            max_chunk_tokens=1000,
            max_new_tokens=160,
            context_tokens=1280,
            line_chars=21,
            max_lines=1000,
        ),
        Profile("rules-doc", "document", "raw", system=""),
        Profile("rules-chunk", "chunk", "raw", system=""),
        Profile("score-doc", "document", "raw", system="", max_new_tokens=1, grammar="score"),
        _qwen3(
            "ultrax",
            Numbering("<lid:{n}>", 1),
            window=Window(48_000, overlap=0.2),
            max_new_tokens=4096,
            system_file="stage2_large_scale_execution/inference/inference.py of github.com/openbmb/UltraX",
            system_sha256="ee25baec3b9412fbf47c334c02daa915b0f99b40ac8e4a7fed9dd0d8fc85f32c",
        ),
        _qwen3(
            "rescraper",
            Numbering("<lid:{n}> ", 1, shown="nonblank_stripped"),
            max_new_tokens=3072,
            sampling=Sampling(temperature=1.0, top_p=1.0),
            system_file="prompts/student_system_stage2.txt of the model cx-cmu/ReScraper",
        ),
        _qwen3(
            "refinex",
            Numbering("[{n}]", 1, over="window"),
            window=Window(12_000, "tokens"),
            max_new_tokens=2048,
            system_file="the text that the model was trained with; the paper does not print it",
        ),
        _qwen3(
            "np",
            Numbering(None),
            window=Window(1024, "tokens"),
            max_new_tokens=1024,
            system_file="the prompt in the repository of DataOrchestra/NP-0.6B",
        ),
    )
}
"""Every profile by its name; another prompt format is `dataclasses.replace(profile, prompt_format=...)`."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What a user brings for a profile.

    Attributes:
        system_file: A text file with the system text, or a Python file in which it is a string.
        system_sha256: Hash of the system text, without the whitespace around it; None takes the profile's.
        marker: What stands before a line, a format of its number `n`; None takes the profile's.
        line_base: The number of the first line; None takes the profile's.
    """

    system_file: str | None = None
    system_sha256: str | None = None
    marker: str | None = None
    line_base: int | None = None


def find(
    name: str,
    *,
    prompt_format: PromptFormat | None = None,
    parity: bool = False,
    constrain: bool | None = None,
    brought: Brought | None = None,
) -> Profile:
    """Give the profile of that name, with another prompt format and constraint if they are given.

    Raises:
        ConfigError: There is no such profile, which names those there are; or something has to be brought for it.
    """
    profile = PROFILES.get(name)
    if profile is None:
        raise ConfigError(f"there is no profile {name!r}; profiles are: {', '.join(PROFILES)}")
    constrain = profile.constrain if constrain is None else constrain
    chosen = replace(profile, prompt_format=prompt_format or profile.prompt_format, parity=parity, constrain=constrain)
    if constrain and chosen.grammar == "score":
        raise ConfigError(f"constrain is for programs: the profile {name} asks a classifier, which only gives a number")
    return _completed(chosen, brought or Brought())


def _completed(profile: Profile, brought: Brought) -> Profile:
    numbering = profile.numbering
    if numbering is None:
        if brought != Brought():
            raise ConfigError(f"the profile {profile.name} is complete: system_file, marker, line_base are not for it")
        return profile
    numbering = replace(
        numbering,
        marker=_checked_marker(brought.marker) or numbering.marker,
        base=numbering.base if brought.line_base is None else brought.line_base,
    )
    if profile.parity:
        profile = replace(profile, too_long="skip")
    if numbering.marker is None:
        raise ConfigError(f"how {profile.name} numbers lines is not known here: give marker, such as '[{{n:03d}}]'")
    if brought.system_file is None:
        raise ConfigError(f"the profile {profile.name} needs system_file: {profile.system_file}")
    wanted = brought.system_sha256 or profile.system_sha256
    return replace(profile, numbering=numbering, system=_system_text(brought.system_file, wanted))


def _checked_marker(marker: str | None) -> str | None:
    if marker is not None and not _MARKER.fullmatch(marker):
        raise ConfigError(f"marker must be a text with the number, as {{n}} or {{n:03d}}, got {marker!r}")
    return marker


def _system_text(path: str, sha256: str | None) -> str:
    """Read the system text; of a Python file, which is not run, the string with that hash.

    Raises:
        ConfigError: The file cannot be read, or holds another text.
    """
    try:
        source = Path(path).read_text(encoding="utf-8")
        texts = list(_strings(source)) if path.endswith(".py") else [source.strip()]
    except (OSError, ValueError, SyntaxError) as error:
        raise ConfigError(f"system_file {path} cannot be read: {error}") from error
    hashes = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}
    if sha256 is None:
        if path.endswith(".py"):
            raise ConfigError(f"system_file {path} is a Python file: give system_sha256, to know its string by")
        return texts[0]
    if sha256 not in hashes:
        about = "none of its strings has it" if path.endswith(".py") else f"it has {next(iter(hashes))}"
        raise ConfigError(f"system_file {path} must hold the text with the SHA-256 {sha256}; {about}")
    return hashes[sha256]


def _strings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.strip()
