"""Random programs, well-formed and broken: run as a script, it parses and executes as many as it is told.

python tests/support/random_programs.py 1000000
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter

from prox_spark.program import PROBLEM_REASONS, execute, parse

NAMES = [
    "remove_lines",
    "normalize",
    "keep_doc",
    "keep_all",
    "keep_chunk",
    "untouch_doc",
    "drop_doc",
    "explode",
    "Remove_lines",
]
KEYWORDS = ["start", "end", "line_start", "line_end", "source", "source_str", "target", "target_str", "all", "x"]
NUMBERS = ["0", "1", "002", "7", "30000000", "99999999999999999999", "-1", "2.0", "٠", "0_0", "+3", "True", "None"]
STRINGS = (
    *(
        "Home",
        "a=b",
        "a, b",
        " (click)",
        'He said "x" now',
        "",
        " ",
        "x",
        "it's",
        "\ufdd0",
        "中文",
        "[/doc]",
        "])}",
        "🙂",
    ),
    *(r"\"", r"top\tbottom", r"\u4e2d", r"\ud800", r"\ud83d\ude00", r"\x41", r"\q", "\\", "line\r"),
)
NOISE = (*tuple(" ;#()=,\"'\\\r\t\u2028"), "", "# note", "```python", "```", "prose")
FOUND = ("Home", "About", "a=b", "(click)", "a, b", "of the", "Filler", "中文", "line", "Fill")
TARGETS = ("", "", "of", "Home", "🙂")
TEXT = (
    'Home | About\nHe said "x" now, it\'s a=b.\n\n中文文本 and a, b\r\n'
    "The homely home (click) of the [/doc]\n" + "Filler of a line.\n" * 9
)


def random_argument(chance: random.Random) -> str:
    keyword = f"{chance.choice(KEYWORDS)}{chance.choice(('=', ' = '))}" if chance.random() < 0.6 else ""
    if chance.random() < 0.5:
        return keyword + chance.choice(NUMBERS)
    quote = chance.choice("\"'")
    return f"{keyword}{quote}{chance.choice(STRINGS)}{quote}"


def well_formed_line(chance: random.Random) -> str:
    if chance.random() < 0.5:
        start = chance.randrange(14)
        return f"remove_lines(start={start}, end={start + chance.randrange(3)})"
    return f'normalize(source_str="{chance.choice(FOUND)}", target_str="{chance.choice(TARGETS)}")'


def random_line(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return well_formed_line(chance)
    if chance.random() < 0.1:
        return "".join(chance.choice(NOISE) for _ in range(chance.randrange(6)))
    arguments = ", ".join(random_argument(chance) for _ in range(chance.randrange(4)))
    line = f"{chance.choice(NAMES)}({arguments})"
    if chance.random() < 0.2:
        line += chance.choice(NOISE) + random_line(chance)
    if chance.random() < 0.15:
        line = line[: chance.randrange(len(line) + 1)]
    if chance.random() < 0.1:
        place = chance.randrange(len(line) + 1)
        line = line[:place] + chance.choice(NOISE) + line[place:]
    return line


def random_program(chance: random.Random) -> str:
    return "\n".join(random_line(chance) for _ in range(chance.choice((0, 1, 1, 2, 3, 8))))


def check(program: str) -> str:
    """Execute one program in both modes, and check what holds for every program; give the outcome in strict mode."""
    for problem in parse(program, finish_reason="length").problems:
        assert problem.reason in PROBLEM_REASONS
    execute(TEXT, program, mode="reference")
    execution = execute(TEXT, program)
    applied = [fate for fate in execution.operations if fate.status == "applied"]
    if not any(fate.operation.op in ("remove_lines", "normalize", "drop_doc") for fate in applied):
        assert execution.text == TEXT
    if execution.text is not None:
        assert len(execution.text) <= len(TEXT)
    return execution.outcome


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    chance = random.Random(seed)
    started = time.perf_counter()
    outcomes = Counter(check(random_program(chance)) for _ in range(count))
    print(f"{count} programs in {time.perf_counter() - started:.1f} s: {dict(outcomes)}")


if __name__ == "__main__":
    main()
