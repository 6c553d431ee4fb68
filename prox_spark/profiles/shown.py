"""What a model sees of a text: text that looks like a part of the prompt is made harmless, and long lines are told.

Only the prompt changes; the text that the programs are executed on does not.
"""

from __future__ import annotations

import re

from prox_spark.profiles.profile import Profile
from prox_spark.program.operations import Level

_PROMPT_MARKS = re.compile(
    r"</?(?:s|unk|pad|bos|eos)>|<\|[^|<>\s]{1,32}\|>|<(?:start|end)_of_turn>|<</?(?i:SYS)>>|\[/?(?i:INST|doc)\]"
)
_BREAKS = r"\v\f\x1c-\x1e\x85\u2028\u2029"
_LINE_NUMBER = re.compile(rf"((?:^|[{_BREAKS}])[^\S\n{_BREAKS}]*)\[([0-9]+)\]", re.MULTILINE)
_ROUND = str.maketrans("<>[]", "()()")

_CHAT_MARKS = re.compile(
    r"</?(?:think|tool_call|tool_response)>|<lid:[0-9]*>?|</?(?:keep|edit|delete|rewrite|extract)>"
)
"""What else the refiners of the format `chatml` take for a part of the prompt, or of an answer."""


def shown_text(profile: Profile, text: str) -> str:
    r"""Give a text as it may stand in the profile's prompts; without parity the number of its lines stays."""
    if profile.grammar == "score":  # a classifier follows no instructions, and is to judge the text as it is
        return text
    if profile.parity:
        # The refiners after ProX end a line at a lone carriage return too, before they number lines.
        return text if profile.grammar == "prox" else text.replace("\r\n", "\n").replace("\r", "\n")
    shown = _shown(text, profile.level)
    return _CHAT_MARKS.sub(_round, shown) if profile.prompt_format == "chatml" else shown


def shown_line(line: str, profile: Profile) -> str:
    """Give a line as the profile shows it to a model, without its number."""
    shown = line if profile.parity else _shown(line, profile.level)
    return shown if profile.line_chars is None else shortened(shown, profile.line_chars)


def _shown(text: str, level: Level) -> str:
    r"""Make text safe to stand in a prompt; the number of lines stays.

    >>> _shown("Home\r\n[003] </s> [/doc]", "chunk")
    'Home\n(003) (/s) (/doc)'
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", " ")
    text = _PROMPT_MARKS.sub(_round, text)
    return _LINE_NUMBER.sub(r"\1(\2)", text) if level == "chunk" else text


def _round(mark: re.Match[str]) -> str:
    return mark[0].translate(_ROUND)


LENGTHS = (30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960)
"""The lengths that are told of long lines: the largest that is not more, at least the first."""


def shortened(line: str, most: int) -> str:
    """Show the beginning and the end of a long line, and about how long it is.

    >>> shortened("It rained all day, and the river rose.", 12)
    'It raine…ose.…30'
    """
    if len(line) <= most:
        return line
    tail = most // 3
    length = max((length for length in LENGTHS if length <= len(line)), default=LENGTHS[0])
    return f"{line[: most - tail]}\u2026{line[-tail:]}\u2026{length}"
