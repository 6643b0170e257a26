"""`gasfield.hindcast`: the scenario that a recording makes by itself, and the term of the law that made it depart.

Each cause is planted by itself in a made recording, and named; without any, nothing is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made_recordings import RATE, ROWS, constant, made_recording
from paths import RECORDINGS

import gasfield
from gasfield.dynamics.adamw import AdamW
from gasfield.hindcasting import HindcastResult, Terms, explain_updates, hindcast, plan_hindcast
from gasfield.hindcasting.cells import Neighbours, Preimage
from gasfield.hindcasting.sums import least_excess
from gasfield.kernels.lattices import PRECISIONS, round_to
from gasfield.runs import simulate
from gasfield.simulation import Simulation

pytestmark = pytest.mark.usefixtures("one_numba_thread")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures of a run take longer than everything else here."""
    monkeypatch.setattr("gasfield.comparison.side_by_side.Comparison.figures", lambda self: {})


def found(folder: Path, *law: Any, field: Any = None, simulated: Any = None, **recording: Any) -> Terms:
    """What explains the updates of a made recording, beside its law with other constants."""
    (folder / "made.h5").unlink(missing_ok=True)
    path = made_recording(folder / "made.h5", *law, **recording)
    with gasfield.open(path) as opened:
        plan = plan_hindcast(opened, field=field, law=simulated)
        assert plan.field == (field or ("full" if "full" in opened.fields else "affine"))
        return explain_updates(plan, opened, [])["dead"]


def error_of(result: HindcastResult) -> float:
    return float(result.as_json()["groups"]["dead"]["displacement_error"]["value"])


# --- causes ----------------------------------------------------------------------------------------------------------


def test_nothing_departs_without_a_cause(tmp_path: Path) -> None:
    """Negative control: the exact field and the law itself. Sums over positions round differently here and there."""
    assert found(tmp_path).cause in ("none", "rounding")
    result = hindcast(tmp_path / "made.h5", output=tmp_path / "run")
    assert error_of(result) < 1e-5
    assert result.groups["dead"].departure.first_beyond is None
    assert result.law_differences == ()


def test_the_field_is_named(tmp_path: Path) -> None:
    """The affine field of a cloud that is not small beside its hidden states."""
    terms = found(tmp_path, field="affine")
    assert terms.cause == "field"
    assert terms.shares["field"].estimate.value > 0.99  # every gradient is recorded
    assert 1e-4 < terms.field_error.value < 0.1
    result = hindcast(tmp_path / "made.h5", field="affine", tolerance=1e-3, output=tmp_path / "run")
    departure = result.groups["dead"].departure
    assert departure.first_difference == 1
    assert departure.first_beyond is not None
    compared = result.groups["dead"].comparison
    curve = compared.hindcast.displacement_error
    place = int(np.flatnonzero(np.nan_to_num(curve) > 1e-3)[0])
    assert compared.pair.real.steps[place] == departure.first_beyond == departure.at
    apart = (compared.pair.simulated.positions[place] - compared.pair.real.positions[place]).astype(np.float64)
    squared = (apart**2).sum(axis=0)
    assert departure.coordinates.tolist() == np.argsort(-squared).tolist()
    assert departure.coordinate_shares == pytest.approx(np.sort(squared / squared.sum())[::-1], rel=1e-5)
    assert departure.carried_by == pytest.approx(squared.sum() ** 2 / (squared**2).sum(), rel=1e-5)
    assert departure.rows[0] == np.argmax((apart**2).sum(axis=1))


def test_the_field_is_named_by_few_gradients(tmp_path: Path) -> None:
    """Gradients at nine of forty steps, as a recorder keeps them; the moments remember those in between."""
    assert found(tmp_path, field="affine", exact_at=lambda step: step % 5 == 0).cause == "field"


def test_without_recorded_gradients_the_field_is_not_blamed(tmp_path: Path) -> None:
    terms = found(tmp_path, full=False)
    assert terms.cause == "not identified"
    assert "cannot be told apart" in terms.sentence()
    assert terms.quantities()["field"].leaf()["value"] is None


@pytest.mark.parametrize(("every", "decay"), [(1, 10.0), (5, 2.0)])
def test_the_decay_is_named(tmp_path: Path, every: int, decay: float) -> None:
    """A decay of 1% or 0.2% a step that the file does not know of."""
    terms = found(tmp_path, constant(weight_decay=decay), every=every)
    assert terms.cause == "decay"
    assert terms.shares["decay"].estimate.value > 0.99
    assert terms.fitted_decay.value == pytest.approx(decay, rel=0.02)


def test_the_learning_rate_is_named(tmp_path: Path) -> None:
    terms = found(tmp_path, constant(learning_rate=1.25 * RATE))
    assert terms.cause == "learning_rate"
    assert terms.fitted_rate.value == pytest.approx(1.25, rel=1e-3)


