"""`gasfield play` in a real browser: what mouse and keyboard do stands in the trajectory and in played.yaml."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import yaml
from chromium import WAIT, Browser
from numpy.typing import NDArray

from gasfield import Simulation
from gasfield.playing.inhand import InHand
from gasfield.playing.page import style as style_of_widget
from gasfield.playing.session import Session as PlayedSession
from gasfield.playing.widget import module
from gasfield.trajectory import Trajectory

pytestmark = pytest.mark.validate

BOX = {
    "title": "</script><img src=x onerror=\"document.title='taken'\">",
    "seed": 5,
    "space": {"kind": "box", "dimensions": 2, "sides": [8.0, 6.0]},
    "gas": [{"name": "gas", "from": {"kind": "uniform", "count": 300}}],
    "forces": [{"kind": "gaussian_wells", "wells": [{"at": [-1.5, 0.0], "depth": 1.0, "width": 0.8}]}],
    "dynamics": {"kind": "langevin", "time_step": 0.01, "friction": 1.0},
    "temperature": 0.3,
    "run": {"steps": 1000, "record_every": 5},
}


class Session:
    """A session with its page, and what it leaves."""

    def __init__(self, browser: Browser, process: subprocess.Popen[str], directory: Path) -> None:
        self.browser, self.process, self.directory = browser, process, directory

    def end(self) -> list[dict[str, Any]]:
        """Ends the engine; the events that were played."""
        self.browser.driver.get("about:blank")
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(WAIT) == 0, self.process.stdout.read()
        return yaml.safe_load((self.directory / "played.yaml").read_text()).get("events", [])

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Presses the mouse at a point of the picture [pixels] and lets it go at another."""
        from selenium.webdriver import ActionChains

        stage = self.browser.driver.find_element("css selector", ".stage")
        middle = np.array([stage.size["width"], stage.size["height"]]) // 2
        first, way = np.round(start - middle).astype(int), np.round(np.subtract(end, start)).astype(int)
        chain = ActionChains(self.browser.driver).move_to_element_with_offset(stage, *map(int, first)).click_and_hold()
        (chain.move_by_offset(*map(int, way)) if np.any(way) else chain).release().perform()

    def pause(self) -> None:
        """Pauses, and waits until the last step is drawn."""
        self.browser.run(
            "const { step } = await viewer.ask('pause', true);"
            "const isDrawn = () => viewer.at.step === step && !viewer.framed && !viewer.view.asked;"
            "while (!isDrawn()) await new Promise((go) => setTimeout(go, 20))"
        )

    def pixels(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Where places (n, K) are in the picture [pixels]."""
        return np.array(self.browser.run(f"return {points.tolist()}.map((place) => viewer.places.pixel(place))"))


@pytest.fixture
def play(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Starts a session of a scenario, and opens its page."""
    with ExitStack() as stack:

        def begin(scenario: dict[str, Any] | str, *options: str) -> Session:
            name = scenario if isinstance(scenario, str) else str(tmp_path / "played-with.yaml")
            if isinstance(scenario, dict):
                Path(name).write_text(yaml.safe_dump(scenario))
            directory = tmp_path / "out"
            command = [sys.executable, "-m", "gasfield.cli", "play", name, "--no-browser", "--output", str(directory)]
            process = stack.enter_context(
                ended(subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True))
            )
            address = re.search(r"http://\S+", process.stdout.readline())
            assert address is not None
            browser.open(address.group())
            browser.until("document.getElementById('viewer').dataset.step !== undefined")
            return Session(browser, process, directory)

        yield begin


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended afterwards."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


EVERYTHING = "\ue009a\ue009"  # control A


def picture(browser: Browser) -> NDArray[np.float64]:
    """What is seen of the points (height, width, 3)."""
    stage = browser.driver.find_element("css selector", ".stage")
    return matplotlib.image.imread(BytesIO(stage.screenshot_as_png))[..., :3].astype(float)


def listed(browser: Browser) -> list[str]:
    return [each.text for each in browser.driver.find_elements("css selector", ".touches .what")]


