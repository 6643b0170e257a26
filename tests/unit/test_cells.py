"""Displacements in cells: three norms, five kinds of motion, and the published ULP beside the exact keys."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from gasfield.diagnostics import Group
from gasfield.diagnostics.lattice.cells import Cells
from gasfield.errors import InputError
from gasfield.kernels.bfloat16 import from_bits
from gasfield.plots.rows import class_shares


def at_keys(keys: list[list[list[int]]]) -> Group:
    """A group whose coordinates (T, N, D) have these keys along the lattice."""
    keys_ = np.array(keys)
    patterns = np.where(keys_ < 0, 0x8000 | np.abs(keys_), keys_).astype(np.uint16)
    return Group("rows", np.arange(len(keys_)), from_bits(patterns), "bfloat16")


def test_norms_are_those_of_the_keys() -> None:
    moves = [[0, 0, 0, 0], [1, 0, 0, 0], [1, -1, 1, -1], [3, -4, 0, 0], [1001, 0, 0, 1], [1000, 0, 0, 0]]
    start = [[16000] * 4] * len(moves)
    result = Cells().compute(at_keys([start, (np.array(start) + moves).tolist()]))
    assert result.total.tolist() == [[0, 1, 4, 7, 1002, 1000]]
    assert result.largest.tolist() == [[0, 1, 1, 4, 1001, 1000]]
    np.testing.assert_allclose(result.length, np.linalg.norm(moves, axis=1)[None], rtol=1e-15)
    np.testing.assert_allclose(result.occupancy[:, 0], np.array([1, 1, 1, 2, 1]) / 6)
    values = {key: quantity.value for key, quantity in result.quantities().items()}
    assert values["cells.beyond"] == pytest.approx(1 / 6)
    assert values["cells.infinite"] == 0
    assert (values["cells.median"], values["cells.l1"], values["cells.l2"]) == (2.5, 5.5, 3.5)


@pytest.mark.parametrize("definition", ["keys", "ulp"])
def test_each_row_is_of_just_one_kind_in_each_interval(definition: str) -> None:
    """Random walks about zero, in steps of any size, so that every kind occurs."""
    rng = np.random.default_rng(0)
    steps = rng.choice(
        [0, 0, 0, 1, -1, 3, 900, -2000], size=(200, 30, 2), p=[0.3, 0.3, 0.2, 0.1, 0.07, 0.01, 0.01, 0.01]
    )
    result = Cells(definition=definition).compute(at_keys(np.clip(np.cumsum(steps, axis=0), -9000, 9000).tolist()))
    assert (result.occupancy > 0).any(axis=1).all()
    np.testing.assert_allclose(result.occupancy.sum(axis=0), 1, rtol=1e-15)
    values = {key: quantity.value for key, quantity in result.quantities().items()}
    kinds = ("unmoved", "single", "local", "multi", "beyond")
    assert sum(values[f"cells.{kind}"] for kind in kinds) == pytest.approx(1)


def test_the_ulp_is_off_by_two_across_a_power_of_two_where_keys_are_exact() -> None:
    """From 1 one cell up and down, and from the cell below 1 up to it and on."""
    one = int(np.float32(1).view(np.uint32) >> 16)
    ways = at_keys([[[one], [one], [one - 1], [one - 1]], [[one + 1], [one - 1], [one], [one + 1]]])
    assert Cells().compute(ways).total.tolist() == [[1, 1, 1, 2]]
    assert Cells(definition="ulp").compute(ways).total.tolist() == [[1, 0.5, 1, 3]]
    # Forth and back the exact count is the same; the ULP's is not.
    back = Group("back", ways.steps, ways.positions[::-1].copy(), "bfloat16")
    assert Cells().compute(back).total.tolist() == [[1, 1, 1, 2]]
    assert Cells(definition="ulp").compute(back).total.tolist() == [[1, 1, 0.5, 1.5]]


def test_the_ulp_is_infinite_from_zero_and_that_is_not_called_standing_still() -> None:
    ways = at_keys([[[0, 5], [0, 5], [3, 0]], [[1, 5], [0, 5], [3, 0]]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = Cells(definition="ulp").compute(ways)
    assert result.total.tolist() == [[np.inf, 0, 0]]
    values = {key: quantity.value for key, quantity in result.quantities().items()}
    assert values["cells.infinite"] == values["cells.beyond"] == pytest.approx(1 / 3)
    assert values["cells.unmoved"] == pytest.approx(2 / 3)
    assert values["cells.median"] is None
    assert any(note.startswith("cells.median: 1 of 3 rows") for note in result.notes)
    exact = Cells().compute(ways)
    assert exact.total.tolist() == [[1, 0, 0]]
    assert exact.quantities()["cells.infinite"].value == 0
    result.plot().figure.canvas.draw()


def test_subnormal_cells_are_all_of_one_size() -> None:
    smallest = at_keys([[[1], [100], [-7]], [[2], [101], [-8]]])
    assert Cells(definition="ulp").compute(smallest).total.tolist() == [[1, 1, 1]]


def test_an_unknown_definition_is_refused() -> None:
    with pytest.raises(InputError, match=r"definition: should be 'keys' or 'ulp', not 'ULP'"):
        Cells(definition="ULP")  # type: ignore[arg-type]


def test_classes_double() -> None:
    cells = np.array([[0, 0.5, 1, 2, 3, 4, 7, 8, 32767, 32768, 65279, np.inf]])
    found = [int(np.flatnonzero(class_shares(cells[:, [k]])[:, 0])[0]) for k in range(cells.shape[1])]
    assert found == [0, 1, 1, 2, 2, 3, 3, 4, 15, 16, 16, 16]
    assert class_shares(cells).sum() == pytest.approx(1)
