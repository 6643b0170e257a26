"""A session in memory: touches, undo, what it says of itself, and what it does where it cannot go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from touches import CASES, SHEET, Touches, simulation

from gasfield.errors import InputError
from gasfield.playing.frames import Blob, frame, read_frame
from gasfield.playing.history import History
from gasfield.playing.messages import Look, read_message
from gasfield.playing.numbers import Running
from gasfield.playing.pace import TICK, Pace
from gasfield.playing.picture import Picture
from gasfield.playing.session import Session
from gasfield.playing.touchable import Range
from gasfield.simulation import Simulation
from gasfield.spaces.free import Free
from gasfield.statistics.correlation import correlated_mean

RING = {"name": "ring", "shape": {"kind": "ring", "count": 12, "radius": 0.1}, "place": {"kind": "point", "at": [0, 0]}}


def ask(session: Session, **verb: Any) -> dict[str, Any]:
    return session.take(read_message(json.dumps({"id": 1, **verb})))


def ideal_gas(**changes: Any) -> Simulation:
    """Free particles with a bath in a box."""
    given: dict[str, Any] = {
        "gas": [{"name": "gas", "from": {"kind": "uniform", "count": 200}}],
        "space": {"kind": "periodic", "dimensions": 2, "side": 4.0},
        "dynamics": {"kind": "langevin", "time_step": 0.05, "friction": 1.0},
        "temperature": 0.5,
    }
    return Simulation(**{**given, **changes})


@pytest.mark.parametrize("law", sorted(CASES))
def test_undo_and_restart_give_the_state_before_to_the_bit(law: str, tmp_path: Path) -> None:
    session, touches = Session(simulation(CASES[law](tmp_path))), Touches(2)
    start = session.simulation.gas.positions.copy()
    states = []
    for _ in range(6):
        session.advance(2)
        states.append((session.simulation.gas.step, session.simulation.gas.positions.copy()))
        ask(session, **touches.next(session.simulation))
    session.advance(2)
    assert (session.touches, session.can_undo) == (6, 6)
    for step, positions in reversed(states[2:]):
        assert ask(session, undo=True)["step"] == step
        np.testing.assert_array_equal(session.simulation.gas.positions, positions)
    assert (session.touches, session.can_undo) == (2, 2)
    assert ask(session, restart=True)["step"] == 0
    np.testing.assert_array_equal(session.simulation.gas.positions, start)
    with pytest.raises(InputError, match="no touch that can be undone"):
        ask(session, undo=True)


def test_a_gas_that_blows_up_waits_and_can_be_taken_back(tmp_path: Path) -> None:
    session = Session(simulation(CASES["langevin"](tmp_path)))
    session.advance(5)
    ask(session, kick={"ids": [3], "velocity": [1e60, 0.0]})
    session.advance(50)
    assert session.state()["paused"]
    assert "one step back: undo" in session.state()["reason"]
    with pytest.raises(InputError, match="one step back"):
        ask(session, pause=False)
    with pytest.raises(InputError, match="one step back"):
        ask(session, kick={"group": "gas", "velocity": [1.0, 0.0]})
    assert ask(session, undo=True)["step"] == 5
    assert session.state()["reason"] is None
    assert np.isfinite(session.simulation.gas.positions).all()
    ask(session, step=3)
    assert session.advance(50) == 3


def test_a_session_ends_where_its_recording_ends(tmp_path: Path) -> None:
    """All steps that are known are taken, whatever was asked for; then the session says why it waits."""
    session = Session(simulation(CASES["adamw"](tmp_path)))
    while not session.course.paused:
        session.advance(64)
    assert session.simulation.gas.step == 40
    assert "is not recorded" in session.state()["reason"]


def test_the_states_before_touches_have_bounded_memory(tmp_path: Path) -> None:
    session = Session(simulation(CASES["langevin"](tmp_path)), most_bytes=20_000)
    for number in range(40):
        session.advance(1)
        ask(session, set={"temperature": 0.1 + 0.01 * number})
    assert session.touches == 40
    assert 1 <= session.can_undo < 40
    history = History(most_bytes=1)
    for _ in range(3):
        history.add(session.simulation.snapshot())
    assert len(history) == 1


def test_bonds_stretches_and_the_exponent_follow_a_known_deformation() -> None:
    """In a pure shear x' = s x, y' = -s y a ring has stretches exp(s t) and exp(-s t), and the exponent s."""
    shear = {"kind": "linear_flow", "shear": [{"axes": [0, 1], "rate": 0.3}]}
    sim = Simulation(
        np.zeros((1, 2)), space={"kind": "free", "dimensions": 2}, forces=[shear],
        dynamics={"kind": "advection", "time_step": 0.01},
    )  # fmt: skip
    session = Session(sim)
    ask(session, plant=RING)
    ask(session, lattice="ring")
    session.advance(100)
    session.numbers.take()
    now, time = session.numbers.now, sim.gas.time
    assert now["stretch_1"]["value"] == pytest.approx(np.exp(0.3 * time), rel=1e-6)
    assert now["stretch_2"]["value"] == pytest.approx(np.exp(-0.3 * time), rel=1e-6)
    assert now["ftle"]["value"] == pytest.approx(0.3, rel=1e-6)
    shot = session.view.shot(session.touches)
    strain = next(blob for blob in shot.blobs if blob.name == "strain")
    assert strain.shape == (12,)
    values = np.frombuffer(strain.content, "<f4")
    assert values.max() <= np.exp(0.3 * time) - 1.0 + 1e-6
    assert values.min() >= np.exp(-0.3 * time) - 1.0 - 1e-6
    assert values.max() > 0.9 * (np.exp(0.3 * time) - 1.0)


def test_numbers_of_an_ideal_gas_are_those_of_its_law() -> None:
    """Equipartition and p = N T / V, within four standard errors of the running mean; with the wrong law, they are
    not."""
    session = Session(ideal_gas())
    session.advance(200)
    ask(session, set={"temperature": 0.5})
    for _ in range(400):
        session.advance(10)
        session.numbers.take()
    laws = {number["name"]: number["law"] for number in session.hello()["numbers"]}
    assert laws["temperature"] == 0.5
    assert laws["pressure"] == pytest.approx(200 * 0.5 / 16.0)
    for name, law in laws.items():
        found = session.numbers.now[name]
        assert found["mean"] is not None
        assert found["error"] is not None
        assert abs(found["mean"] - law) < 4.0 * found["error"]
        assert abs(found["mean"] - 1.1 * law) > 4.0 * found["error"]


def test_a_running_mean_keeps_its_error_when_neighbours_are_averaged() -> None:
    """Of an autoregressive series, whose mean and error are known to the routine for whole series."""
    chance, value, series, running = np.random.default_rng(3), 0.0, [], Running()
    for _ in range(20_000):
        value = 0.9 * value + chance.standard_normal()
        series.append(value)
        running.add(value)
    whole = correlated_mean(series, "1")
    mean, error = running.mean()
    assert len(running.values) < 4096
    assert mean == pytest.approx(float(whole.value), abs=0.05 * float(whole.error or 0.0) + 1e-2)
    assert error == pytest.approx(float(whole.error or 0.0), rel=0.25)


def test_a_session_says_what_can_be_touched(tmp_path: Path) -> None:
    """An optimiser has no temperature, and nothing to kick; ranges are logarithmic where numbers are positive."""
    hello = Session(simulation(CASES["adamw"](tmp_path))).hello()
    assert "temperature" not in [control["path"] for control in hello["controls"]]
    assert "no velocities" in hello["verbs"]["kick"]
    assert hello["space"]["picture"] == "projection"
    langevin = Session(simulation(CASES["langevin"](tmp_path))).hello()
    controls = {control["path"]: control for control in langevin["controls"]}
    assert controls["temperature"]["scale"] == controls["forces.0.strength"]["scale"] == "log"
    assert controls["temperature"]["low"] < 0.4 < controls["temperature"]["high"]
    assert langevin["verbs"]["kick"] is None
    assert {"ring", "sheet", "line"} <= {shape["kind"] for shape in langevin["shapes"]}
    assert {"points", "fcc"}.isdisjoint(shape["kind"] for shape in langevin["shapes"])


def test_every_shape_that_is_offered_can_be_planted() -> None:
    for dimensions in (2, 3):
        sim = Simulation(
            np.zeros((1, dimensions)), space={"kind": "free", "dimensions": dimensions},
            dynamics={"kind": "langevin", "time_step": 0.01, "friction": 1.0}, temperature=0.1,
        )  # fmt: skip
        session = Session(sim)
        for shape in session.hello()["shapes"]:
            given = {each["name"]: each["default"] for each in shape["parameters"]}
            place = {"kind": "point", "at": [0.0] * dimensions}
            ask(session, plant={"name": shape["kind"], "shape": {"kind": shape["kind"], **given}, "place": place})
        assert session.touches >= 4


def test_every_strength_that_is_offered_can_be_set(tmp_path: Path) -> None:
    for case in CASES.values():
        session = Session(simulation(case(tmp_path)))
        for control in session.hello()["controls"]:
            middle = float(np.sqrt(control["low"] * control["high"])) if control["scale"] == "log" else control["low"]
            ask(session, set={control["path"]: middle})
            now = {each["path"]: each for each in session.hello()["controls"]}[control["path"]]
            assert now["value"] == pytest.approx(middle)
            assert (now["low"], now["high"]) == (control["low"], control["high"])


def test_ranges_take_in_what_is_typed() -> None:
    assert Range.of(2.0, signed=False).with_room_for(100.0).high == 100.0
    assert Range.of(2.0, signed=False).with_room_for(0.0) == Range(0.0, 60.0, "linear")
    assert Range.of(0.1, signed=True) == Range(0.1 - 3 * 0.1, 0.1 + 3 * 0.1, "linear")


def test_a_frame_is_read_as_it_was_written() -> None:
    points = np.arange(10, dtype=np.float32).reshape(2, 5)
    blobs = [Blob.of("points", points, "f4"), Blob.of("group", np.arange(5), "u1"), Blob.of("ids", np.arange(3), "u4")]
    content = frame({"number": 3, "step": 7}, blobs)
    assert len(content) % 8 == 0
    header, arrays = read_frame(content)
    assert (header["number"], header["step"]) == (3, 7)
    np.testing.assert_array_equal(arrays["points"], points)
    np.testing.assert_array_equal(arrays["group"], np.arange(5))
    np.testing.assert_array_equal(arrays["ids"], np.arange(3))


def test_a_place_of_a_projection_is_a_place_in_the_gas() -> None:
    """place(p) = origin + sum of p_k axes_k is seen at p, and at the middle of the picture it is that of the gas."""
    positions = np.random.default_rng(1).standard_normal((50, 7)) * np.arange(1, 8) + 3.0
    picture = Picture.of(Free(dimensions=7), positions)
    seen = picture(positions)
    middle = seen.mean(axis=1)
    np.testing.assert_allclose(picture.origin + middle @ picture.axes, positions.mean(axis=0), atol=1e-5)
    click = np.array([0.3, -0.2, 0.1])
    place = picture.origin + click @ picture.axes
    np.testing.assert_allclose(picture(place[None])[:, 0], click, atol=1e-6)
    with pytest.raises(InputError, match="different coordinates"):
        Picture.of(Free(dimensions=7), positions, (1, 9))


def test_the_underlay_is_the_energy_of_the_field_at_the_corners_that_it_names() -> None:
    well = {"kind": "harmonic", "stiffness": 2.0}
    sim = ideal_gas(space={"kind": "box", "dimensions": 2, "side": 4.0}, forces=[well])
    session = Session(sim)
    session.view.look(Look(underlay="energy"))
    shot = session.view.shot(0)
    assert shot.under_header is not None
    low, high = np.array(shot.under_header["low"]), np.array(shot.under_header["high"])
    values = np.frombuffer(shot.under[0].content, "<f4").reshape(shot.under[0].shape)
    assert values[0, 0] == pytest.approx(0.5 * 2.0 * float(low @ low), rel=1e-6)
    assert values[0, -1] == pytest.approx(float(high[0] ** 2 + low[1] ** 2), rel=1e-6)
    ask(session, set={"forces.0.stiffness": 4.0})
    again = session.view.shot(1)
    assert again.under_number == shot.under_number + 1
    assert session.view.shot(1).under_number == again.under_number
    with pytest.raises(InputError, match="there is no energy"):
        Session(ideal_gas()).view.look(Look(underlay="energy"))


def test_a_pace_is_kept_and_a_slow_engine_is_not_pressed() -> None:
    """Speed n is n steps in a sixtieth of a second at most; steps that take longer are taken one frame at a time."""
    pace, now = Pace(), 100.0
    done = 0
    for _ in range(2000):
        now += pace.wait(now)
        steps = pace.steps(5, hurry=False, watched=True)
        pace.note(steps, now, now + 1e-4 * steps, 5)
        now += 1e-4 * steps
        done += steps
    assert done / (now - 100.0) == pytest.approx(5 / TICK, rel=0.02)
    slow, now = Pace(), 0.0
    for _ in range(50):
        steps = slow.steps(1000, hurry=False, watched=True)
        slow.note(steps, now, now + 0.01 * steps, 1000)
        now += 0.01 * steps
    assert steps == 3  # a thirtieth of a second
    assert slow.is_due(now)


def test_frames_hold_whoever_is_there(tmp_path: Path) -> None:
    session = Session(simulation(CASES["langevin"](tmp_path)))
    first = session.view.shot(0)
    ask(session, plant={"name": "probe", "shape": SHEET, "place": {"kind": "point", "at": [0.1, 0.1]}})
    second = session.view.shot(1)
    assert (first.header["generation"], second.header["generation"]) == (1, 2)
    assert (first.header["count"], second.header["count"]) == (36, 40)
    assert next(blob for blob in second.who if blob.name == "bonds").shape[1] == 2
    ask(session, remove="probe")
    assert session.view.shot(2).header["count"] == 36
