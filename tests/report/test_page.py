"""The page: complete, escaped, and in a browser as on paper."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.report_facts import HOSTILE, facts

from prox_spark.report import charts
from prox_spark.report.page import render

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Elements(HTMLParser):
    """Collect the elements of a page, and whether each that opens is closed."""

    VOID = ("meta", "link", "img", "br", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    return render(facts())


def test_copies_stand_beside_what_they_repeat_with_the_sizes_of_their_families(page: str) -> None:
    section = page[page.index('<section id="copies"') : page.index('<section id="gallery"')]
    assert "93% like https://a.example/" in section
    assert re.search(r">7</td><td class=\"n\">1</td><td class=\"n\">6<", section)
    assert "only in the copy" in section and 'class="line came"' in section and 'class="line went"' in section
    assert 'id="copies"' not in render(facts(families=[], copies=[]))


def test_the_page_loads_nothing_and_is_small(page: str) -> None:
    elements = Elements(page)
    assert elements.open == []
    for tag, attributes in elements.found:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes and "srcset" not in attributes
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"url\((?!#c)|@import", page)
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(page.encode()) < 200_000


def test_hostile_text_stays_text(page: str) -> None:
    assert "<script>alert" not in page and "<img" not in page
    assert page.count("<script") == 1
    assert "javascript:" not in "".join(str(attributes.get("href", "")) for _, attributes in Elements(page).found)
    assert not set(HOSTILE) & {"\x00"} & set(page)
    assert "\u202e" not in page


def test_every_chart_is_labelled_and_takes_its_colours_from_the_page(page: str) -> None:
    assert page.count("<svg") == 5
    assert 'fill="var(--edited)"' in page
    assert not re.search(r'"#0102[0-9a-f]{2}"', page)
    assert "aria-label" in page and "graphics-symbol" in page


def test_names_that_begin_alike_are_bars_of_their_own() -> None:
    names = [f"a-pass-with-a-rather-long-name-{number}" for number in (1, 2)]
    rows = [{"pass_name": name, "op": "remove_lines", "status": "applied", "operations": 7} for name in names]
    drawn = charts.operations(rows)
    assert all(f"operation: {name}: remove_lines" in drawn for name in names)


def test_a_version_without_passes_or_texts_has_a_page_too() -> None:
    nothing = facts(
        passes=[], stages=[], operations=[], lines=[], gallery=[], reasons=[], histogram=[], runs=[], sources=[]
    )
    page = render(nothing)
    assert "No pass has been applied" in page
    assert Elements(page).open == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")
    unpacked = Path(sys.prefix, "chromium", "chromium")  # make chromium
    named = os.environ.get("PROX_SPARK_CHROMIUM") or (str(unpacked) if unpacked.exists() else None)
    found = named or next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_api.sync_playwright() as playwright:
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium: make chromium, or name one in PROX_SPARK_CHROMIUM")
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def seen(browser: Browser, page: str, tmp_path: Path) -> Iterator[tuple[Page, list[str]]]:
    """Open the page, and give it with all that it complained of or asked the network for."""
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    shown = context.new_page()
    complaints: list[str] = []
    shown.on("console", lambda message: complaints.append(message.text))
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.on("request", lambda request: None if request.url.startswith("file:") else complaints.append(request.url))
    shown.on("dialog", lambda dialog: complaints.append(dialog.message))
    shown.goto(path.as_uri())
    yield shown, complaints
    context.close()


def test_it_renders_in_a_browser_without_a_complaint(seen: tuple[Any, list[str]]) -> None:
    shown, complaints = seen
    assert shown.title() == "Version 3 of lake: what refining did"
    assert shown.locator("figure svg").count() == 5
    assert all(box["width"] > 300 for box in (shown.locator("figure svg").nth(at).bounding_box() for at in range(4)))
    assert complaints == []


def test_the_gallery_is_stepped_through_with_keys_and_buttons(seen: tuple[Any, list[str]]) -> None:
    shown, complaints = seen

    def visible() -> list[int]:
        return [at for at in range(4) if shown.locator(".document").nth(at).is_visible()]

    assert visible() == [0]
    shown.keyboard.press("ArrowRight")
    assert visible() == [1]
    assert shown.locator("#where").inner_text() == "Document 2 of 4"
    shown.locator("#next").click()
    assert visible() == [2]
    shown.keyboard.press("ArrowLeft")
    shown.keyboard.press("ArrowLeft")
    shown.keyboard.press("ArrowLeft")
    assert visible() == [3]
    shown.locator("#choose").select_option("1")
    assert visible() == [1]
    assert complaints == []


def test_it_fits_a_telephone_and_turns_dark(browser: Browser, page: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    papers = []
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, viewport={"width": 390, "height": 800})
        shown = context.new_page()
        shown.goto(path.as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") <= 390
        papers.append(shown.evaluate("getComputedStyle(document.body).backgroundColor"))
        context.close()
    assert papers == ["rgb(255, 255, 255)", "rgb(18, 22, 27)"]


def test_without_script_and_on_paper_all_documents_are_there(browser: Browser, page: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(path.as_uri())
    assert all(shown.locator(".document").nth(at).is_visible() for at in range(4))
    context.close()
    context = browser.new_context()
    shown = context.new_page()
    shown.goto(path.as_uri())
    shown.emulate_media(media="print")
    assert all(shown.locator(".document").nth(at).is_visible() for at in range(4))
    context.close()


def test_scores_and_another_version_stand_on_the_page_where_there_are_any(page: str) -> None:
    assert "Documents by score" in page and "Beside version 2" in page
    assert "80 of 300 documents differ" in page and "ultrax (ultrax, vllm)" in page
    without = render(facts(scores=[], against=None))
    assert "Documents by score" not in without and "Beside version" not in without


def test_what_models_learn_has_a_section_where_it_was_measured_with_hostile_names_escaped() -> None:
    from support.ablation_result import result

    page = render(facts(), result(HOSTILE))
    elements = Elements(page)
    assert elements.open == [] and 'href="#ablation"' in page
    assert "-0.0200" in page and "-0.0300" in page
    assert "<script>alert" not in page and "\x1b" not in page
    assert 'id="ablation"' not in render(facts())
