"""The twin study: its optimisers are the laws that it follows, and its numbers are what they say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paths import RECORDINGS, ROOT

from gasfield.dynamics import AdamW, Conditions, CoupledAdam, Lion
from gasfield.dynamics.optimiser import Optimiser
from gasfield.forces import TotalForce
from gasfield.gas import Gas
from gasfield.kernels.lattices import is_on, round_to
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

sys.path.insert(0, str(ROOT / "docs" / "studies"))
torch = pytest.importorskip("torch")

import precision_replays as replays  # noqa: E402
import twin_clouds as clouds  # noqa: E402
import twin_forms as forms  # noqa: E402
import twin_laws as laws  # noqa: E402
import twin_measures as measures  # noqa: E402
import twin_tables as tables  # noqa: E402
import twin_training as training  # noqa: E402
from twin_optimisers import MixedOptimiser, Storing, StoringOptimiser  # noqa: E402

RATE, BETAS = 1e-3, (0.9, 0.99)


def by_torch(storing: Storing, gradients: np.ndarray, start: np.ndarray, dtype: Any) -> np.ndarray:
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()).to(dtype))
    coupled = parameter if storing.rule == "coupled_adam" else None
    optimiser = StoringOptimiser([parameter], storing, lr=RATE, betas=BETAS, coupled=coupled)
    for gradient in gradients:
        parameter.grad = torch.from_numpy(gradient).to(dtype)
        optimiser.step()
    return np.asarray(parameter.detach().float().numpy())


def by_gasfield(law: Optimiser, gradients: np.ndarray, start: np.ndarray) -> np.ndarray:
    weights = round_to(start, law.weight_dtype)
    state = law.start(weights)
    for number, gradient in enumerate(gradients):
        law.update(weights, gradient, state, number + 1)
    return weights


@pytest.mark.parametrize(
    ("storing", "law"),
    [
        (Storing(), AdamW(learning_rate=RATE, betas=BETAS, weight_dtype="bfloat16")),
        (
            Storing(weights="kahan"),
            AdamW(learning_rate=RATE, betas=BETAS, weight_dtype="bfloat16", weight_rounding="kahan"),
        ),
        (
            Storing(weights="master"),
            AdamW(learning_rate=RATE, betas=BETAS, weight_dtype="bfloat16", weight_rounding="master"),
        ),
        (Storing(rule="lion"), Lion(learning_rate=RATE, betas=BETAS, weight_dtype="bfloat16")),
        (Storing(rule="coupled_adam"), CoupledAdam(learning_rate=RATE, betas=BETAS)),
    ],
    ids=["nearest", "kahan", "master", "lion", "coupled"],
)
def test_a_real_training_and_its_simulation_have_one_law(storing: Storing, law: Optimiser) -> None:
    """Equal but for PyTorch's root, which is not correctly rounded: that turns few roundings to bfloat16."""
    chance = np.random.default_rng(1)
    start = chance.normal(0, 0.02, (40, 64)).astype(np.float32)
    gradients = (chance.normal(size=(60, 40, 64)) + chance.normal(size=64)).astype(np.float32)
    dtype = getattr(torch, law.weight_dtype)
    mine, theirs = by_torch(storing, gradients, start, dtype), by_gasfield(law, gradients, start)
    if law.weight_dtype == "float32":
        np.testing.assert_allclose(mine, theirs, atol=60 * 4 * 2.0**-24 * RATE + 2.0**-23 * np.abs(theirs).max())
    else:
        assert np.mean(mine == theirs) > 0.995
    plain = by_gasfield(AdamW(learning_rate=RATE, betas=BETAS, weight_dtype=law.weight_dtype), gradients, start)
    assert storing == Storing() or np.mean(plain == theirs) < 0.9  # so that the law matters here


def test_stochastic_rounding_has_the_mean_of_what_it_rounds() -> None:
    """To four standard errors; rounding to nearest is the control."""
    x = np.full((200, 300), 0.7501, np.float32)
    rounded = by_torch(Storing(weights="stochastic"), np.zeros((1, 200, 300), np.float32), x, torch.float32)
    assert is_on(rounded, "bfloat16").all()
    below, above = np.unique(rounded)
    p = (0.7501 - below) / (above - below)
    error = (above - below) * np.sqrt(p * (1 - p) / x.size)
    assert abs(rounded.mean(dtype=np.float64) - x[0, 0]) < 4 * error
    assert abs(round_to(x, "bfloat16")[0, 0] - x[0, 0]) > 4 * error


def test_powers_of_two_by_chance() -> None:
    """Evenly spread logarithms, to four standard errors; a lattice of powers of two is the control."""
    x = np.exp2(np.random.default_rng(2).uniform(-8, -2, 400_000)).astype(np.float32)
    chance = clouds.NEAR_POWERS_BY_CHANCE
    found = clouds.share_near_powers(round_to(x, "bfloat16"))
    assert abs(found - chance) < 4 * np.sqrt(chance / x.size)
    assert clouds.share_near_powers(np.exp2(np.round(np.log2(x)))) == 1.0
    cell = 2.0**-8
    near = np.array([0.5, 0.5 + cell, 0.5 - cell / 2, 0.5 + 2 * cell, 0.5 - cell, -0.5], np.float32)
    assert clouds.share_near_powers(near) == pytest.approx(4 / 6)


