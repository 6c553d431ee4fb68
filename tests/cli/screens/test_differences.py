"""The difference of two texts on a terminal."""

from __future__ import annotations

from prox_spark.cli.screens.differences import difference


def lines(before: str, after: str, longest_run: int = 6) -> list[str]:
    return difference(before, after, longest_run=longest_run).plain.split("\n")


def test_removed_and_changed_lines_have_their_signs() -> None:
    assert lines("Menu\nA page.\nBy  me", "A page.\nBy me") == ["- Menu", "  A page.", "- By  me", "+ By me"]


def test_removed_lines_are_red_and_added_ones_green() -> None:
    shown = difference("Menu\nA page.", "A page.\nMore.")
    styles = {shown.plain[span.start : span.end].strip(): str(span.style) for span in shown.spans}
    assert styles == {"- Menu": "red", "+ More.": "green"}


def test_a_long_run_is_shown_by_its_ends_and_the_number_between() -> None:
    before = "\n".join(f"item {number}" for number in range(100))
    shown = lines(f"{before}\nA page.", "A page.", longest_run=5)
    assert shown == ["- item 0", "- item 1", "… 96 more lines removed", "- item 98", "- item 99", "  A page."]


def test_the_same_text_has_no_signs() -> None:
    assert lines("a\nb", "a\nb") == ["  a", "  b"]


def test_characters_that_would_steer_the_terminal_are_not_printed() -> None:
    assert "\x1b" not in difference("\x1b[31mred\x07", "x").plain


def test_brackets_are_text_and_not_markup() -> None:
    assert lines("[bold]x[/bold]", "[bold]x[/bold]") == ["  [bold]x[/bold]"]
