"""Random operations of the refiners after ProX, on texts and windows that they mostly fit."""

from __future__ import annotations

import random

from support.executions import Case

from prox_spark.program import ChunkProgram, Operation

LINES = (
    "Home | About | Home",
    "",
    "It rained all day, and the river rose.",
    "aaa b",
    "abc def",
    "中文文本 and a, b",
    "a\u00a0b\u3000c",
    "title\x0cpage\u2028x",
    "🙂 e\u0301te \r",
    " ",
    'It\'s \\x "quoted"',
)
BROUGHT = ("", "", "", "Home", "all day", "river  rose", "new", "中", "中国", ".", "a\nb", "rained " * 30, "\\$1")


def random_case(chance: random.Random) -> Case:
    """Give a text with the programs of one chunk or several, one of which may own no line."""
    lines = [chance.choice(LINES) for _ in range(chance.choice((1, 2, 5, 9)))]
    text = "\n".join(lines)
    cuts = sorted(chance.randrange(len(lines) + 1) for _ in range(chance.choice((0, 0, 1, 2))))
    starts = [0, *cuts]
    ends = [*(cut - 1 for cut in cuts), len(lines) - 1]
    return text, [
        ChunkProgram(
            index,
            start,
            end,
            operations=_operations(chance, lines, start, end),
            problems=chance.choice((0, 0, 0, 1)),
        )
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def dense_case(chance: random.Random, count: int) -> Case:
    """Give a text of a hundred lines with two programs for all of them, of `count` operations each."""
    lines = [f"{number} {chance.choice(LINES)}" for number in range(100)]
    return "\n".join(lines), [
        ChunkProgram(index, 0, 99, operations=tuple(_operation(chance, lines, 0, 99) for _ in range(count)))
        for index in range(2)
    ]


def _operations(chance: random.Random, lines: list[str], start: int, end: int) -> tuple[Operation, ...]:
    operations = [_operation(chance, lines, start, end) for _ in range(chance.choice((0, 1, 2, 3, 6, 15)))]
    if operations and chance.random() < 0.2:
        operations.append(chance.choice(operations))
    if chance.random() < 0.05:
        operations.insert(0, Operation(chance.choice(("keep_chunk", "drop_doc", "keep_doc", "normalize"))))
    return tuple(operations)


def _operation(chance: random.Random, lines: list[str], start: int, end: int) -> Operation:
    line = chance.randint(start - 1, max(start, end + (chance.random() < 0.05)))
    kind = chance.random()
    if kind < 0.3:
        return Operation("remove_lines", line, line + chance.choice((0, 0, 1, 3, 2**31 - 1 - line, -1)))
    if kind < 0.75:
        whole = lines[max(0, min(line, len(lines) - 1))] + "\n"
        first = chance.randrange(len(whole))
        source = whole[first : first + chance.choice((0, 1, 2, 5, 40))]
        return Operation("replace_str", line, line, source, chance.choice((*BROUGHT, source[:3])))
    if kind < 0.95:
        return Operation("add_line", line, target=chance.choice(BROUGHT))
    return Operation("rewrite", target=chance.choice((*BROUGHT, "\n".join(lines)[:30])))
