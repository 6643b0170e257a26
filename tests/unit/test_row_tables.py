"""Tables by row, against NumPy on the whole trajectory in memory."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

import gasfield
from gasfield.cli.row_table import print_rows
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.row_tables import together, travel
from gasfield.row_tables.together import neighbours
from gasfield.trajectory import TrajectoryWriter, selection

FRAMES, ROWS, REACH = 40, 30, 0.4
HOSTILE = ["=1+1", '"', ",", "\n", "", "a\x1b[31m", "\u202e", "漢", "NA", "null", "\r\n", " the"]


def walk(dimensions: int, seed: int = 0) -> NDArray[np.float64]:
    """Rows that walk, rest and stop; the last ten fall into two points."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(FRAMES, ROWS, dimensions)) * (random.random((FRAMES, ROWS, 1)) < 0.5)
    steps[:, :5] = 0.0
    for row in range(5, 15):
        steps[row + 3 :, row] = 0.0
    positions = np.cumsum(steps, axis=0)
    fall = np.linspace(1.0, 0.01, FRAMES)[:, None, None]
    positions[:, 20:] = fall * positions[:, 20:] + np.repeat([[0.0], [5.0]], 5, axis=0)
    return positions


def write(path: Path, positions: NDArray[np.float64], every: int = 3, periods: Any = None) -> Path:
    tokens = [HOSTILE[row % len(HOSTILE)] for row in range(ROWS)]
    gas = Gas(
        positions[0],
        names=["free", "=HYPERLINK()"],
        species=np.repeat([0, 1], ROWS // 2),
        tokens=tokens,
        token_ids=np.arange(ROWS) + 100,
    )
    with TrajectoryWriter(
        path, gas, precision="float64", provenance={"source": "simulation"}, periods=periods
    ) as writer:
        for number, frame in enumerate(positions):
            writer.frame(every * number, float(number), frame)
    return path


def distances(places: NDArray[np.float64], periods: NDArray[np.float64]) -> NDArray[np.float64]:
    apart = places[:, None] - places[None]
    apart -= periods * np.rint(apart / np.where(periods > 0, periods, np.inf))
    return np.asarray(np.linalg.norm(apart, axis=2))


@pytest.mark.parametrize(("dimensions", "period"), [(2, 0.0), (3, 4.0), (24, 0.0)])
def test_every_column_is_that_of_numpy(
    dimensions: int, period: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PIECE_BYTES", 1 << 12)  # several pieces
    monkeypatch.setattr(together, "_PAIRS", 7 * ROWS)  # several blocks
    positions, periods = walk(dimensions), np.full(dimensions, period)
    path = write(tmp_path / "t.h5", positions, periods=periods)
    table = gasfield.rows(path, reach=REACH, quiet=0.25, quiet_steps=6)
    steps, moved = 3 * np.arange(FRAMES), np.any(np.diff(positions, axis=0) != 0, axis=2)
    last = np.array([steps[np.flatnonzero(row)[-1] + 1] if row.any() else 0 for row in moved.T])
    assert table.values["last_motion"].tolist() == last.tolist()
    horizon = steps[-1] - 0.25 * steps[-1]
    assert table.values["frozen_since"].tolist() == np.where(last <= horizon, last, -1).tolist()
    assert 5 < np.sum(last <= horizon) < ROWS
    thaws = []
    for row in moved.T:
        gaps = 3 * (np.diff(np.flatnonzero(row)) - 1)
        thaws.append((np.sum(gaps >= 6), gaps[gaps >= 6].max(initial=-1)))
    assert table.values["thaws"].tolist() == [count for count, _ in thaws]
    assert table.values["longest_pause"].tolist() == [longest for _, longest in thaws]
    whole = positions[-1] - positions[0]
    own = whole - np.repeat([whole[:15].mean(axis=0), whole[15:].mean(axis=0)], 15, axis=0)
    path_length = np.linalg.norm(np.diff(positions, axis=0), axis=2).sum(axis=0)
    expected = {"displacement": np.linalg.norm(whole, axis=1), "own_displacement": np.linalg.norm(own, axis=1)}
    for name, values in (expected | {"path": path_length}).items():
        np.testing.assert_allclose(table.values[name], values, rtol=1e-12, atol=1e-13)
    at_end = distances(positions[-1], periods)
    _, labels = connected_components(at_end <= REACH, directed=False)
    sizes = np.bincount(labels)[labels]
    assert table.values["cluster_size"].tolist() == sizes.tolist()
    assert 1 < table.clusters == np.sum(np.bincount(labels) > 1)
    same = table.values["cluster"][:, None] == table.values["cluster"][None]
    alone = sizes == 1
    assert (table.values["cluster"][alone] == -1).all()
    np.testing.assert_array_equal(same[~alone][:, ~alone], (labels[:, None] == labels[None])[~alone][:, ~alone])
    np.fill_diagonal(at_end, np.inf)
    nearest = at_end.argmin(axis=1)
    assert table.values["with_row"].tolist() == np.where(alone, -1, nearest).tolist()
    for row in np.flatnonzero(~alone):
        apart = np.array([distances(frame[[row, nearest[row]]], periods)[0, 1] for frame in positions])
        near_from = np.flatnonzero(apart > REACH)[-1] + 1 if (apart > REACH).any() else 0
        assert table.values["together_since"][row] == steps[near_from]
        assert table.values["distance"][row] == pytest.approx(apart[-1], rel=1e-12)


def test_clusters_of_many_near_rows_and_of_none() -> None:
    """Distances far smaller than the coordinates: products of matrices alone would not resolve them."""
    random = np.random.default_rng(1)
    places = 1e3 * random.normal(size=(300, 8))
    places[100:200] = places[100] + 1e-6 * random.normal(size=(100, 8))
    places[250:260] = places[250]
    places[299] = np.nan
    none = np.zeros(8)
    found = neighbours(places, 1e-3, none)
    assert np.bincount(found.size, minlength=101)[[1, 10, 100]].tolist() == [190, 10, 100]
    assert (found.cluster[100:200] == 0).all()
    assert (found.cluster[250:260] == 1).all()
    assert found.nearest[299] == -1
    assert np.isnan(found.distance[299])
    same_place = neighbours(places, 0.0, none)
    assert np.flatnonzero(same_place.size > 1).tolist() == list(range(250, 260))
    assert neighbours(places[:1], 1.0, none).size.tolist() == [1]


def test_rows_planted_later_count_from_where_they_are_planted(tmp_path: Path) -> None:
    positions = np.cumsum(np.ones((6, 4, 2)), axis=0)
    positions[:3, 3] = np.nan
    gas = Gas(positions[0], appears=np.array([0, 0, 0, 3]))
    with TrajectoryWriter(tmp_path / "t.h5", gas, precision="float64", provenance={}) as writer:
        for step, frame in enumerate(positions):
            writer.frame(step, float(step), frame)
    table = gasfield.rows(tmp_path / "t.h5")
    assert table.values["first_step"].tolist() == [0, 0, 0, 3]
    np.testing.assert_allclose(table.values["displacement"], np.sqrt(2.0) * np.array([5, 5, 5, 2]))
    assert "token" not in table.values
    assert (table.values["together_since"] == [0, 0, 0, 3]).all()


def test_sorting_puts_rows_without_a_value_last(tmp_path: Path) -> None:
    table = gasfield.rows(write(tmp_path / "t.h5", walk(2)), reach=REACH)
    for column in table.values:
        for reverse in (False, True):
            values = list(gasfield.rows(tmp_path / "t.h5", reach=REACH, sort=column, reverse=reverse).records())
            keys = [record[column] for record in values]
            known = [key for key in keys if key not in (None, "")]
            assert all(key in (None, "") for key in keys[len(known) :])
            down = column in ("displacement", "own_displacement", "path", "last_motion", "thaws", "longest_pause",
                              "cluster_size")  # fmt: skip
            assert known == sorted(known, reverse=down != reverse)
    longest = gasfield.rows(tmp_path / "t.h5", sort="frozen_since", top=3)
    assert longest.values["row"].tolist() == [0, 1, 2]


def test_tokens_survive_csv_json_and_data_frames(tmp_path: Path) -> None:
    table = gasfield.rows(write(tmp_path / "t.h5", walk(2)), reach=REACH)
    tokens = [HOSTILE[row % len(HOSTILE)] for row in range(ROWS)]
    table.write_csv(tmp_path / "t.csv")
    read = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_bytes().decode(), newline="")))
    assert [line["token"] for line in read] == tokens
    assert [float(line["path"]) for line in read] == table.values["path"].tolist()
    assert [line["frozen_since"] for line in read] == [
        "" if step < 0 else str(step) for step in table.values["frozen_since"].tolist()
    ]
    table.write_csv(tmp_path / "s.csv", spreadsheet=True)
    read = list(csv.DictReader(io.StringIO((tmp_path / "s.csv").read_bytes().decode(), newline="")))
    assert [line["token"] for line in read][:2] == ["'=1+1", '"']
    assert read[-1]["group"] == "'=HYPERLINK()"
    data = json.loads(json.dumps(table.as_json(), allow_nan=False))
    assert [row["token"] for row in data["rows"]] == tokens
    assert data["columns"].keys() == data["rows"][0].keys()
    frame = table.to_dataframe()
    assert frame["token"].tolist() == tokens
    assert frame["frozen_since"].isna().sum() == np.sum(table.values["frozen_since"] < 0) > 0
    assert frame.attrs["units"]["path"] == "length"
    assert len(repr(table).splitlines()) <= 10


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"sort": "size"}, "sort"),
        ({"top": 0}, "top"),
        ({"reach": -1.0}, "reach"),
        ({"reach": float("nan")}, "reach"),
        ({"quiet": 1.0}, "quiet"),
        ({"quiet_steps": 0}, "quiet_steps"),
        ({"groups": ["none"]}, "groups"),
        ({"frames": "0:1"}, "frames"),
        ({"rows": "7:3"}, "rows"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], names: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.h5", walk(2)[:3])
    with pytest.raises(InputError) as fault:
        gasfield.rows(path, **options)
    assert fault.value.parameter == names


