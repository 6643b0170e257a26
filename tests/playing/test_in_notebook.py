"""A session in the process of its simulation, and as a widget: what messages do; the simulation stays in hand."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gasfield
from gasfield import Simulation
from gasfield.errors import InputError
from gasfield.operations import Callback
from gasfield.playing.frames import read_frame
from gasfield.playing.inhand import InHand
from gasfield.playing.session import Session
from gasfield.trajectory import TrajectoryWriter


def simulated() -> Simulation:
    """200 particles in a well, with friction and noise."""
    positions = np.random.default_rng(2).normal(size=(200, 2))
    law = {"kind": "langevin", "time_step": 0.02, "friction": 1.0}
    return Simulation(positions, forces=[{"kind": "harmonic", "stiffness": 1.0}], dynamics=law, temperature=0.5, seed=4)


class Page:
    """What a page is sent, and what it asks for."""

    def __init__(self, simulation: Simulation) -> None:
        self.texts: list[dict[str, Any]] = []
        self.frames: list[tuple[dict[str, Any], dict[str, np.ndarray]]] = []
        self.played = InHand(Session(simulation, paused=True), self.take)

    def take(self, content: str | bytes) -> None:
        if isinstance(content, str):
            self.texts.append(json.loads(content))
        else:
            self.frames.append(read_frame(content))

    def ask(self, number: int, verb: str, value: object) -> None:
        self.played.take(json.dumps({"id": number, verb: value}))

    def wait_for(self, frames: int) -> None:
        """Until so many frames have come, or a second has passed."""
        end = time.monotonic() + 1.0
        while len(self.frames) < frames and time.monotonic() < end:
            self.played.go_on()
            time.sleep(0.002)


def test_touches_give_the_bits_of_the_same_events_without_a_page() -> None:
    page = Page(simulated())
    page.played.open()
    for number, (verb, value) in enumerate(
        [
            ("step", 10),
            ("set", {"temperature": 2.0}),
            ("step", 15),
            ("kick", {"ids": [3], "velocity": [1, 0]}),
            ("step", 5),
        ]
    ):
        page.ask(number, verb, value)
        while not page.played.session.course.paused:
            page.played.go_on()
    assert [text["done"]["id"] for text in page.texts if "done" in text] == [0, 1, 2, 3, 4]
    alone = simulated().step(10)
    alone.apply({"set": {"temperature": 2.0}})
    alone.step(15)
    alone.apply({"kick": {"ids": [3], "velocity": [1.0, 0.0]}})
    alone.step(5)
    assert np.array_equal(page.played.session.simulation.gas.positions, alone.gas.positions)
    untouched = simulated().step(30)
    assert not np.array_equal(untouched.gas.positions, alone.gas.positions)


def test_the_simulation_is_its_owner_s_between_two_looks() -> None:
    """Steps taken by hand are shown, those of the page go on from there; undo goes back to before the touch."""
    simulation = simulated()
    page = Page(simulation)
    page.played.open()
    assert [next(iter(text)) for text in page.texts] == ["hello", "state"]
    page.wait_for(1)
    simulation.step(7)
    page.wait_for(2)
    header, arrays = page.frames[-1]
    assert header["step"] == 7
    assert np.array_equal(arrays["points"], simulation.gas.positions.T.astype(np.float32))
    page.ask(
        1,
        "plant",
        {
            "name": "ring",
            "shape": {"kind": "ring", "count": 8, "radius": 1.0},
            "place": {"kind": "point", "at": [0, 0]},
        },
    )
    assert simulation.gas.count == 208
    page.ask(2, "undo", True)
    assert simulation.gas.count == 200
    page.ask(3, "set", {"temperature": -1.0})
    assert "below zero" in page.texts[-1]["refused"]["message"]


def test_a_stop_while_a_frame_is_written_takes_another_step() -> None:
    """So that what is done next shows in the frame of its step."""
    simulation = simulated()
    fired: list[int] = []

    def write(simulation: Simulation) -> None:
        fired.append(simulation.gas.step)
        simulation.stop()

    simulation.add_operation(Callback(write, every=5))
    simulation.live = True
    simulation.step(20)
    assert fired == [0]
    assert simulation.gas.step == 1  # of the frame at the start
    simulation.step(20)
    assert fired == [0, 5]
    assert simulation.gas.step == 6


def test_no_more_than_two_frames_wait_for_a_page() -> None:
    page = Page(simulated())
    page.played.open()
    page.ask(1, "pause", False)
    page.wait_for(3)
    assert len(page.frames) == 2
    page.ask(2, "ready", page.frames[-1][0]["number"])
    page.wait_for(4)
    assert len(page.frames) == 4
    page.played.open()  # another page: who is there comes again
    page.wait_for(5)
    assert "ids" in page.frames[-1][1]


def test_the_widget_passes_messages_on(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = gasfield.play(simulated(), paused=True)
    sent: list[Any] = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=None: sent.append((content, buffers)))
    widget._handle_custom_msg({"text": "open"}, [])
    widget._handle_custom_msg({"text": '{"id": 5, "step": 3}'}, [])
    while not widget.session.course.paused:
        widget._played.go_on()
    texts = [json.loads(content["text"]) for content, _ in sent if "text" in content]
    assert next(iter(texts[0])) == "hello"
    assert [text["done"]["step"] for text in texts if "done" in text] == [3]
    assert widget.simulation.gas.step == 3
    frames = [read_frame(buffers[0]) for content, buffers in sent if buffers]
    assert all(header["count"] == 200 for header, _ in frames)
    widget._handle_custom_msg("no mapping", [])
    widget._handle_custom_msg({"text": "{"}, [])
    assert "refused" in json.loads(sent[-1][0]["text"])
    widget.close()


def test_a_page_without_a_file_is_a_widget_with_the_same_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gas = gasfield.Gas(np.arange(6.0).reshape(3, 2))
    with TrajectoryWriter(tmp_path / "a.h5", gas, precision="float64", provenance={"source": "import"}) as writer:
        writer.frame(0, 0.0, gas.positions)
    widget = gasfield.view(tmp_path / "a.h5", neighbours=2)
    sent: list[bytes] = []
    monkeypatch.setattr(widget, "send", lambda content, buffers: sent.extend(buffers))
    widget._handle_custom_msg({"text": "open"}, [])
    written = gasfield.view(tmp_path / "a.h5", output=tmp_path / "a.html", neighbours=2)
    assert sent == [written.read_bytes()]


def test_without_its_package_a_widget_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gasfield.extras.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"gasfield\[notebook\]"):
        gasfield.play(simulated())
    with pytest.raises(InputError, match=r"gasfield\[notebook\]"):
        gasfield.view(tmp_path / "a.h5")