def test_the_moments_are_named(tmp_path: Path) -> None:
    """Second moments in bfloat16, which the file says are float32."""
    terms = found(tmp_path, constant(second_moment_dtype="bfloat16"))
    assert (terms.cause, terms.moment) == ("moments", "second_moment")
    assert terms.shares["moments"].estimate.value > 0.99


SLOW: dict[str, Any] = {"learning_rate": 2e-5, "weight_dtype": "float32"}
"""Updates of a fifth of a bfloat16 cell."""


def test_stochastic_rounding_is_named(tmp_path: Path) -> None:
    said = {"learning_rate": SLOW["learning_rate"]}
    terms = found(tmp_path, constant(**SLOW), precision="bfloat16", stochastic=True, said=said)
    assert terms.cause == "rounding"
    assert abs(terms.other_rule.value - 1) < 5 * float(terms.other_rule.error)
    assert "another rule" in terms.sentence()


def test_rounding_to_the_nearest_is_not_taken_for_stochastic_rounding(tmp_path: Path) -> None:
    """Negative control: the same updates, too small to move a weight, in the affine field."""
    law = constant(**{**SLOW, "weight_dtype": "bfloat16"})
    said = {"learning_rate": SLOW["learning_rate"]}
    terms = found(tmp_path, law, precision="bfloat16", said=said, field="affine")
    assert terms.other_rule.value <= 0.05


KEPT: dict[str, dict[str, Any]] = {
    "master": {"weight_dtype": "bfloat16", "weight_rounding": "master"},
    "kahan": {"weight_dtype": "bfloat16", "weight_rounding": "kahan"},
}
"""Laws that keep what is rounded away from the weights."""


@pytest.mark.parametrize("kept", KEPT)
def test_a_law_that_keeps_unrounded_weights_is_explained(tmp_path: Path, kept: str) -> None:
    """The published cells alone are recorded: without a cause no weight is ever out of its cell, and a decay, a rate or
    an approximate field that the file does not know of is named."""
    same = {"precision": "bfloat16", "simulated": {"weight_rounding": kept, "moment_dtype": "float32"}}
    exact = found(tmp_path, constant(**KEPT[kept]), **same)
    assert exact.cause == "none"
    decay = found(tmp_path, constant(**KEPT[kept], weight_decay=2.0), **same)
    rate = found(tmp_path, constant(**KEPT[kept], learning_rate=1.25 * RATE), **same)
    field = found(tmp_path, constant(**KEPT[kept]), field="affine", **same)
    print(decay.fitted_decay.value, rate.fitted_rate.value, field.shares["field"].estimate.value)
    assert (decay.cause, rate.cause, field.cause) == ("decay", "learning_rate", "field")
    assert decay.fitted_decay.value == pytest.approx(2.0, rel=0.08)  # first order in a decay of 8%
    assert rate.fitted_rate.value == pytest.approx(1.25, rel=1e-3)
    assert field.shares["field"].estimate.value > 0.99


def test_rounding_to_the_nearest_is_named_beside_a_law_that_rounds_at_random(tmp_path: Path) -> None:
    said: dict[str, Any] = {"precision": "bfloat16", "simulated": {"weight_rounding": "stochastic"}}
    said["said"] = {"learning_rate": SLOW["learning_rate"]}
    nearest = found(tmp_path, constant(**{**SLOW, "weight_dtype": "bfloat16"}), **said)
    assert (nearest.cause, nearest.other_rule.value <= 0.05) == ("rounding", True)
    assert "another rule than at random" in nearest.sentence()


def test_a_law_that_rounds_at_random_is_explained(tmp_path: Path) -> None:
    """Beyond its random numbers, which leave a cell either way for each update: nothing without a cause, and the decay
    of a law that has another one."""
    said: dict[str, Any] = {"precision": "bfloat16", "stochastic": True, "simulated": {"weight_rounding": "stochastic"}}
    single = {"gradient_dtype": "bfloat16"}
    same = found(tmp_path, constant(**single), **said)
    assert same.cause == "rounding"
    assert abs(same.other_rule.value - 1) < 5 * float(same.other_rule.error)
    assert not same.shares["decay"].known
    other = found(tmp_path, constant(**single, weight_decay=50.0), **said)
    assert other.cause == "decay"
    assert other.fitted_decay.value == pytest.approx(50.0, rel=0.05)


@pytest.mark.parametrize("precision", ["float16", "float8_e4m3fn", "float8_e5m2"])
def test_causes_are_named_on_every_lattice(tmp_path: Path, precision: str) -> None:
    """By updates of a few cells."""
    rate = {"float16": 1e-3, "float8_e4m3fn": 1e-2, "float8_e5m2": 1e-2}[precision]
    said: dict[str, Any] = {"precision": precision, "said": {"learning_rate": rate}}
    law: dict[str, Any] = {"weight_dtype": precision, "learning_rate": rate}
    assert found(tmp_path, constant(**law), **said).cause in ("none", "rounding")
    other = found(tmp_path, constant(**{**law, "learning_rate": 2 * rate}), **said)
    assert other.cause == "learning_rate"
    assert other.fitted_rate.value == pytest.approx(2.0, rel=0.02)


