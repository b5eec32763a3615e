"""The page in a real browser: nothing runs, nothing is asked for, and everyone can read it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.conftest import Folder
from tests.analysis.report.browser import Chromium, chromium
from tests.analysis.report.conftest import JOB, Desk
from tests.analysis.report.test_hostile import HOSTILE

PHONE = {"viewport": {"width": 360, "height": 740}}
DESK = {"viewport": {"width": 1280, "height": 900}}
BROWSERS_OWN = {"html", "head", "body"}

CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const luminance = ([r, g, b]) => { const [R, G, B] = [r, g, b].map((part) => { part /= 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * R + 0.7152 * G + 0.0722 * B; };
  const behind = (element) => { for (; element; element = element.parentElement) {
    const colour = rgb(getComputedStyle(element).backgroundColor); if (colour[3] === 255) return colour; }
    return [255, 255, 255]; };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const colour = element.closest('svg') ? style.fill : style.color;
    const [one, two] = [luminance(rgb(colour)), luminance(behind(element.closest('figure') || element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)}: ${element.className} ${walker.currentNode.data.slice(0, 40)}`);
  }
  return found;
}"""
STRUCTURE = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const text = (id) => (document.getElementById(id)?.textContent || '').trim();
  const named = (element) => element.getAttribute('aria-label') || (element.getAttribute('aria-labelledby') || '')
    .split(' ').map(text).join('').trim();
  const ids = all('[id]').map((element) => element.id);
  return {
    lang: document.documentElement.lang, title: document.title,
    headings: all('h1, h2, h3, h4').map((element) => [Number(element.tagName[1]), element.textContent.trim()]),
    landmarks: ['header', 'nav', 'main', 'footer'].map((name) => all(name).length),
    unnamed: all('nav, section, figure, [role=region], ol[aria-labelledby]').filter((element) => !named(element))
      .map((element) => element.outerHTML.slice(0, 80)),
    repeated: ids.filter((id, at) => ids.indexOf(id) !== at),
    dangling: [...all('a[href^="#"]').map((element) => element.getAttribute('href').slice(1)),
      ...all('[aria-labelledby]').flatMap((element) => element.getAttribute('aria-labelledby').split(' ')),
      ...all('use').map((element) => element.getAttribute('xlink:href').slice(1))]
      .filter((id) => !document.getElementById(id)),
    tables: all('table').filter((table) => !table.caption?.textContent.trim()
      || [...table.querySelectorAll('th')].some((cell) => !cell.scope) || !table.querySelector('th')).length,
    drawings: all('svg').filter((element) => element.getAttribute('aria-hidden') !== 'true').length,
    unreachable: all('.scroll').filter((element) => element.tabIndex !== 0).length,
    elements: [...new Set(all('*').map((element) => element.tagName.toLowerCase()))],
    links: all('[href], [src]').map((element) => element.getAttribute('href') || element.getAttribute('src'))
      .filter((target) => !target.startsWith('#') && target !== 'data:,'),
  };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the page of a report that has every section, and something hostile in each place."""
    before = dict(os.environ)
    desk = Desk(Folder(tmp_path_factory.mktemp("desk") / "data"))
    texts = [text for text in HOSTILE if text.isprintable() or text.isascii()]
    events: list[dict[str, Any]] = [
        {
            "@timestamp": f"2026-01-0{day}T{hour:02}:{minute:02}:00Z",
            "source.ip": "10.0.0.1",
            "user.name": texts[hour % len(texts)],
        }
        for day in (1, 2, 5)
        for hour in range(24)
        for minute in (0, 30)
    ]
    events[0] |= {text: text for text in texts} | {"message": "m" * 1_000_000, "host.name": "w" * 900}
    name = desk.folder.jsonl("a.jsonl", events)
    desk.remember(name, sha256="0" * 64, expected_events=len(events))
    rules = [
        {
            "title": text,
            "level": level,
            "tags": [text, "attack.t1059.001"],
            "matches": 3,
            "first": "2026-01-01T00:00:00.000Z",
            "last": text,
            "examples": [{text: text, "@timestamp": "2026-01-01T00:00:00.000Z"}],
            "missing_fields": [text],
        }
        for text, level in zip(texts, ["critical", "high", "medium", "low", "informational"] * 9, strict=False)
    ]
    observables = [
        {"type": "url", "value": text, "count": 2, "first_seen": "x", "last_seen": "y", "private": bool(at % 2)}
        for at, text in enumerate(texts)
    ]
    made = desk.report(
        file_path=name,
        title=texts[0],
        case=texts[1],
        author=texts[2],
        query=" ".join(texts),
        hunt_results={"rules": rules, "unusable_rules": [{"title": text, "reason": text} for text in texts]},
        observables=observables,
    )
    os.environ.clear()
    os.environ.update(before)
    return made.page


def test_nothing_runs_and_nothing_is_asked_for(browser: Chromium, page: Path) -> None:
    with browser.open(page, **DESK) as looked:
        for summary in looked.page.query_selector_all("summary"):
            summary.click()
        found = looked.page.evaluate(STRUCTURE)
        assert looked.complaints == []
    assert not {"script", "img", "iframe", "form", "object", "embed", "b", "em"} & set(found["elements"])
    assert found["links"] == []


@pytest.mark.parametrize(
    "smuggled",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<style>body { display: none }</style>",
        "<p style='color: red'>x</p>",
        "<img src='http://127.0.0.1:9/x.png'>",
        "<link rel=stylesheet href='http://127.0.0.1:9/x.css'>",
        "<iframe src='http://127.0.0.1:9/'></iframe>",
    ],
)
def test_the_policy_stops_even_what_escaping_would_have_missed(
    browser: Chromium, page: Path, tmp_path: Path, smuggled: str
) -> None:
    holed = tmp_path / "holed.html"
    holed.write_text(page.read_text().replace('<main id="main">', f'<main id="main">{smuggled}'))
    with browser.open(holed, **DESK) as looked:
        looked.page.wait_for_function("document.readyState === 'complete'")
        assert any("Content Security Policy" in complaint for complaint in looked.complaints), looked.complaints
        assert not [complaint for complaint in looked.complaints if complaint.startswith("dialog")]
        assert looked.page.is_visible("h1")


def test_who_does_not_see_the_page_can_read_it(browser: Chromium, page: Path) -> None:
    with browser.open(page, **DESK) as looked:
        found = looked.page.evaluate(STRUCTURE)
    assert (found["lang"], found["landmarks"]) == ("en", [1, 1, 1, 1])
    assert found["title"]
    levels = [level for level, _ in found["headings"]]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(text for _, text in found["headings"])
    for name in ("unnamed", "repeated", "dangling"):
        assert found[name] == [], name
    assert (found["tables"], found["drawings"], found["unreachable"]) == (0, 0, 0)


def test_the_keyboard_reaches_the_report_first_and_what_scrolls(browser: Chromium, page: Path) -> None:
    with browser.open(page, **DESK) as looked:
        looked.page.keyboard.press("Tab")
        assert looked.page.evaluate("document.activeElement.textContent") == "Skip to the report"
        assert looked.page.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
        looked.page.keyboard.press("Enter")
        assert looked.page.evaluate("location.hash") == "#main"
        looked.page.keyboard.press("Tab")
        reached = looked.page.evaluate("document.querySelector('main').contains(document.activeElement)")
        assert reached
        assert looked.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(browser: Chromium, page: Path, scheme: str) -> None:
    with browser.open(page, **DESK, color_scheme=scheme, forced_colors="none") as looked:
        looked.page.evaluate("document.querySelectorAll('details').forEach((element) => element.open = true)")
        background = looked.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        assert looked.page.evaluate(CONTRAST) == []


@pytest.mark.parametrize(("options", "shown"), [(PHONE, "narrow"), (DESK, "wide")], ids=["phone", "desk"])
def test_a_page_is_as_wide_as_the_screen_and_has_its_drawing(
    browser: Chromium, page: Path, options: dict[str, Any], shown: str
) -> None:
    with browser.open(page, **options) as looked:
        width = options["viewport"]["width"]
        assert looked.page.evaluate("document.documentElement.scrollWidth") == width
        drawings = {kind: looked.page.is_visible(f"svg.{kind}") for kind in ("wide", "narrow")}
        assert drawings == {kind: kind == shown for kind in drawings}
        smallest = looked.page.evaluate(
            "Math.min(...[...document.querySelectorAll('svg text')].filter((text) => text.checkVisibility())"
            ".map((text) => text.getBoundingClientRect().height))"
        )
        assert smallest > 9
        assert "gaps without any event" in looked.page.inner_text("figcaption")


def test_paper_has_no_navigation_and_dark_ink(browser: Chromium, page: Path) -> None:
    with browser.open(page, **DESK, color_scheme="dark") as looked:
        looked.page.emulate_media(media="print")
        assert not looked.page.is_visible("nav")
        assert looked.page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert looked.page.pdf(format="A4").startswith(b"%PDF")
        assert JOB in looked.page.inner_text("main")
        assert looked.complaints == []
