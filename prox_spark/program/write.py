r"""The printer: operations as the text that `parse` reads back, in one spelling wherever a program is shown or written.

    keep_doc() drop_doc() keep_chunk()
    remove_lines(start=3, end=7)
    normalize(source_str="Home | ", target_str="")
    replace_str(3, "Home | ", "")   add_line(3, "A line.")   rewrite("A page.")   score(2.75)

The last four come from the readers of other grammars; `parse` does not read them.
A string is escaped as little as it can be (quotes, backslashes, line breaks), so that a model learns to copy the rest.
"""

from __future__ import annotations

from collections.abc import Iterable

from prox_spark.program.operations import Operation

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r"})


def write(operation: Operation) -> str:
    r"""Write one operation on one line.

    What only the published parser reads is written so that it shows: lines below 0, and `all=True` where there are
    none. A string with half a surrogate pair is no text, and `parse` refuses what is written of it.

    >>> print(write(Operation("normalize", source='the "old"\none', target="")))
    normalize(source_str="the \"old\"\none", target_str="")
    """
    if operation.op == "remove_lines":
        if operation.line_start is None or operation.line_end is None:
            return "remove_lines(all=True)"
        return f"remove_lines(start={operation.line_start}, end={operation.line_end})"
    source, target = _escaped(operation.source), _escaped(operation.target)
    if operation.op == "normalize":
        return f'normalize(source_str="{source}", target_str="{target}")'
    if operation.op == "replace_str":
        return f'replace_str({operation.line_start}, "{source}", "{target}")'
    if operation.op == "add_line":
        return f'add_line({operation.line_start}, "{target}")'
    if operation.op == "rewrite":
        return f'rewrite("{target}")'
    if operation.op == "score":
        return f"score({operation.target})"
    return f"{operation.op}()"


def write_chunk(operations: Iterable[Operation]) -> str:
    """Write the program of a chunk, one operation a line; a chunk without operations is kept.

    >>> write_chunk([]), write_chunk([Operation("remove_lines", 0, 4)])
    ('keep_chunk()', 'remove_lines(start=0, end=4)')
    """
    return "\n".join(map(write, operations)) or "keep_chunk()"


def write_removals(ranges: Iterable[tuple[int, int]]) -> str:
    """Write the program that removes ranges of a chunk's lines.

    >>> write_removals([(0, 4)])
    'remove_lines(start=0, end=4)'
    """
    return write_chunk(Operation("remove_lines", start, end) for start, end in ranges)


def _escaped(text: str | None) -> str:
    return (text or "").translate(_ESCAPES)