def test_memory_does_not_grow_with_the_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both passes take frames one by one from pieces of whole chunks."""
    monkeypatch.setattr(selection, "PIECE_BYTES", 1)
    path, seen = write(tmp_path / "t.h5", walk(2)), []
    with gasfield.open(path) as opened:
        whole = selection.Selection.of(opened)
        chunk = opened.frames_in_chunk
        sizes = {len(piece.frames) for piece in whole.pieces(opened)}
        assert max(sizes) <= chunk
        for _, places, _ in travel.frames_of(opened, whole):
            seen.append(places.shape)
    assert seen == [(ROWS, 2)] * FRAMES


def planted_late(path: Path, first: int) -> Path:
    """Four rows at the corners of a square of side 1, two of them twice, that all appear at the same step."""
    places = np.array([[0, 0], [0, 0.01], [1, 0], [1, 1], [0, 1], [0.01, 1]], np.float64)
    with TrajectoryWriter(path, Gas(places, appears=np.full(6, first)), precision="float64", provenance={}) as writer:
        for step in range(6):
            writer.frame(step, float(step), np.where(step < first, np.nan, places))
    return path


def test_the_reach_is_that_of_the_first_places_of_rows_whenever_they_appear(tmp_path: Path) -> None:
    table, late = (gasfield.rows(planted_late(tmp_path / f"{first}.h5", first)) for first in (0, 3))
    assert table.reach is not None
    assert table.reach > 0.05
    assert late.reach == table.reach
    assert late.clusters == table.clusters == 2
    assert late.values["together_since"].tolist() == [3, 3, -1, -1, 3, 3]


def test_rows_without_a_position_are_in_no_cluster_and_have_no_thaws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = gasfield.rows(planted_late(tmp_path / "a.h5", 3), frames="0:3")
    assert nobody.reach is None
    assert (nobody.values["thaws"] == -1).all()
    assert "cluster_size" not in nobody.values
    print_rows(nobody, 10)
    printed = capsys.readouterr().out
    assert "note: no row has a position in these frames" in printed
    assert not {"lengths", "steps:", "since", "thaws", "cluster"} & set(printed.split())


def test_a_legend_is_of_the_columns_that_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(gasfield.rows(planted_late(tmp_path / "a.h5", 3), reach=0.0), 10)
    printed = capsys.readouterr().out
    assert "thaws" not in printed
    assert "lengths: displacement, own displacement, path\n" in printed
    assert "steps: frozen since\n" in printed
