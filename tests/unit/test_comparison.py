"""Comparison with a recording: alignment by name, token and step, and errors with known values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gasfield.cli.result_tables import print_comparison
from gasfield.comparison import compare
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.kernels.lattices import PRECISIONS, lattice_keys, lattice_numbers, round_to
from gasfield.trajectory import Trajectory, TrajectoryWriter

Values = NDArray[np.float64]
Writing = Callable[..., Trajectory]
COUNT, D, STEPS = 40, 8, 30


def gas_of(x: Values, names: list[str], species: NDArray[np.int64], tokens: NDArray[np.int64]) -> Gas:
    lattice = np.flatnonzero(species == names.index("lattice")) if "lattice" in names else np.empty(0, np.int64)
    bonds = {"lattice": np.stack([lattice[:-1], lattice[1:]], axis=1)} if len(lattice) else {}
    return Gas(x, species, names, tokens, [""] * len(x), bonds)


@pytest.fixture
def write(tmp_path: Path) -> Writing:
    """write(gas, positions (T, N, D), steps, precision) -> an open trajectory."""

    def writing(gas: Gas, frames: Values, steps: list[int] | None = None, precision: str = "float64") -> Trajectory:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.h5"
        with TrajectoryWriter(path, gas, precision=precision, provenance={}) as writer:
            for step, x in zip(steps or range(len(frames)), frames, strict=True):
                writer.frame(step, float(step), x)
        return Trajectory(path)

    return writing


@pytest.fixture
def gas() -> Gas:
    """Twenty dead rows, twelve of a lattice, eight live ones."""
    x = np.random.default_rng(0).normal(0, 0.02, (COUNT, D))
    x[20:32] = 0.0
    x[20:32, :2] = np.array([[i, j] for i in range(4) for j in range(3)]) * 0.02
    return gas_of(x, ["dead", "lattice", "live"], np.repeat([0, 1, 2], [20, 12, 8]), np.arange(100, 100 + COUNT))


@pytest.fixture
def drift(gas: Gas) -> Values:
    """(T, N, D): every row moves by 0.3 along the first axis."""
    frames = np.repeat(gas.positions[None], STEPS + 1, axis=0)
    frames[..., 0] += 0.3 * np.arange(STEPS + 1)[:, None] / STEPS
    return frames


def test_a_trajectory_equals_itself(write: Writing, gas: Gas, drift: Values) -> None:
    rounded = round_to(drift, "bfloat16")
    comparison = compare(*(write(gas, rounded, precision="bfloat16") for _ in range(2)))
    tree = comparison.as_json()
    assert tree["displacement_error"]["value"] == 0
    assert tree["cells_equal"]["value"] == 1
    assert tree["centroid_path_error"]["value"] == 0
    assert tree["groups"]["lattice"]["stretch"]["difference"]["value"] == [0, 0]
    for part in (tree, *tree["groups"].values()):
        for key in ("radius", "straightness", "step_length", "frozen", "unmoved"):
            assert part[key]["difference"]["value"] == 0
            assert part[key]["real"] == part[key]["simulated"]
    json.dumps(tree, allow_nan=False)


def test_errors_are_those_that_were_made(write: Writing, gas: Gas, drift: Values) -> None:
    """Rows that lag by a tenth have an error of a tenth."""
    lagging = drift.copy()
    lagging[:, :, 0] -= 0.1 * (drift[:, :, 0] - drift[0, :, 0])
    comparison = compare(write(gas, drift), write(gas, lagging))
    tree = comparison.as_json()
    assert tree["displacement_error"]["value"] == pytest.approx(0.1)
    assert tree["displacement_error"]["error"] == pytest.approx(0, abs=1e-12)
    # Mean over frames of 0.1 * 0.3 t / T, relative to 0.3.
    assert tree["centroid_path_error"]["value"] == pytest.approx(0.05)
    assert tree["straightness"]["real"]["value"] == pytest.approx(1)
    assert tree["radius"]["difference"]["value"] == pytest.approx(0, abs=1e-12)
    assert tree["step_length"]["difference"]["value"] == pytest.approx(-0.1 * 0.3 / STEPS)
    curve = comparison.groups["dead"].hindcast.displacement_error
    assert np.isnan(curve[0])  # nothing has moved yet
    assert curve[1:] == pytest.approx(np.full(STEPS, 0.1))
    assert tree["cells_equal"]["value"] is None
    assert any("cells are compared in one format" in note for note in tree["notes"])


def test_names_of_groups_carry_no_meaning(write: Writing, gas: Gas, drift: Values) -> None:
    """The numbers over all rows are those over all rows, whatever the groups are called."""
    moved = drift.copy()
    moved[:, 32:] += 5.0
    trees = []
    for last in ("live", "anything", "dead", "survey", "all rows", "gas"):
        named = replace(gas, names=["first", "lattice", last])
        trees.append(compare(write(named, drift), write(named, moved)).as_json())
        del trees[-1]["notes"]  # they name the groups
        trees[-1]["groups"]["third"] = trees[-1]["groups"].pop(last)
    assert all(tree == trees[0] for tree in trees)
    assert trees[0]["displacement_error"]["value"] == pytest.approx(
        0.2 * trees[0]["groups"]["third"]["displacement_error"]["value"]
    )


def test_equal_cells_are_counted_coordinate_by_coordinate(write: Writing, gas: Gas, drift: Values) -> None:
    for precision in PRECISIONS[1:]:
        rounded = round_to(drift, precision)
        other = rounded.copy()
        next_cells = lattice_keys(other[-1, :, 0], precision) + 1  # in one coordinate of eight
        other[-1, :, 0] = lattice_numbers(next_cells, precision)
        tree = compare(write(gas, rounded, precision=precision), write(gas, other, precision=precision)).as_json()
        assert tree["cells_equal"]["value"] == pytest.approx(1 - 1 / D)


def test_rows_are_matched_by_token_in_any_order(write: Writing, gas: Gas, drift: Values) -> None:
    order = np.random.default_rng(1).permutation(32)  # the live rows are missing
    new_names = ["lattice", "dead"]
    other = gas_of(gas.positions[order], new_names, 1 - gas.species[order], gas.token_ids[order])
    tree = compare(write(gas, drift), write(other, drift[:, order])).as_json()
    assert tree["displacement_error"]["value"] == 0
    assert tree["groups"]["lattice"]["stretch"]["difference"]["value"] == pytest.approx([0, 0], abs=1e-12)
    assert any("'live' is in" in note for note in tree["notes"])
    # Negative control: without the token ids rows are matched by order, which is wrong here.
    anonymous = [replace(g, token_ids=np.full(g.count, -1)) for g in (gas, other)]
    wrong = compare(write(anonymous[0], drift), write(anonymous[1], drift[:, order])).as_json()
    assert wrong["displacement_error"]["value"] > 0.01


def test_frames_are_matched_by_step(write: Writing, gas: Gas, drift: Values) -> None:
    sparse = write(gas, drift[::10], steps=[0, 10, 20, 30])
    comparison = compare(write(gas, drift), sparse)
    assert comparison.groups["dead"].hindcast.steps.tolist() == [0, 10, 20, 30]
    assert comparison.as_json()["displacement_error"]["value"] == 0
    assert comparison.as_json()["step_length"]["real"]["unit"] == "length per 10 steps"


def test_rows_absent_on_one_side_are_left_out_on_both(write: Writing, gas: Gas, drift: Values) -> None:
    flat, real = replace(gas, positions=gas.positions[:, :3]), drift[..., :3]
    blown = real.copy()
    blown[20:, 3] = np.nan
    tree = compare(write(flat, real), write(flat, blown)).as_json()
    assert tree["displacement_error"]["value"] == 0
    assert any("1 of 20 rows" in note for note in tree["notes"])


def test_errors_of_differences_are_much_smaller_than_of_each_side(write: Writing, gas: Gas, drift: Values) -> None:
    near = drift + np.random.default_rng(2).normal(0, 1e-5, drift.shape)
    tree = compare(write(gas, drift), write(gas, near)).as_json()
    radius = tree["groups"]["dead"]["radius"]
    assert radius["difference"]["error"] < 0.05 * radius["real"]["error"]
    assert abs(radius["difference"]["value"]) < 4 * radius["difference"]["error"]


def test_the_table_has_a_line_for_every_quantity(write: Writing, gas: Gas, drift: Values) -> None:
    table = compare(write(gas, drift), write(gas, drift)).table()
    names = [row.name for row in table if row.group == "all rows"]
    lattice, dead = ([row.name for row in table if row.group == group] for group in ("lattice", "dead"))
    assert names[:3] == ["displacement error", "cells equal", "centroid path error"]
    assert lattice.index("stretch 2") == lattice.index("stretch 1") + 1
    assert "stretch 1" not in dead
    assert all(isinstance(cell, str) for row in table for cell in row)


def test_a_group_without_a_counterpart_is_told_with_the_name_of_its_side(
    write: Writing, gas: Gas, drift: Values, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = replace(gas, names=["dead", "lattice", "late"])
    comparison = compare(write(gas, drift), write(renamed, drift), ("run 1", "run 2"))
    print_comparison(comparison)
    printed = capsys.readouterr().out
    for group, side in (("live", "run 1"), ("late", "run 2")):
        note = f"group '{group}' is in {side} only, and is left out"
        assert note in comparison.as_json()["notes"]
        assert f"note: {note}\n" in printed
    print_comparison(compare(write(gas, drift), write(gas, drift)))
    assert "note:" not in capsys.readouterr().out


def test_nothing_in_common_is_one_clear_message(write: Writing, gas: Gas, drift: Values) -> None:
    real = write(gas, drift)
    flat = write(replace(gas, positions=gas.positions[:, :5]), drift[..., :5])
    later = write(gas, drift, steps=[1000 + i for i in range(STEPS + 1)])
    others = write(replace(gas, token_ids=gas.token_ids + 1000), drift)
    for simulated, words in ((flat, "8 dimensions"), (later, "no step in common"), (others, "no row in common")):
        with pytest.raises(InputError, match=words) as caught:
            compare(real, simulated)
        assert str(real.path) in str(caught.value)
        assert str(simulated.path) in str(caught.value)


def test_one_common_frame_compares_places_only(write: Writing, gas: Gas, drift: Values) -> None:
    tree = compare(write(gas, drift[:1]), write(gas, drift)).as_json()
    assert tree["displacement_error"]["value"] is None
    assert tree["radius"]["difference"]["value"] == 0
    assert "step_length" not in tree