@pytest.mark.parametrize(("shift", "allowed"), [(0.0, 0.01), (0.2, 0.06), (-0.2, 0.06)])
def test_two_cumulants_reach_farther_than_the_affine_field(shift: float, allowed: float) -> None:
    """Beside the exact field, where that is recorded: rows of the cloud, moved along the force and against it. The
    affine form of the same record, the control, is worse threefold and more."""
    for step in forms.STEPS:
        affine, cumulants = forms.errors(RECORDINGS / "kjv-fp32.h5", step, shift)
        assert cumulants < allowed, step
        assert affine > 3 * cumulants, step


def test_rows_of_a_mixed_training_have_their_own_laws() -> None:
    """And the others that of the base."""
    chance = torch.Generator().manual_seed(1)
    matrix = torch.nn.Parameter(torch.randn(30, 8, generator=chance).bfloat16())
    alone = {rows: torch.nn.Parameter(matrix.detach()[rows[0] : rows[1]].clone()) for rows in ((0, 10), (10, 30))}
    lion, base = Storing(rule="lion"), Storing()

    def law(storing: Storing, parameters: list[Any]) -> StoringOptimiser:
        return StoringOptimiser(parameters, storing, lr=RATE, betas=BETAS)

    single = [law(lion, [alone[0, 10]]), law(base, [alone[10, 30]])]
    others = {"lion": lambda parameters: law(lion, parameters)}
    mixed = MixedOptimiser(law(base, [matrix]), matrix, others, {"lion": torch.arange(10)})
    for _ in range(5):
        matrix.grad = torch.randn(30, 8, generator=chance).bfloat16()
        for (first, last), part in alone.items():
            part.grad = matrix.grad[first:last].clone()
        mixed.step()
        for optimiser in single:
            optimiser.step()
    for (first, last), part in alone.items():
        assert torch.equal(matrix.detach()[first:last], part.detach())


def whole_matrix() -> tuple[Gas, TotalForce]:
    with Trajectory(RECORDINGS / "kjv-fp32.h5") as opened:
        field, rows = opened.affine_field(), opened.survey().values[0][:60]
    return replays.gas_of(rows), TotalForce([replays.ScaledField(field, np.ones(len(field.steps)))])


def test_coupled_moments_from_their_mean_are_those_of_the_whole_matrix() -> None:
    gas, force = whole_matrix()
    dynamics = CoupledAdam(learning_rate=laws.RATE).build(gas, Conditions(Free(dimensions=64), force))
    dynamics.project(gas)
    squares = []
    for _ in range(20):
        squares.append(np.mean(force.force(gas) ** 2, axis=0))
        dynamics.advance(gas)
    other, _ = whole_matrix()
    start = other.positions.copy()
    step = clouds._coupled_step(other, force, laws.LAWS["coupled"], {"mean_square": np.array(squares)})
    for _ in range(20):
        step()
    np.testing.assert_allclose(other.positions, gas.positions, atol=1e-6 * np.abs(gas.positions - start).max())


def test_every_law_is_one_of_gasfields_and_its_memory_is_counted() -> None:
    assert all(law.specification and law.unrounded in laws.LAWS for law in laws.LAWS.values())
    bytes_of = {name: laws.LAWS[name].bytes for name in ("fp32", "bf16", "master", "kahan-bf16", "lion-bf16", "e4m3")}
    assert bytes_of == {"fp32": 12, "bf16": 6, "master": 14, "kahan-bf16": 8, "lion-bf16": 6, "e4m3": 9}
    assert set(training.TRAINED) <= set(laws.LAWS)


PLAN = training.PLAN.model_copy(
    update={
        "text": str(ROOT / "docs" / "studies" / "long-text.txt"),
        "steps": 12,
        "batch": 2,
        "dead": 100,
        "geometry": training.PLAN.geometry.model_copy(update={"vocabulary": 600, "sequence": 16}),
    }
)


def a_training(folder: Path, law: str) -> measures.Recorded:
    path = folder / f"{law}-seed1.h5"
    training.train(path, training.TRAINED[law], PLAN)
    run = measures.Recorded(law, 1, path, replays.fingerprint(path))
    for name in ("real", "fp32", "coupled", "centred", law):
        clouds.cloud_once(path, run.fingerprint, name, None if name == "real" else laws.LAWS[name], 1)
    return run


def test_the_study_on_a_tiny_training(tmp_path: Path) -> None:
    """A replay in its own field is near the training, and the coupled law, predicted from another one, is too."""
    field, check = a_training(tmp_path, "fp32"), a_training(tmp_path, "coupled")
    start, end = field.cloud("real")["start"], field.cloud("real")["end"]
    assert np.abs(field.cloud("fp32")["end"] - end).mean() < 0.01 * np.abs(end - start).mean()
    np.testing.assert_allclose(field.cloud("centred")["radius"], field.cloud("fp32")["radius"], rtol=1e-5)
    assert measures.lost(field, "fp32") == 0.0
    assert measures.apart(field, "fp32") == 0.0
    predicted, happened = tables.effects([field, check], "coupled", "fp32", measures.drifted)
    assert happened.mean < 0
    assert predicted.mean == pytest.approx(happened.mean, rel=0.2)
    table = tables.table_of_checks([field, check], base="fp32")
    assert table.count("coupled Adam") == 1
    assert table.count("\n") == 2 + len(tables.CHECKED)


def test_a_training_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "fp32-seed1.h5"
    path.write_bytes(b"kept")
    training.train(path, training.TRAINED["fp32"], PLAN)
    assert path.read_bytes() == b"kept"