def test_a_lattice_is_planted_within_a_pixel_of_the_click_and_undone(play: Callable[..., Session]) -> None:
    session = play(BOX)
    browser = session.browser
    session.pause()
    browser.run("viewer.use('plant')")
    clicks = np.array([[321.0, 212.0], [577.0, 433.0]])
    session.drag(clicks[0], clicks[0])
    browser.until("document.querySelectorAll('.structure').length === 1")
    browser.driver.find_element("css selector", "body").send_keys("u")
    browser.until("document.querySelectorAll('.structure').length === 0")
    assert listed(browser) == []
    session.drag(clicks[1], clicks[1])
    browser.until("document.querySelectorAll('.structure').length === 1")
    assert len(listed(browser)) == 1
    pixel = np.array(browser.run("return [viewer.places.pixel([0, 0]), viewer.places.pixel([1, 0])]"))
    wanted = (clicks[1] - pixel[0]) * [1, -1] / (pixel[1] - pixel[0])[0]
    events = session.end()
    assert [list(event)[1] for event in events] == ["plant"]
    with Trajectory(session.directory / "trajectory.h5") as opened:
        (frame,) = np.flatnonzero(np.asarray(opened.steps) == events[0]["at"])
        lattice = opened.positions(opened.members(events[0]["plant"]["name"]))[frame]
    assert len(lattice) == 25
    assert np.all(np.abs(lattice.mean(axis=0) - wanted) < 1.0 / (pixel[1] - pixel[0])[0])


def test_heating_with_slider_and_number(play: Callable[..., Session]) -> None:
    """The gas comes to the temperature that was set; a drag is one line of the list, and undone as one."""
    session = play(BOX)
    browser = session.browser
    slider = browser.driver.find_element("css selector", "[data-path=temperature] input[type=range]")
    slider.send_keys("\ue00e" * 2)  # page up
    browser.until("document.querySelectorAll('.touches li').length === 1")
    heated = float(
        browser.driver.find_element("css selector", "[data-path=temperature] input.number").get_property("value")
    )
    assert heated > 0.3
    number = browser.driver.find_element("css selector", "[data-path=temperature] input.number")
    number.send_keys(EVERYTHING, "2.5\n")
    said = "document.querySelector('[data-name=temperature] output').textContent"
    browser.until(f"{said}.includes('law 2.5')")
    assert listed(browser)[0] == "temperature = 2.5"
    mean = f"Number({said}.match(/mean ([0-9.]+)/)?.[1])"
    browser.until(f"{mean} > 2 && {mean} < 3")
    number.send_keys(EVERYTHING, "warm\n")
    browser.until("document.querySelector('[role=alert]').textContent.includes('number')")
    browser.run("await viewer.touch('set', { temperature: -1 })")
    browser.until("document.querySelector('[role=alert]').textContent.includes('below zero')")
    events = session.end()
    assert events[-1]["set"]["temperature"] in (2.5, {"kind": "constant", "value": 2.5})
    assert all(list(event)[1] == "set" for event in events)


def test_a_box_chooses_what_is_in_it_to_be_tagged_and_kicked(play: Callable[..., Session]) -> None:
    session = play(BOX)
    browser = session.browser
    session.pause()
    browser.run("viewer.use('choose')")
    start, end = np.array([250.0, 150.0]), np.array([520.0, 420.0])
    session.drag(start, end)
    ids = browser.run("return viewer.selection.ids")
    assert 10 < len(ids) < 300
    browser.driver.find_element("css selector", "input[aria-label='name of the tag']").send_keys("box")
    browser.driver.find_element("xpath", "//button[text()='tag']").click()
    browser.until("document.querySelectorAll('.touches li').length === 1")
    browser.run("viewer.use('kick')")
    session.drag((300, 300), (300 + 130, 300))
    browser.until("document.querySelectorAll('.touches li').length === 2")
    scale = browser.run("return viewer.places.pixel([1, 0])[0] - viewer.places.pixel([0, 0])[0]")
    origin = np.array(browser.run("return viewer.places.pixel([0, 0])"))
    tag, kick = session.end()
    assert tag["tag"] == {"name": "box", "ids": ids}
    assert kick["kick"]["ids"] == ids
    assert np.allclose(kick["kick"]["velocity"], [130 / scale, 0.0], rtol=0, atol=1.01 / scale)
    with Trajectory(session.directory / "trajectory.h5") as opened:
        (frame,) = np.flatnonzero(np.asarray(opened.steps) == tag["at"])
        positions = opened.frame(frame)
    low, high = (start - origin) / scale * [1, -1], (end - origin) / scale * [1, -1]
    slack = 0.01 / scale  # of coordinates as numbers of 32 bits
    inside = np.all((positions - low) * (positions - high) < -slack, axis=1)
    outside = np.any((positions - low) * (positions - high) > slack, axis=1)
    assert set(np.flatnonzero(inside)) <= set(ids)
    assert not set(np.flatnonzero(outside)) & set(ids)


