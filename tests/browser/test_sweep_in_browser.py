"""The page of a sweep in a real browser: a point leads to its numbers, its seeds and its run, by mouse and by keys."""

from __future__ import annotations

import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from chromium import Browser
from small_sweeps import scenario

import gasfield
from gasfield.pages.serving import SweepAnswers
from gasfield.sweeps import Sweep
from gasfield.sweeps.points import Point
from gasfield.sweeps.rows import Row
from gasfield.sweeps.table import Table
from gasfield.viewing.server import Server

pytestmark = pytest.mark.validate

HOSTILE = "<img src=x onerror=\"document.title='taken'\"></script><script>document.title='taken'</script>"
RADIUS = "groups.gas.radius.end"
NUMBER = """const number = (name) => viewer.source.description.results.findIndex((each) => each.name === name);"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """24 runs, of which those below zero temperature fail."""
    scan = {"temperature": [-1.0, 0.2, 0.5, 0.9], "forces.0.stiffness": [1.0, 2.0, 4.0], "seeds": 2}
    return gasfield.sweep(scenario(title=HOSTILE), scan, output=tmp_path_factory.mktemp("swept") / "a sweep #1")


@pytest.fixture(scope="module")
def page(made: Sweep) -> str:
    return gasfield.view(made, output=made.directory.parent / "page.html").as_uri()


def texts(browser: Browser, selector: str) -> list[str]:
    found: list[str] = browser.driver.execute_script(
        f"return [...document.querySelectorAll({selector!r})].map((each) => each.textContent)"
    )
    return found


def click_point(browser: Browser, point: int) -> None:
    """A click of the mouse on what is drawn of it."""
    from selenium.webdriver import ActionChains

    drawn = browser.driver.find_element("css selector", f"[data-point='{point}']")
    ActionChains(browser.driver).move_to_element_with_offset(drawn, 3, 3).click().perform()
    browser.until(f"document.querySelector('#viewer .selected') && {point} >= 0")


def press(browser: Browser, keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(browser.driver).send_keys(keys).perform()


def selected(browser: Browser) -> int:
    return int(browser.run("return viewer.state.selected"))


def point_of(made: Sweep, temperature: float, stiffness: float) -> int:
    wanted = {"temperature": temperature, "forces.0.stiffness": stiffness}
    row = next(row for row, point in enumerate(made.table.points) if point.values == wanted)
    return int(made.table.point_of_rows()[row])


def test_a_click_on_a_point_shows_its_values_its_seeds_and_their_runs(browser: Browser, page: str, made: Sweep) -> None:
    browser.open(page)
    browser.run(f"{NUMBER} await viewer.set({{result: number('{RADIUS}'), map: true}})")
    point = point_of(made, 0.5, 2.0)
    click_point(browser, point)
    values = np.asarray(made.table.columns[RADIUS].value)[made.table.point_of_rows() == point]
    value, error = texts(browser, ".selected h2")[0].removesuffix(" length").split(" ± ")
    assert float(value) == pytest.approx(values.mean(), abs=0.51 * 10 ** -len(value.partition(".")[2]))
    assert float(error) == pytest.approx(values.std(ddof=1) / 2**0.5, rel=0.06)
    seeds = texts(browser, ".selected tbody tr td:first-child")
    assert seeds[:2] == ["1", "2"]
    for row, shown in zip(values, texts(browser, ".selected tbody tr td:nth-child(2)"), strict=False):
        assert float(shown.split(" ± ")[0].split(" ")[0]) == pytest.approx(row, abs=0.01)
    link = browser.driver.find_element("css selector", ".selected a.link")
    key = made.table.keys[int(np.flatnonzero(made.table.point_of_rows() == point)[0])]
    assert link.get_attribute("href").endswith(f"/a%20sweep%20%231/points/{key[:2]}/{key}/")
    browser.driver.get(link.get_attribute("href"))  # the browser lists the folder
    assert "trajectory.h5" in browser.driver.page_source
    browser.said()  # its own list of a folder has something to say about itself


def test_all_results_of_a_point_can_be_searched(browser: Browser, page: str, made: Sweep) -> None:
    browser.open(page)
    browser.run(f"await viewer.select({point_of(made, 0.2, 1.0)}); document.querySelector('.everything').open = true")
    browser.until(f"document.querySelectorAll('.everything tr').length === {len(made.table.columns)}")
    box = browser.driver.find_element("css selector", ".everything input")
    box.send_keys("radius.end")
    assert texts(browser, ".everything tr:not([hidden]) td:first-child") == sorted(
        name for name in made.table.columns if "radius.end" in name
    )
    assert selected(browser) >= 0  # keys in a search are no commands


def test_failed_points_say_why_and_can_be_found(browser: Browser, page: str, made: Sweep) -> None:
    browser.open(page)
    assert texts(browser, ".failures summary") == ["6 failed runs"]
    assert len(texts(browser, "path.failed")) == 2 * 3  # each with a margin of the paper's colour
    browser.driver.find_element("css selector", ".failures summary").click()
    browser.driver.find_element("css selector", ".failures button").click()
    browser.until("document.querySelector('#viewer .selected')")
    point = selected(browser)
    assert made.table.points[int(np.flatnonzero(made.table.point_of_rows() == point)[0])].values["temperature"] == -1.0
    assert all("temperature" in said for said in texts(browser, "tr.failed td:nth-child(2)"))
    assert texts(browser, ".selected h2") == ["–"]
    assert texts(browser, ".selected tbody a.link") == []


def test_keys_go_from_point_to_point_and_choose_what_is_drawn(browser: Browser, page: str, made: Sweep) -> None:
    from selenium.webdriver import Keys

    browser.open(page)
    browser.run("await viewer.set({map: true})")
    keys = browser.run("return [viewer.state.x, viewer.state.y].map((k) => viewer.source.description.keys[k].name)")
    assert keys == ["temperature", "forces.0.stiffness"]
    browser.run(f"await viewer.select({point_of(made, 0.2, 1.0)})")
    for key, temperature, stiffness in (
        (Keys.ARROW_RIGHT, 0.5, 1.0), (Keys.ARROW_UP, 0.5, 2.0), (Keys.ARROW_UP, 0.5, 4.0), (Keys.ARROW_UP, 0.5, 4.0),
        (Keys.ARROW_LEFT, 0.2, 4.0), (Keys.ARROW_DOWN, 0.2, 2.0),
    ):  # fmt: skip
        press(browser, key)
        assert selected(browser) == point_of(made, temperature, stiffness)
    press(browser, Keys.ESCAPE)
    assert selected(browser) == -1
    press(browser, "m")
    browser.until("document.querySelectorAll('path.band').length === 3")
    assert texts(browser, ".legend .entry") == ["1", "2", "4"]
    press(browser, "y")
    browser.until("document.querySelectorAll('path.band').length === 1")  # one line, and a choice of the other key
    assert texts(browser, ".controls .row option") == ["1", "2", "4"]
    before = browser.run("return viewer.state.result")
    press(browser, "r")
    assert browser.run("return viewer.state.result") == before + 1
    press(browser, "R")
    press(browser, "v")
    browser.until("document.querySelectorAll('path.band').length === 0")
    press(browser, "x")
    assert browser.run("return viewer.source.description.keys[viewer.state.x].name") == "forces.0.stiffness"


@pytest.fixture
def ordered(tmp_path: Path) -> Sweep:
    """A result with a peak at T = 1 + b/2 for each b, exact but for its errors."""
    points = [
        Point({"temperature": 0.25 * t, "b": b}, seed) for b in (0.0, 1.0, 2.0) for t in range(13) for seed in (0, 1)
    ]
    table = Table((f"{number:032x}", point) for number, point in enumerate(points))
    for key, point in zip(table.keys, points, strict=True):
        away = point.values["temperature"] - 1.0 - point.values["b"] / 2.0
        table.put(Row(point.text(), key, "done", results={"a.susceptibility": (3.0 - away**2, 0.05, "1")}))
    return Sweep(tmp_path, table)


def test_transitions_are_drawn_where_they_are(browser: Browser, ordered: Sweep, tmp_path: Path) -> None:
    """On the map over temperature and b, on lines over temperature, and with the axes exchanged."""
    browser.open(gasfield.view(ordered, output=tmp_path / "a.html").as_uri())
    said = texts(browser, ".transitions li b")
    assert [float(text.removeprefix("temperature = ").split(" ± ")[0]) for text in said] == pytest.approx(
        [1, 1.5, 2], abs=0.05
    )
    assert all(" ± " in text for text in said)
    where = (
        "return [...document.querySelectorAll('circle:not([data-point])')]"
        ".map((c) => [Number(c.getAttribute('cx')), Number(c.getAttribute('cy'))])"
    )
    place = "const d = viewer.diagram; return [[1, 0], [1.5, 1], [2, 2]].map(([t, b]) => %s)"
    assert np.allclose(
        browser.run(where), browser.run(place % "[d.px(d.across.place(t)), d.py(d.up.place(b))]"), atol=4
    )
    browser.run("await viewer.setAxis('x', viewer.state.y)")
    assert np.allclose(
        browser.run(where), browser.run(place % "[d.px(d.across.place(b)), d.py(d.up.place(t))]"), atol=4
    )
    browser.run("await viewer.setAxis('x', viewer.state.y); await viewer.set({map: false})")
    assert browser.run("return document.querySelectorAll('rect.transition').length") == 3


def test_a_page_of_a_sweep_in_the_dark_in_a_narrow_window_and_as_a_still(browser: Browser, page: str) -> None:
    browser.size(420, 800)
    browser.open(page)
    assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= 420
    tops = [
        browser.driver.find_element("css selector", part).rect["y"]
        for part in ("header", ".controls", ".stage", "aside")
    ]
    assert tops == sorted(tops)
    for dark in ("true", "false"):
        browser.run(f"viewer.setTheme({dark})")
        seen = matplotlib.image.imread(BytesIO(browser.driver.get_screenshot_as_png()))[..., :3]
        assert (seen[:, :8].mean() < 0.5) == (dark == "true")
    size, head = browser.run(
        "const blob = await viewer.still('png');"
        "const picture = await createImageBitmap(blob); return [[picture.width, picture.height], blob.type]"
    )
    assert head == "image/png"
    assert size[0] == 2 * browser.run("return viewer.stage.clientWidth")
    svg = browser.run("return await (await viewer.still('svg')).text()")
    assert "&lt;img" in svg
    assert "<img" not in svg


def test_hostile_titles_of_a_sweep_are_text(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.run("await viewer.select(0); await viewer.select(3)")
    assert browser.driver.execute_script("return document.title") == f"{HOSTILE} - gasfield"
    assert texts(browser, "h1") == [HOSTILE]
    assert browser.driver.execute_script("return document.querySelectorAll('img, iframe').length") == 0


def test_the_served_page_opens_the_page_of_a_run(browser: Browser, made: Sweep) -> None:
    answers = SweepAnswers(made.directory, lambda sweep: None)
    server = Server(answers)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        browser.open(server.address)
        browser.run(f"await viewer.select({point_of(made, 0.5, 2.0)})")
        address: Any = browser.driver.find_element("css selector", ".selected a.link").get_attribute("href")
        assert address.startswith(f"{server.address}run/")
        browser.open(address)
        browser.until("document.querySelector('.timeline input').max === '30'")
        browser.run("await viewer.select(0, 2)")
        assert len(texts(browser, ".neighbours li")) == 3
    finally:
        server.stop()
        thread.join()
        server.close()
        answers.close()