def test_what_cannot_be_explained_is_said_with_the_reason(tmp_path: Path) -> None:
    with gasfield.open(made_recording(tmp_path / "made.h5", precision="bfloat16", steps=3)) as opened:
        plan = plan_hindcast(opened, law={"moment_rounding": "stochastic", "moment_dtype": "bfloat16"})
        notes: list[str] = []
        assert explain_updates(plan, opened, notes) == {}
    assert "random numbers" in notes[0]


# --- the parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", PRECISIONS[1:])
def test_what_is_stored_as_a_number_is_its_preimage(precision: str) -> None:
    source = np.random.default_rng(2)
    x = source.normal(0, 0.2, (50, 30)) ** 3  # subnormal numbers, too
    stored = round_to(x, precision)
    inside = Preimage.of(stored, precision, 1)
    assert not inside.excess(x.astype(np.float32).astype(np.float64)).any()
    for edge, sign in ((inside.low, -1), (inside.high, 1)):
        beyond = edge + sign * 1e-3 * (inside.high - inside.low)
        assert np.all(round_to(beyond, precision) != stored)
        assert np.all(sign * inside.excess(beyond) > 0)
    around = Neighbours.of(x, precision)
    assert np.all((around.low <= x) & (x <= around.high) & ((stored == around.low) | (stored == around.high)))
    assert np.all((around.fraction >= 0) & (around.fraction <= 1))


def test_the_least_excess_is_that_of_a_search() -> None:
    source = np.random.default_rng(3)
    x, direction = source.normal(size=(2, 40, 6))
    inside = Preimage(x - 0.3 + 0.7 * direction, x + 0.2 + 0.7 * direction)
    fit = least_excess(inside, x, direction)
    factors = np.linspace(-1, 2, 3001)
    sums = [np.sum(inside.excess(x + factor * direction) ** 2) for factor in factors]
    assert fit.left <= min(sums) + 1e-12
    off = Preimage(inside.low + source.normal(size=x.shape), inside.high + 2)
    sums = [np.sum(off.excess(x + factor * direction) ** 2) for factor in factors]
    assert least_excess(off, x, direction).left == pytest.approx(min(sums), rel=1e-4)


# --- from a recording to a run directory -----------------------------------------------------------------------------


def same_bits(a: Path, b: Path) -> bool:
    """Of the dead rows."""
    with gasfield.open(a) as first, gasfield.open(b) as second:
        one, other = (each.positions(each.members("dead")) for each in (first, second))
        return np.array_equal(one, other)


def test_a_schedule_is_taken_from_the_recording(tmp_path: Path) -> None:
    rates = RATE * (1 + np.arange(40)) / 40
    path = made_recording(
        tmp_path / "made.h5", lambda step: AdamW(learning_rate=float(rates[step])), said={"learning_rate": "varies"}
    )
    with h5py.File(path, "a") as file:
        series = file.create_group("series/optimiser/learning_rate")
        for name, values in {"step": np.arange(40), "time": np.arange(40.0), "value": rates}.items():
            series[name] = values
    with gasfield.open(path) as opened:
        plan = plan_hindcast(opened)
        terms = explain_updates(plan, opened, [])["dead"]
    law = plan.scenario.law
    assert isinstance(law, AdamW)
    assert (law.varies, law.at(7).learning_rate) == (True, rates[7])
    assert terms.cause in ("none", "rounding")


def test_a_shipped_recording_needs_no_scenario(tmp_path: Path) -> None:
    """Rows, field, law and comparison come from the file; what was built runs again with the same bits."""
    result = gasfield.hindcast("recordings/kjv-bf16.h5", steps=20, output=tmp_path / "run")
    data = json.loads((tmp_path / "run" / "hindcast.json").read_text())
    assert data == json.loads(json.dumps(result.as_json()))
    assert set(data["groups"]) == {"dead", "lattice"}
    assert result.plan.field == "affine"
    for group in data["groups"].values():
        leaf = group["displacement_error"]
        assert set(leaf) == {"value", "unit", "error"}
        assert (leaf["unit"], 0 < leaf["value"] < 0.02, leaf["error"] > 0) == ("1", True, True)
    assert data["law"]["betas"] == [0.9, 0.999]
    assert data["law"]["moment_dtype"] == "bfloat16"
    for scenario in (tmp_path / "run" / "scenario.yaml", "dead-token-drift"):
        again = tmp_path / f"{Path(scenario).stem}.h5"
        simulate(Simulation.from_scenario(scenario, ["run.steps=20"]), again)
        assert same_bits(tmp_path / "run" / "trajectory.h5", again)
    gasfield.hindcast("recordings/kjv-bf16.h5", steps=3, output=tmp_path / "run", overwrite=True, rows="live")
    live = json.loads((tmp_path / "run" / "hindcast.json").read_text())
    assert set(live["groups"]) == {"live"}
    assert live["groups"]["live"]["displacement_error"]["value"] == 0  # its recorded gradients, and its law
    assert any("recorded pull" in note for note in live["notes"])