@pytest.mark.parametrize("name", ["gyre", "attention", "landscape", "training"])
def test_playgrounds_are_drawn_in_wide_and_narrow_windows(play: Callable[..., Session], name: str) -> None:
    session = play(f"playground-{name}")
    browser = session.browser
    assert len(browser.driver.find_elements("css selector", ".hints li")) == 3
    before = browser.run("return viewer.at.step")
    browser.until(f"Number(document.getElementById('viewer').dataset.step) > {before}")
    for width in (1400, 760, 420):
        browser.size(width, 900)
        browser.run("await new Promise((go) => setTimeout(go, 100)); viewer.view.draw()")
        assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert np.mean(np.abs(picture(browser) - 1.0)) > 5e-4
    browser.size(1400, 900)


@pytest.mark.parametrize("name", ["attention", "training"])
def test_what_is_planted_is_drawn_around_the_click(play: Callable[..., Session], name: str) -> None:
    """On a sphere, and in a projection of 64 dimensions."""
    session = play(f"playground-{name}")
    browser = session.browser
    session.pause()
    click = np.round(browser.run("return viewer.view.placeOf(0, 7)"))
    browser.run("viewer.use('plant'); viewer.palette.choice.value = 'ring'; viewer.palette.build()")
    session.drag(click, click)
    browser.until("document.querySelectorAll('.structure').length === 1")
    browser.run("while (viewer.at.touches < 1) await new Promise((go) => setTimeout(go, 20))")
    middle = browser.run("return viewer.places.pixel(viewer.source.centroid(1))")
    assert np.linalg.norm(middle - click) < 8.0


def test_names_of_strangers_are_text(play: Callable[..., Session]) -> None:
    browser = play(BOX).browser
    assert browser.driver.execute_script("return document.title").startswith("</script>")
    assert browser.driver.execute_script("return document.querySelectorAll('img, iframe').length") == 0
    assert browser.driver.find_element("css selector", "h1").text == BOX["title"]


def test_an_engine_that_is_gone_is_said(play: Callable[..., Session]) -> None:
    session = play(BOX)
    session.process.send_signal(signal.SIGINT)
    session.process.wait(WAIT)
    session.browser.until("!document.querySelector('.notice.standing').hidden")
    assert "ended" in session.browser.driver.find_element("css selector", ".notice.standing").text


def test_the_widget_of_a_notebook_is_drawn_in_a_tree_of_its_own(browser: Browser, tmp_path: Path) -> None:
    """Its module with a model that answers as a kernel does; the style of the page around it stays."""
    simulation = Simulation(
        np.zeros((1, 2)), dynamics={"kind": "langevin", "time_step": 0.1, "friction": 1}, temperature=1
    )
    sent: list[str | bytes] = []
    played = InHand(PlayedSession(simulation, paused=True), sent.append)
    played.open()
    played.go_on()
    messages = [each if isinstance(each, str) else list(each) for each in sent]
    assert any(isinstance(each, list) for each in messages)
    style = {"style_sheet": style_of_widget(), "height": 500}
    (tmp_path / "widget.html").write_text(
        "<body><h1 id='viewer'>a heading</h1><div id='cell'></div><script type='module'>"
        + module()
        .replace("export default", "const widget =")
        .replace("</script", "<\\/script")
        .replace("<!--", "<\\!--")
        + f"""
        const [traits, messages, told] = [{json.dumps(style)}, {json.dumps(messages)}, []];
        let take = null;
        const model = {{ get: (name) => traits[name], on: (name, act) => (take = act), off: () => {{}} }};
        model.send = (content) => {{
          told.push(content.text);
          if (content.text !== "open") return;
          for (const each of messages) {{
            if (typeof each === "string") take({{ text: each }}, []);
            else take({{}}, [new DataView(Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, ...each]).buffer, 8)]);
          }}
        }};
        widget.render({{ model, el: document.getElementById("cell") }});
        window.told = told;
        window.gasfield = document.querySelector(".gasfield").player;
        document.getElementById("viewer").dataset.ready = "true";
        </script>"""
    )
    browser.open((tmp_path / "widget.html").as_uri())
    browser.run("while (!viewer.framesDrawn) await new Promise((go) => setTimeout(go, 20))")
    told = [json.loads(text) for text in browser.driver.execute_script("return told.slice(1)")]
    assert {"ready": 1} in [{key: value for key, value in each.items() if key != "id"} for each in told]
    assert browser.run("return viewer.root.clientHeight") == 500
    assert browser.run("return getComputedStyle(document.querySelector('h1')).fontSize") != "15px"
    browser.driver.find_element("css selector", "body").send_keys(".")
    assert not any('"step"' in text for text in browser.driver.execute_script("return told"))
