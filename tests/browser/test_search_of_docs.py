"""The site of the docs: it is made without a warning, needs no network, and its search answers newcomers."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from paths import ROOT

pytestmark = pytest.mark.validate
DOCS = ROOT / "docs"
QUESTION = re.compile(r"^\| .* \| (?P<words>[^|]+) \| \[.*\]\((?P<page>[^)]+)\.md\) \|$", re.MULTILINE)
QUESTIONS = [(found["words"], found["page"]) for found in QUESTION.finditer((DOCS / "questions.md").read_text())]
FIRST = 3
"""Of the pages that are found, among which the answer must be."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; a warning, such as a link that leads nowhere, fails."""
    pytest.importorskip("sphinx", reason="needs the extra `gasfield[docs]`")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(DOCS), str(folder)]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *values: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_nothing_comes_from_the_network(site: Path) -> None:
    """Scripts, styles, fonts and pictures."""
    pages = "".join(page.read_text() for page in site.rglob("*.html"))
    assert re.findall(r'<(?:script|img|link|iframe)[^>]+(?:src|href)="(?:https?:)?//[^"]+"', pages) == []
    styles = "".join(style.read_text() for style in site.rglob("*.css"))
    assert re.findall(r"url\(['\"]?(?:https?:)?//[^)]+\)|@import[^;]+//[^;]+", styles) == []


def test_there_are_twenty_questions() -> None:
    assert len(QUESTIONS) == 20


def test_the_api_has_every_public_name() -> None:
    import gasfield

    page = (DOCS / "api.md").read_text()
    assert [name for name in gasfield.__all__ if f":: gasfield.{name}\n" not in page] == ["__version__"]


@pytest.mark.parametrize(("words", "page"), QUESTIONS)
def test_the_search_finds_the_answer(chromium: Any, address: str, words: str, page: str) -> None:
    """In the site's own search, among the first hits."""
    assert page in hits_of(chromium, address, words)[:FIRST]


def hits_of(chromium: Any, address: str, words: str) -> list[str]:
    """The pages that the search finds for words, best first, each once."""
    chromium.get(f"{address}/search.html?q={quote(words)}")
    end, hits, before = time.monotonic() + 20, list[str](), None
    while time.monotonic() < end and (not hits or len(hits) != before):
        before = len(hits)
        time.sleep(0.3)
        hits = chromium.execute_script(
            "return [...document.querySelectorAll('#search-results li > a')].map((link) => link.getAttribute('href'))"
        )
    return list(dict.fromkeys(hit.partition("#")[0].partition("?")[0].removesuffix(".html") for hit in hits))
