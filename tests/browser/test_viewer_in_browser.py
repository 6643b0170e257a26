"""The viewer in a real browser: what a reader does with it, and what a hostile file must not do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest
from chromium import Browser
from numpy.typing import NDArray

import gasfield
from gasfield.trajectory import Trajectory
from gasfield.viewing.answers import Answers
from gasfield.viewing.choice import Choice
from gasfield.viewing.scene import Scene
from gasfield.viewing.server import Server

pytestmark = pytest.mark.validate
Write = Callable[..., Path]

HOSTILE = [
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "<!--<script>",
    "&lt;b&gt;'\"`${document.title='taken'}",
    "\u202e\x1b[31m\x07\u2028",
    "__proto__",
]


@pytest.fixture
def walk(series: Write) -> Path:
    """60 rows over 30 frames in 12 dimensions, hostile tokens among them, and bonds that stretch."""
    chance = np.random.default_rng(3)
    frames = np.cumsum(chance.normal(size=(30, 60, 12)), axis=0) + 4 * chance.normal(size=(60, 12))
    tokens = [*HOSTILE, *(f" word{row}" for row in range(len(HOSTILE), 60))]
    return series("walk.h5", frames, tokens, np.array([[0, 2], [2, 4], [4, 6]]), HOSTILE[0])


def page_of(path: Path, other: Path | None = None, **more: object) -> str:
    return gasfield.view(path, other, output=path.with_suffix(".html"), overwrite=True, **more).as_uri()


def nearest(path: Path, frame: int, row: int) -> list[int]:
    """The oracle: all differences in float64."""
    with Trajectory(path) as opened:
        positions = opened.frame(frame).astype(np.float64)
    apart = np.linalg.norm(positions - positions[row], axis=1)
    apart[row] = np.inf
    return np.argsort(apart, kind="stable")[:10].tolist()


def listed(browser: Browser) -> list[int]:
    return browser.driver.execute_script(
        "return [...document.querySelectorAll('.neighbours li')].map((item) => Number(item.dataset.row))"
    )


def click_row(browser: Browser, row: int) -> None:
    """A click of the mouse where the row is drawn."""
    from selenium.webdriver import ActionChains

    browser.run("viewer.view.draw()")
    x, y = browser.run(f"return viewer.view.placeOf(0, {row})")
    stage = browser.driver.find_element("css selector", ".stage")
    size = stage.size
    ActionChains(browser.driver).move_to_element_with_offset(
        stage, round(x - size["width"] / 2), round(y - size["height"] / 2)
    ).click().perform()
    browser.until(f"document.querySelector('.selected dd')?.textContent === '{row}'")


def picture(browser: Browser) -> NDArray[np.float64]:
    """What is seen of the points (height, width, 3)."""
    stage = browser.driver.find_element("css selector", ".stage")
    return matplotlib.image.imread(BytesIO(stage.screenshot_as_png))[..., :3].astype(float)


def test_the_slider_moves_the_points(browser: Browser, walk: Path) -> None:
    browser.open(page_of(walk))
    before = picture(browser)
    slider = browser.driver.find_element("css selector", ".timeline input")
    slider.send_keys("\ue010")  # End
    browser.until("document.querySelector('.step').textContent === 'step 290'")
    browser.run("viewer.view.draw()")
    assert np.mean(np.abs(picture(browser) - before)) > 0.002
    slider.send_keys("\ue011")  # Home
    browser.until("document.querySelector('.step').textContent === 'step 0'")
    browser.run("viewer.view.draw()")
    assert np.array_equal(picture(browser), before)


def test_a_flat_space_is_drawn_to_scale(browser: Browser, series: Write) -> None:
    """The corners of a rectangle of sides 4 and 2 are pixels apart as 2 to 1, and points are where they should be."""
    corners = np.array([[[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [0.0, 2.0]]])
    browser.open(page_of(series("a.h5", corners, ["a", "b", "c", "d"])))
    browser.run("viewer.view.draw()")
    a, b, c, d = np.array(browser.run("return [0, 1, 2, 3].map((row) => viewer.view.placeOf(0, row))"))
    cell = (b - a)[0] / 65534  # each place is within half a cell
    assert np.allclose([b - a, c - d], [[2 * (a - d)[1], 0]] * 2, rtol=0, atol=2.01 * cell)
    seen = picture(browser)
    for x, y in (a, b, c, d):
        assert seen[round(y), round(x)].min() < 0.5  # a point on white paper
        assert np.all(seen[round(y), round(x) - 12] > 0.95)


def test_a_click_selects_a_row_and_lists_its_neighbours(browser: Browser, walk: Path) -> None:
    """At the first, the last, and a middle frame of those of which a page knows neighbours."""
    browser.open(page_of(walk, neighbours=4))
    known = browser.run("return viewer.source.description.panels[0].near")
    browser.until("document.querySelector('.waiting') === null")
    for frame, row in zip(known, (11, 33, 20, 7), strict=True):
        browser.run(f"await viewer.source.rest; await viewer.select(0, -1); viewer.timeline.seek({10 * frame})")
        click_row(browser, row)
        browser.until(f"document.querySelector('.details').dataset.step === '{10 * frame}'")
        assert browser.driver.find_element("css selector", "h2.token").text.strip() == f"word{row}"
        browser.run("await viewer.details.show()")
        assert listed(browser) == nearest(walk, frame, row)
        before = nearest(walk, 0, row)
        changes = browser.driver.execute_script(
            "return [...document.querySelectorAll('.neighbours li .change')].map((part) => part.textContent)"
        )
        wanted = [
            "new" if r not in before else "=" if before.index(r) == i else f"was {before.index(r) + 1}"
            for i, r in enumerate(nearest(walk, frame, row))
        ]
        assert changes == (wanted if frame else [""] * 10)


def test_a_search_finds_tokens_and_leads_to_rows(browser: Browser, walk: Path) -> None:
    browser.open(page_of(walk))
    browser.driver.find_element("css selector", "body").send_keys("/")
    box = browser.driver.switch_to.active_element
    box.send_keys("WORD3")
    found = "return [...document.querySelectorAll('.found button')].map((item) => Number(item.dataset.row))"
    assert browser.driver.execute_script(found) == list(range(30, 40))
    assert browser.run("return viewer.view.marked[0].length") == 10
    box.send_keys("\ue007")  # Enter
    browser.until("document.querySelector('.selected dd')?.textContent === '30'")
    browser.run("viewer.search.box.value = '#41'; viewer.search.show()")
    assert browser.driver.execute_script(found) == [41]


def test_play_goes_to_the_end_and_stops(browser: Browser, walk: Path) -> None:
    browser.open(page_of(walk))
    body = browser.driver.find_element("css selector", "body")
    browser.run("viewer.timeline.rate = 60")
    body.send_keys(" ")
    browser.until("document.querySelector('.step').textContent === 'step 290'")
    browser.until("document.querySelector('.play').getAttribute('aria-label') === 'play'")
    assert browser.run("return viewer.view.drawn") > 5
    body.send_keys("\ue012")  # left
    browser.until("document.querySelector('.step').textContent === 'step 280'")


def test_every_colouring_and_trails_are_drawn(browser: Browser, walk: Path) -> None:
    browser.open(page_of(walk))
    browser.run("await viewer.source.rest; viewer.timeline.goTo(20)")
    seen = []
    names = browser.run("return viewer.names")
    assert {"group", "token class", "step length", "distance from the start", "norm"} <= set(names)
    for name in names:
        browser.run(f"viewer.setColouring({name!r}); viewer.view.draw()")
        seen.append(picture(browser))
    assert all(np.any(one != other) for i, one in enumerate(seen) for other in seen[:i])
    browser.run("viewer.setColouring('group'); viewer.setTrails(20); viewer.view.draw()")
    assert np.mean(np.abs(picture(browser) - seen[0])) > 3e-4
    browser.run("viewer.setTrails(0); viewer.view.draw()")
    browser.driver.find_element("css selector", ".class").click()  # hides the first class
    browser.run("viewer.view.draw()")
    assert np.mean(np.abs(picture(browser) - seen[0])) > 3e-4


def test_fit_shows_all_rows_of_a_frame_and_no_more(browser: Browser, walk: Path) -> None:
    browser.open(page_of(walk))
    browser.run("await viewer.source.rest; viewer.timeline.goTo(3); viewer.view.fit(); viewer.view.draw()")
    places = np.array(browser.run("return [...Array(60).keys()].map((row) => viewer.view.placeOf(0, row))"))
    size = np.array(browser.run("return [viewer.stage.clientWidth, viewer.stage.clientHeight]"))
    assert np.all((places > 0) & (places < size))
    assert np.max(np.ptp(places, axis=0) / size) > 0.6
    browser.run("viewer.view.camera.reset(); viewer.view.draw()")
    places = np.array(browser.run("return [...Array(60).keys()].map((row) => viewer.view.placeOf(0, row))"))
    assert np.max(np.ptp(places, axis=0) / size) < 0.5


def test_bonds_have_the_colour_of_their_strain(browser: Browser, series: Write) -> None:
    """A bond that is stretched turns red, one that is shortened blue, one that rests stays grey."""
    start = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 2.0], [1.0, 2.0]])
    later = start.copy()
    later[1, 0], later[3, 0] = 1.6, 0.4
    bonds = np.array([[0, 1], [2, 3], [4, 5]])
    browser.open(page_of(series("a.h5", np.stack([start, later]), ["x"] * 6, bonds)))
    browser.run("await viewer.source.rest; viewer.timeline.goTo(1); viewer.view.draw()")
    seen = picture(browser)
    places = np.array(browser.run("return [...Array(6).keys()].map((row) => viewer.view.placeOf(0, row))"))

    def colour(bond: list[int]) -> NDArray[np.float64]:
        """The most colourful pixel across the middle of a bond."""
        x, y = np.round(0.5 * (places[bond[0]] + places[bond[1]])).astype(int)
        across = seen[y - 3 : y + 4, x]
        return across[np.argmax(np.ptp(across, axis=1))]

    stretched, shortened, resting = map(colour, bonds)
    assert stretched[0] > stretched[2] + 0.3
    assert shortened[2] > shortened[0] + 0.3
    assert np.ptp(resting) < 0.1


def test_two_trajectories_are_locked_together(browser: Browser, walk: Path, series: Write) -> None:
    """The same row is selected in both, at the same step, seen from the same side; a later start is no frame yet."""
    with Trajectory(walk) as opened:
        positions = opened.positions()
        tokens = opened.tokens
    other = series("other.h5", positions + 0.05 * np.random.default_rng(0).normal(size=positions.shape), tokens)
    browser.open(page_of(walk, other))
    browser.run(
        "await viewer.source.rest; viewer.timeline.goTo(12); viewer.view.camera.rotate(0.3, 0.1);"
        "await viewer.select(1, 9); viewer.view.draw()"
    )
    assert browser.run("return viewer.view.selected") == [9, 9]
    assert browser.run("return viewer.view.panels.map((panel) => panel.frame)") == [12, 12]
    first, second = (np.array(browser.run(f"return viewer.view.placeOf({p}, 9)")) for p in (0, 1))
    left = browser.run("return viewer.view.rectangle(1)[0]")
    assert 0 < np.linalg.norm(second - first - [left, 0]) < 12
    assert len(browser.driver.find_elements("css selector", ".selected")) == 2
    captions = [each.text for each in browser.driver.find_elements("css selector", ".caption")]
    assert captions == ["walk.h5", "other.h5"]


def test_points_drawn_by_the_processor_are_those_of_the_shaders(browser: Browser, series: Write) -> None:
    """In three dimensions (depth, fog) and in two (opacity), in part outside of the window, rows without a place and a
    hidden class among them; against the same picture one pixel beside. Shaders draw where there are lines, too."""
    frames = np.random.default_rng(0).normal(size=(2, 2500, 3))
    frames[:, 7] = np.nan
    for dimensions in (3, 2):
        path = series(f"{dimensions}.h5", frames[..., :dimensions], [f"t{row}" for row in range(2500)])
        browser.open(page_of(path, neighbours=0))
        seen = []
        for paper_from in ("Infinity", "1"):
            browser.run(
                f"await viewer.source.rest; viewer.view.drawing.paperFrom = {paper_from}; viewer.view.camera.reset();"
                "viewer.view.camera.zoomAt(2.5, 30, 20, 1000, 500); viewer.view.draw()"
            )
            seen.append(picture(browser))
            assert browser.run("return viewer.view.paper.hidden") == (paper_from == "Infinity")
        apart = np.abs(seen[1] - seen[0]).mean()
        assert apart < 0.1 * np.abs(seen[1][:, 1:] - seen[0][:, :-1]).mean()
        assert apart < 0.1 * np.abs(seen[1][1:] - seen[0][:-1]).mean()
        browser.driver.find_element("css selector", ".class").click()  # hides the first class
        browser.run("viewer.view.draw()")
        hidden = picture(browser)
        assert (hidden.min(axis=-1) < 0.9).mean() < 0.7 * (seen[1].min(axis=-1) < 0.9).mean()
        seen = []
        for paper_from in ("Infinity", "1"):
            browser.run(f"viewer.view.drawing.paperFrom = {paper_from}; viewer.timeline.goTo(1); viewer.setTrails(1);")
            browser.run("viewer.view.draw()")
            seen.append(picture(browser))
        assert browser.run("return [viewer.view.paper.hidden, viewer.view.canvas.hidden]") == [dimensions == 3, False]
        assert np.abs(seen[1] - seen[0]).mean() < 0.25 * np.abs(seen[0] - hidden).mean()


def test_stills_are_pictures_of_what_is_seen(browser: Browser, walk: Path, tmp_path: Path) -> None:
    browser.open(page_of(walk))
    browser.run("await viewer.source.rest; viewer.timeline.goTo(5); await viewer.select(0, 1)")
    for kind in ("png", "svg"):
        browser.run(f"await viewer.still('{kind}')")
        end = time.monotonic() + 20
        while not (tmp_path / f"step-50.{kind}").exists() and time.monotonic() < end:
            time.sleep(0.05)
    assert matplotlib.image.imread(tmp_path / "step-50.png")[..., :3].std() > 0.05
    drawing = ElementTree.parse(tmp_path / "step-50.svg").getroot()
    svg = "{http://www.w3.org/2000/svg}"
    circles = [circle for circle in drawing.iter(f"{svg}circle") if circle.get("fill") != "none"]
    assert len(circles) == 60
    assert len(list(drawing.iter(f"{svg}line"))) == 3
    assert HOSTILE[1] in [text.text for text in drawing.iter(f"{svg}text")]


def test_tokens_of_strangers_are_text(browser: Browser, walk: Path) -> None:
    """Shown in the title, in labels, lists, tips and search, they neither become elements nor run."""
    browser.open(page_of(walk))
    for row in range(len(HOSTILE)):
        browser.run(f"await viewer.source.rest; await viewer.select(0, {row}); viewer.hover(0, {row})")
    browser.run("viewer.search.box.value = 'o'; viewer.search.show()")
    title = browser.driver.execute_script("return document.title")
    assert title == f"{HOSTILE[0]} - gasfield"
    assert browser.driver.execute_script("return document.querySelectorAll('img, b, iframe').length") == 0
    shown = browser.run("await viewer.select(0, 1); return document.querySelector('h2.token').textContent")
    assert shown == HOSTILE[1]
    shown = browser.run("await viewer.select(0, 4); return document.querySelector('h2.token').textContent")
    assert shown == "\\u202e\\x1b[31m\\x07\\u2028"


def test_a_page_reaches_nothing(browser: Browser, walk: Path) -> None:
    """What the policy forbids is refused; the browser says so on the console, which is the only thing it may say."""
    browser.open(page_of(walk))
    assert (
        browser.run("try { await fetch('https://example.org/'); return 'reached'; } catch { return 'refused'; }")
        == "refused"
    )
    assert (
        browser.run(
            "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
            "document.body.append(s); return window.ran ?? 0"
        )
        == 0
    )
    said = browser.said()
    assert said
    assert all("Content Security Policy" in message for message in said)


def test_a_narrow_window_has_everything_one_below_the_other(browser: Browser, walk: Path) -> None:
    browser.size(420, 800)
    browser.open(page_of(walk))
    assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= 420
    tops = [
        browser.driver.find_element("css selector", part).rect["y"]
        for part in ("header", ".stage", ".timeline", "aside")
    ]
    assert tops == sorted(tops)
    browser.run("await viewer.source.rest; viewer.view.camera.zoomAt(2, 0, 0, 100, 100)")
    for theme in ("true", "false"):
        browser.run(f"viewer.setTheme({theme}); viewer.view.draw()")
        assert (picture(browser).mean() < 0.5) == (theme == "true")


def test_a_server_answers_for_every_frame(browser: Browser, walk: Path) -> None:
    with Trajectory(walk) as opened:
        server = Server(Answers([Scene.of(opened, Choice())]))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            browser.open(server.address)
            for frame, row in ((0, 12), (13, 40), (29, 8)):
                browser.run(f"viewer.timeline.seek({10 * frame})")
                browser.until(f"document.querySelector('.step').textContent === 'step {10 * frame}'")
                browser.run(
                    f"while (viewer.view.panels[0].frame !== {frame}) await new Promise((go) => setTimeout(go, 10));"
                    f"await viewer.select(0, {row})"
                )
                assert listed(browser) == nearest(walk, frame, row)
            browser.run("viewer.setColouring('step length'); viewer.setTrails(5)")
            browser.run("while (viewer.view.late) await new Promise((go) => setTimeout(go, 10))")
        finally:
            browser.driver.get("about:blank")
            server.stop()
            thread.join()
            server.close()
