"""The data behind the viewer: exact neighbours, fixed projections, cells, colourings, strains, and the page itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from packed_pages import Parsed, unpack

import gasfield
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.trajectory import Trajectory, TrajectoryWriter
from gasfield.viewing import client, document
from gasfield.viewing.bonds import Bonds
from gasfield.viewing.channels import class_of, frozen_since, numbers
from gasfield.viewing.choice import Choice
from gasfield.viewing.nearest import nearest_of, nearest_rows
from gasfield.viewing.packing import ABSENT, Grid, pack
from gasfield.viewing.projection import Projection
from gasfield.viewing.scene import Scene

HOSTILE = [
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "<!--<script>",
    "&lt;b&gt;\"'`${document.title}",
    "\u202e\x1b[31m\x07\u2028",
    "]]>",
]


def oracle(points: NDArray, count: int) -> NDArray[np.int64]:
    """The definition: all differences in float64, equal distances in the order of the rows."""
    x = points.astype(np.float64)
    squared = ((x[:, None] - x[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(squared, np.inf)
    rows = np.broadcast_to(np.arange(len(x)), squared.shape)
    return np.lexsort((rows, squared), axis=1)[:, :count]


def cloud(dimensions: int) -> NDArray[np.float32]:
    """Rows far from the origin, with identical ones, nearly identical ones, and many equal distances."""
    chance = np.random.default_rng(dimensions)
    points = 100 + chance.normal(size=(600, dimensions))
    points[50:250] = points[5]
    points[250:350] = points[251] + 1e-5 * chance.normal(size=(100, dimensions))
    points[350:500] = np.round(points[350:500])
    return points.astype(np.float32)


@pytest.mark.parametrize("dimensions", [1, 2, 30])
def test_neighbours_are_those_of_the_definition(dimensions: int) -> None:
    points = cloud(dimensions)
    wanted = oracle(points, 10)
    assert np.array_equal(nearest_rows(points, 10), wanted)
    for row in (0, 5, 60, 400):
        rows, distances = nearest_of(points, row, 10)
        assert np.array_equal(rows, wanted[row])
        assert np.allclose(distances, np.linalg.norm(points[rows].astype(float) - points[row], axis=1), rtol=1e-12)


def test_matrix_products_in_single_precision_miss_neighbours() -> None:
    """The control: what the exact second look is for."""
    points = cloud(30)
    squares = (points**2).sum(axis=1)
    squared = squares[:, None] + squares - 2 * points @ points.T
    np.fill_diagonal(squared, np.inf)
    assert not np.array_equal(np.argsort(squared, axis=1, kind="stable")[:, :10], oracle(points, 10))


def test_rows_that_are_not_finite_have_no_neighbours_and_are_none() -> None:
    points = cloud(3)[:8]
    points[2, 1] = np.nan
    found = nearest_rows(points, 10)
    assert np.all(found[2] == -1)
    others = np.delete(np.arange(8), 2)
    assert np.array_equal(found[others, :6], others[oracle(points[others], 6)])
    assert np.all(found[others, 6:] == -1)
    assert not len(nearest_of(points, 2)[0])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("differences", [False, True])
def test_what_is_packed_is_unpacked(kind: type, differences: bool) -> None:
    values = np.random.default_rng(0).integers(0, np.iinfo(kind).max, (7, 3, 11), endpoint=True).astype(kind)
    values[3] = values[2]
    data = pack(values, differences=differences)
    assert np.array_equal(unpack(data, kind, values.shape, differences=differences), values)


def test_small_steps_pack_better_as_differences() -> None:
    chance = np.random.default_rng(0)
    cells = (np.cumsum(chance.integers(-3, 4, (50, 2000)), axis=0) + chance.integers(500, 65000, 2000)).astype(
        np.uint16
    )
    assert len(pack(cells, differences=True)) < 0.5 * len(pack(cells))


def test_cells_are_within_half_a_cell() -> None:
    places = np.random.default_rng(0).normal(50, 1e-3, (1000, 3))
    places[7] = np.nan
    grid = Grid.around(np.nanmin(places, axis=0), np.nanmax(places, axis=0))
    cells = grid.cells(places)
    assert np.all(cells[7] == ABSENT)
    there = np.delete(np.arange(1000), 7)
    assert np.abs(grid.low + cells[there] * grid.cell - places[there]).max() <= 0.5 * grid.cell * (1 + 1e-9)
    assert np.ptp(cells[there].astype(int), axis=0).max() == 65534


def write(path: Path, frames: NDArray, tokens: list[str] | None = None, bonds: NDArray | None = None) -> Path:
    count = frames.shape[1]
    gas = Gas(
        frames[0],
        np.arange(count) % 2,
        ["even", "odd"],
        np.arange(count),
        tokens or [f"token {i}" for i in range(count)],
        bonds={} if bonds is None else {"even": bonds},
    )
    with TrajectoryWriter(path, gas, precision="float64", provenance={"title": HOSTILE[0], "source": "import"}) as file:
        for step, positions in enumerate(frames):
            file.frame(10 * step, 10.0 * step, positions)
            file.observe("loss", 10 * step, 10.0 * step, 1.0 / (1 + step))
    return path


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    """Ten frames of 40 rows in 6 dimensions, of which row 4 rests from frame 3 on, and row 5 always."""
    chance = np.random.default_rng(0)
    frames = 5 + np.cumsum(chance.normal(size=(10, 40, 6)) * [3, 2, 1, 0.5, 0.2, 0.1], axis=0)
    frames[3:, 4], frames[:, 5] = frames[3, 4], frames[0, 5]
    tokens = [*HOSTILE, *(f"Ġtoken {i}" for i in range(6, 40))]
    return write(tmp_path / "walk.h5", frames, tokens, np.array([[0, 2], [2, 4], [4, 1]]))


def test_axes_are_principal_over_all_frames_and_the_same_in_all(walk: Path) -> None:
    with Trajectory(walk) as opened:
        scene = Scene.of(opened, Choice())
        assert isinstance(scene.projection, Projection)
        points = opened.positions().reshape(-1, 6)
        _, spread, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
        assert np.allclose(np.abs((scene.projection.axes * axes[:3]).sum(axis=1)), 1)
        assert np.allclose(scene.projection.variances, spread[:3] ** 2 / (spread**2).sum())
        wanted = opened.positions() @ scene.projection.axes.T
        found = scene.grid.low + scene.grid.cell * scene.cells.swapaxes(1, 2)
        assert np.abs(found - wanted).max() < scene.grid.cell
        last = Projection.of(scene.group, "last").axes
        _, _, axes = np.linalg.svd(points[-40:] - points[-40:].mean(axis=0))
        assert np.allclose(np.abs((last * axes[:3]).sum(axis=1)), 1)
        assert not np.allclose(np.abs((last * scene.projection.axes).sum(axis=1)), 1, atol=1e-3)


def test_axes_can_be_random_or_given(walk: Path) -> None:
    with Trajectory(walk) as opened:
        group = Choice().group_of(opened)
        for wanted in ("random", [5, 0, 3], np.random.default_rng(1).normal(size=(2, 6))):
            axes = Projection.of(group, wanted).axes
            assert np.allclose(axes @ axes.T, np.eye(len(axes)))
        assert np.array_equal(Projection.of(group, [5, 0]).axes, np.eye(6)[[5, 0]])
        for wrong in ("umap", [0, 0], [0, 6], [1], np.ones((2, 6)), np.ones((2, 5))):
            with pytest.raises(InputError, match="projection"):
                Projection.of(group, wrong)


def test_colourings_say_how_rows_move(walk: Path) -> None:
    with Trajectory(walk) as opened:
        scene = Scene.of(opened, Choice())
        by_name = {channel.name: channel for channel in scene.channels}
        step = by_name["step length"]
        wanted = np.linalg.norm(np.diff(opened.positions(), axis=0), axis=2)
        assert np.all(step.codes[0] == 0)
        share = (step.codes[1:] - 1.0) / 254
        found = (
            step.low * (step.high / step.low) ** share
            if step.logarithmic
            else step.low + share * (step.high - step.low)
        )
        assert np.allclose(found[wanted > 0], wanted[wanted > 0], atol=0.6 * step.high / 254)
        since = by_name["frozen since"]
        assert since.codes[5] == 1  # since the first frame
        assert since.codes[4] == 1 + round(253 * 3 / 9)
        assert np.all(np.delete(since.codes, [4, 5]) == 255)
        assert by_name["group"].classes == ("even", "odd")
        assert np.array_equal(by_name["group"].codes, np.arange(40) % 2)


def test_a_page_opens_with_groups_or_where_there_is_one_with_how_far_its_rows_get(walk: Path) -> None:
    with Trajectory(walk) as opened:
        assert Scene.of(opened, Choice()).channels[0].name == "group"
        alone = Scene.of(opened, Choice(groups=("even",))).channels
        assert alone[0].name == "distance from start to end"
        places = opened.positions()[:, ::2]
        wanted = np.linalg.norm(places[-1] - places[0], axis=1)
        assert alone[0].codes.shape == (20,)
        assert alone[0].codes[wanted.argmax()] == 255
        assert len(np.unique(alone[0].codes)) > 5  # no cloud of one colour at the first step
        assert "group" in [channel.name for channel in alone]


def test_numbers_over_decades_are_coded_by_their_logarithms() -> None:
    values = np.geomspace(1e-6, 1e3, 50)
    channel = numbers("x", "length", values)
    assert channel.logarithmic
    back = channel.low * (channel.high / channel.low) ** ((channel.codes - 1.0) / 254)
    assert np.all(np.abs(np.log(back[1:] / values[1:])) < 0.55 * np.log(channel.high / channel.low) / 254)
    assert numbers("x", "", np.full(4, 2.0)) is None
    assert numbers("x", "", np.full(4, np.nan)) is None
    assert frozen_since(np.array([3, 3]), np.arange(4)) is None


def test_tokens_are_classed_by_their_looks() -> None:
    looks = {"": 0, "<|endoftext|>": 1, "[unused7]": 1, "<0x0A>": 2, " 1984": 3, "...": 4, "Ġword": 5}
    looks |= {"▁word": 5, "##ing": 6, "ing": 6, "漢字": 7}
    assert {token: class_of(token) for token in looks} == looks


def test_strain_is_relative_to_the_first_length(walk: Path) -> None:
    with Trajectory(walk) as opened:
        bonds = Bonds.of(Choice().group_of(opened), opened.bonds)
        positions = opened.positions()
        lengths = np.linalg.norm(positions[:, bonds.ends[:, 0]] - positions[:, bonds.ends[:, 1]], axis=2)
        strain = np.clip(lengths / lengths[0] - 1, -bonds.reach, bonds.reach)
        assert np.abs((bonds.strain - 128.0) / 127 * bonds.reach - strain).max() < 0.51 * bonds.reach / 127
        assert Bonds.of(Choice(groups=["odd"]).group_of(opened), opened.bonds) is None


def test_rows_and_frames_are_thinned_evenly_but_bonds_are_kept(walk: Path) -> None:
    with Trajectory(walk) as opened:
        group = Choice(rows=9, frames=4).group_of(opened)
        assert group.steps.tolist() == [0, 30, 60, 90]
        assert set(group.ids) >= {0, 1, 2, 4, 3, 39}
        assert group.count == 4 + 9
        with pytest.raises(InputError, match="no group 'none'"):
            Choice(groups=["none"]).group_of(opened)


def test_a_periodic_box_is_drawn_as_one_cell(tmp_path: Path) -> None:
    sides = np.array([2.0, 3.0])
    walk = np.cumsum(np.random.default_rng(0).normal(size=(20, 50, 2)), axis=0)
    path = tmp_path / "a.h5"
    with TrajectoryWriter(path, Gas(walk[0]), precision="float64", provenance={}, periods=sides) as writer:
        for step, positions in enumerate(walk):
            writer.frame(step, float(step), positions)
    with Trajectory(path) as opened:
        scene = Scene.of(opened, Choice())
        places = scene.grid.low + scene.grid.cell * scene.cells.swapaxes(1, 2)
        assert np.all(np.abs(places) <= 0.5 * sides + scene.grid.cell)
        apart = (places - walk) / sides
        assert np.abs(apart - np.round(apart)).max() <= scene.grid.cell / 2
        assert np.abs(np.round(apart)).max() >= 2
        assert scene.outline.described() == {"kind": "box", "sides": [2.0, 3.0]}


@pytest.mark.parametrize("dimensions", [3, 4])
def test_a_sphere_is_drawn_where_its_own_coordinates_are(tmp_path: Path, dimensions: int) -> None:
    scenario = {
        "format": 1, "title": "a", "question": "b", "space": {"kind": "sphere", "dimensions": dimensions},
        "gas": [{"name": "gas", "from": {"kind": "uniform", "count": 9}}], "temperature": 1.0, "run": {"steps": 1},
        "dynamics": {"kind": "brownian", "time_step": 0.1, "friction": 1.0},
    }  # fmt: skip
    positions = np.random.default_rng(0).normal(size=(9, dimensions))
    positions /= np.linalg.norm(positions, axis=1, keepdims=True)
    path, provenance = tmp_path / "a.h5", {"source": "simulation", "scenario": json.dumps(scenario)}
    with TrajectoryWriter(path, Gas(positions), precision="float64", provenance=provenance) as writer:
        writer.frame(0, 0.0, positions)
    with Trajectory(path) as opened:
        outline = Scene.of(opened, Choice()).outline
        assert (outline and outline.described()) == (
            {"kind": "sphere", "radius": 1.0, "curved": True} if dimensions == 3 else None
        )


# --- the page ---------------------------------------------------------------------------------------------------------


def test_a_page_holds_everything_and_may_load_nothing(walk: Path, tmp_path: Path) -> None:
    output = gasfield.view(walk, output=tmp_path / "a.html", neighbours=3)
    text = output.read_text()
    page = Parsed(text)
    assert page.tags.count("script") == len(page.scripts)
    assert "img" not in page.tags
    assert len(page.code) == 2
    assert page.allowed() == page.digests()
    assert "default-src 'none'" in page.policy
    assert "connect-src 'none'" in page.policy
    assert "unsafe" not in page.policy
    data = page.data
    panel = json.loads(data["description"])["panels"][0]
    assert panel["steps"] == list(range(0, 100, 10))
    assert panel["sha256"] == hashlib.sha256(walk.read_bytes()).hexdigest()
    assert panel["near"] == [0, 4, 9]
    with Trajectory(walk) as opened:
        near = unpack(base64.b64decode(data["blob 0.near"]), np.uint16, (3, 10, 40), differences=True)
        for place, frame in enumerate(panel["near"]):
            assert np.array_equal(near[place].T, oracle(opened.frame(frame), 10))
        cells = unpack(base64.b64decode(data["blob 0.cells.0"]), np.uint16, (10, 3, 40), differences=True)
        assert np.array_equal(cells, Scene.of(opened, Choice()).cells)
    rows = json.loads(np.frombuffer(unpack(base64.b64decode(data["blob 0.rows"]), np.uint8, (-1,)), np.uint8).tobytes())
    assert rows["tokens"][0] == HOSTILE[0]
    assert rows["tokens"][4].isprintable()
    assert gasfield.view(walk, output=tmp_path / "b.html", neighbours=3).read_bytes() == output.read_bytes()


def test_the_client_is_joined_and_its_library_is_the_published_one() -> None:
    for entry in ("embedded_page.js", "served_page.js"):
        script = client.joined(entry)
        assert not re.search(r"^(import|export) ", script, re.MULTILINE)
        assert script.count("class EmbeddedSource ") == 1
        assert "innerHTML" not in script
        assert "eval(" not in script
    library = Path(client.__file__).parent / "client" / "vendor" / "twgl.js"
    assert hashlib.sha256(library.read_bytes()).hexdigest() == client.TWGL_SHA256
    assert f"twgl.js {client.TWGL_VERSION}" in library.read_text()[:200]
    assert "Permission is hereby granted" in library.with_name("twgl-LICENSE.md").read_text()


def test_modules_that_declare_the_same_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {"a.js": 'import { b } from "./b.js";\nconst one = b;\n', "b.js": "export const b = 1;\nconst one = 2;\n"}
    monkeypatch.setattr(client, "read", modules.__getitem__)
    with pytest.raises(ValueError, match=r"one is declared by b\.js and a\.js"):
        client.joined("a.js")
    modules["b.js"] = 'import { a } from "./a.js";\n'
    with pytest.raises(ValueError, match="import each other"):
        client.joined("a.js")


def test_what_is_too_large_for_a_page_is_refused_before_it_is_read(
    walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "a.html"
    monkeypatch.setattr("gasfield.viewing.writing.LARGEST_UNPACKED", 2 * 10 * 40 * 3 - 1)
    both: list[dict[str, Any]] = [{}, {"other": walk}]
    for wrong in both:
        with pytest.raises(InputError, match=r"too large for one page.*frames.*rows.*serve"):
            gasfield.view(walk, output=output, **wrong)
    gasfield.view(walk, output=output, frames=9, neighbours=0)
    monkeypatch.setattr("gasfield.viewing.writing.LARGEST_PAGE", 100_000)
    with pytest.raises(InputError, match="more than 0 MB"):
        gasfield.view(walk, output=tmp_path / "b.html", frames=9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "walk.h5"]


def test_bad_input_is_refused(walk: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken.html"
    taken.write_text("")
    faults: list[dict[str, Any]] = [
        {"output": "a.txt"},
        {"output": taken},
        {"frames": 0},
        {"rows": 0},
        {"neighbours": -1},
    ]
    for wrong in faults:
        with pytest.raises(InputError, match=next(iter(wrong))):
            gasfield.view(walk, **{"output": tmp_path / "a.html", **wrong})
    assert not (tmp_path / "a.html").exists()


def test_one_frame_and_rows_without_a_position_are_shown(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).normal(size=(1, 6, 1))
    frames[0, 2] = np.inf
    path = write(tmp_path / "a.h5", frames)
    with Trajectory(path) as opened:
        scene = Scene.of(opened, Choice())
        assert np.all(scene.cells[0, :, 2] == ABSENT)
        assert scene.notes == ("1 rows are not finite in some frames, and not drawn there",)
    gasfield.view(path, output=tmp_path / "a.html")


def test_rows_of_two_panels_are_matched_by_token(walk: Path, tmp_path: Path) -> None:
    with Trajectory(walk) as first:
        write(tmp_path / "b.h5", first.positions()[:, ::-1])
        with Trajectory(tmp_path / "b.h5") as second:
            scenes = [Scene.of(first, Choice()), Scene.of(second, Choice(groups=["even"]))]
            found = unpack(document.pairs(*scenes), np.uint32, (40,))
    wanted = np.where(np.arange(40) % 2, document.NOBODY, np.arange(40) // 2)
    assert np.array_equal(found, wanted)