@pytest.mark.validate
@pytest.mark.parametrize("name", ["kjv-bf16", "kjv-bf16-fp32state", "kjv-fp32"])
def test_the_shipped_recordings_in_full(tmp_path: Path, name: str) -> None:
    result = hindcast(RECORDINGS / f"{name}.h5", output=tmp_path / "run")
    print(json.dumps(result.as_json(), indent=1))
    assert all(group["displacement_error"]["value"] < 0.01 for group in result.as_json()["groups"].values())
    terms = result.groups["dead"].terms
    assert terms is not None
    assert terms.cause == "field"


# --- what cannot be simulated ----------------------------------------------------------------------------------------

BAD: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "no law": ({"said": {"optimiser": "unknown"}}, {}, ["is not recorded", "optimizer=", "law: {kind"]),
    "no constants": ({"said": {"learning_rate": None}}, {}, ["learning rate is not recorded"]),
    "unknown optimiser": (
        {"said": {"optimiser": "shampoo", "optimiser_class": "lib.Shampoo"}},
        {},
        ["lib.Shampoo", "adamw", "sgd", "law: {kind"],
    ),
    "an option": ({"said": {"optimiser_options": '{"nesterov": true}'}}, {}, ["nesterov", "does not model"]),
    "no field": ({"full": False, "affine": False}, {}, ["no field is recorded", "field_every=1"]),
    "no full field": ({"full": False}, {"field": "full"}, ["no full field", "fields here: affine"]),
    "a field with gaps": (
        {"affine": False, "exact_at": lambda step: step % 3 == 0, "every": 2},
        {},
        ["at every step", "field_every=1"],
    ),
    "no moments": ({"said": {"optimiser_step": 7}}, {}, ["7 updates before", "moments=True"]),
    "no such group": ({}, {"rows": "live"}, ["the groups of", "dead"]),
    "too many steps": ({}, {"steps": 41}, ["1 to 40 steps"]),
    "a law without a kind": ({"said": {"optimiser": "unknown"}}, {"law": {"learning_rate": 1e-3}}, ["kind"]),
    "a law with an unknown key": ({}, {"law": {"weight_dcay": 1}}, ["dynamics", "weight_dcay"]),
    "a simulation": ({"said": {"source": "simulation"}}, {}, ["is a simulation"]),
    "one frame": ({"every": 100}, {}, ["1 recorded frame"]),
    "a tolerance of zero": ({}, {"tolerance": 0.0}, ["above 0"]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_lacking_is_named_with_what_can_be_done(tmp_path: Path, case: str) -> None:
    recording, options, words = BAD[case]
    path = made_recording(tmp_path / "made.h5", **{"steps": 4 if "step" not in case else 40, **recording})
    with pytest.raises(gasfield.InputError) as fault:
        hindcast(path, output=tmp_path / "run", **options)
    for word in words:
        assert word in str(fault.value)
    assert not (tmp_path / "run").exists()


def test_the_law_may_be_given(tmp_path: Path) -> None:
    """To a recording without one, which is noted; or single constants of it."""
    path = made_recording(tmp_path / "made.h5", said={"optimiser": "unknown"}, steps=8)
    given = hindcast(path, output=tmp_path / "a", law={"kind": "adamw", "learning_rate": RATE})
    assert error_of(given) < 1e-5
    assert any("not known" in difference for difference in given.law_differences)
    with gasfield.open(made_recording(tmp_path / "other.h5", steps=2)) as opened:
        law = plan_hindcast(opened, law={"weight_decay": 50.0}).scenario.law
    assert isinstance(law, AdamW)
    assert (law.at(0).weight_decay, law.at(0).learning_rate) == (50.0, RATE)


def test_rows_are_named_where_none_is_known_to_be_dead(tmp_path: Path) -> None:
    path = made_recording(tmp_path / "made.h5", steps=3, group="unused")
    with pytest.raises(gasfield.InputError, match="no group is known to hold rows that never occur"):
        hindcast(path, output=tmp_path / "run")
    with gasfield.open(path) as opened:
        plan = plan_hindcast(opened, rows=["unused"])
    assert any("not known to be dead" in note for note in plan.notes)
    assert Simulation.from_scenario(plan.scenario).gas.count == ROWS
