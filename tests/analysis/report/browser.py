"""A real browser for pages: Debian's Chromium, headless, in which whatever is no page of ours is an error."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip


@dataclass
class Looked:
    """A page that was opened, and whatever a page of ours never does.

    Attributes:
        page: to look at.
        complaints: messages of the console, violations of its policy and errors among them; requests, dialogs.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)


class Chromium:
    """A browser that was started."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def open(self, path: Path, **options: Any) -> Iterator[Looked]:
        """Open a file, in a window of its own."""
        with self._browser.new_context(**options) as context:
            looked = Looked(context.new_page())
            url = path.as_uri()
            looked.page.on("console", lambda message: looked.complaints.append(f"console: {message.text}"))
            looked.page.on("pageerror", lambda error: looked.complaints.append(f"error: {error}"))
            looked.page.on("dialog", lambda dialog: looked.complaints.append(f"dialog: {dialog.message}"))
            context.on(
                "request",
                lambda request: None if request.url == url else looked.complaints.append(f"request: {request.url}"),
            )
            looked.page.goto(url, wait_until="load")
            yield looked


@contextmanager
def chromium() -> Iterator[Chromium]:
    """Start the browser, or skip the test with a reason that nobody overlooks."""
    if CHROMIUM is None:
        pytest.skip(
            "THE PAGE OF A REPORT IS NOT TESTED: there is no Chromium; apt-get install chromium, or make browser"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield Chromium(browser)
        browser.close()
