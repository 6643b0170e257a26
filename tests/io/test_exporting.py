"""Exports are read again by the programs that they are for, and give the same numbers and the same words."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gasfield
from gasfield import extras, memory
from gasfield.errors import InputError, WriteError
from gasfield.exporting import FORMATS, export
from gasfield.gas import Gas
from gasfield.trajectory import Trajectory, TrajectoryWriter, selection

pandas = pytest.importorskip("pandas", reason="needs the extra `gasfield[tables]`")
xarray = pytest.importorskip("xarray", reason="needs the extra `gasfield[tables]`")

TOKENS = [
    "\ttab", "two\nlines", 'a "quote", and', "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "NA", "nan", " the",
    "", "carriage\rreturn", "@SUM(A1)", "\u202eright", "\x1b[31m", "'apostrophe", "back\\slash", "漢字", "\ufffd",
    "\u2028separator", "-1", "null",
]  # fmt: skip
LATE = 3
"""Rows that are planted in the third frame."""
STEPS = [0, 10, 20, 40, 80]


def write(path: Path, dimensions: int = 5, precision: str = "float64") -> Path:
    """A gas of hostile tokens in two groups, of which the last rows come later."""
    count, chance = len(TOKENS), np.random.default_rng(0)
    appears = np.where(np.arange(count) < count - LATE, 0, STEPS[2])
    walk = np.cumsum(chance.normal(size=(len(STEPS), count, dimensions)), axis=0)
    walk[0, 0, 0], walk[1, 0, 0] = 1 / 3, 1e-300
    walk = np.where((np.array(STEPS)[:, None] >= appears)[..., None], walk, np.nan)
    gas = Gas(
        np.nan_to_num(walk[0]), np.arange(count) % 2, ["a", "=b,\n\"c"], np.arange(count) + 100, TOKENS,
        appears=appears,
    )  # fmt: skip
    with TrajectoryWriter(path, gas, precision=precision, provenance={"source": "<b>test</b>"}) as writer:
        for step, positions in zip(STEPS, walk, strict=True):
            writer.frame(step, step / 7, positions)
            writer.observe("a/loss", step, step / 7, 1 / (step + 3))
            writer.observe("of rows", step, step / 7, np.arange(count) + step)
            writer.observe("three", step, step / 7, np.zeros(3))
        writer.observe("late", 40, 40 / 7, 2.5)
    return path


@pytest.fixture(scope="module", params=["float64", "float32"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trajectory in a precision."""
    return write(tmp_path_factory.mktemp("export") / "t.h5", precision=request.param)


def there(trajectory: Trajectory) -> np.ndarray:
    return np.isfinite(trajectory.positions()).all(axis=2)


def check_table(table: Any, coordinates: np.ndarray, path: Path) -> None:
    """A table is the rows that are there, frame by frame, to the last bit."""
    with Trajectory(path) as trajectory:
        present = there(trajectory)
        frame, row = np.nonzero(present)
        assert len(table) == len(row) == len(STEPS) * len(TOKENS) - 2 * LATE
        np.testing.assert_array_equal(coordinates, trajectory.positions()[present])
        np.testing.assert_array_equal(table["time"], trajectory.times[frame])
    np.testing.assert_array_equal(table["step"], np.array(STEPS)[frame])
    np.testing.assert_array_equal(table["row"], row)
    np.testing.assert_array_equal(table["token_id"], row + 100)
    assert table["token"].tolist() == [TOKENS[each] for each in row]
    assert table["group"].tolist() == [("a", '=b,\n"c')[each % 2] for each in row]


def test_parquet_is_the_trajectory_for_pandas(path: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra `gasfield[tables]`")
    target = tmp_path / "t.parquet"
    assert export(path, target, observables=["a/loss", "of rows", "late"]) == [target]
    table = pandas.read_parquet(target)
    check_table(table, np.stack(table["vector"]), path)
    np.testing.assert_array_equal(table["a.loss"], 1 / (table["step"] + 3))
    np.testing.assert_array_equal(table["of rows"], table["row"] + table["step"])
    np.testing.assert_array_equal(table["late"].notna(), table["step"] == 40)
    schema = parquet.read_schema(target)
    assert schema.field("vector").metadata == {b"unit": b"length"}
    assert json.loads(schema.metadata[b"gasfield"])["source"] == "<b>test</b>"
    assert np.stack(table["vector"]).dtype == ("f8" if "float64" in schema.metadata[b"gasfield"].decode() else "f4")


def test_parquet_in_columns(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra `gasfield[tables]`")
    export(path, tmp_path / "t.parquet", layout="columns")
    table = pandas.read_parquet(tmp_path / "t.parquet")
    check_table(table, table[[f"x{axis}" for axis in range(5)]].to_numpy(), path)
    assert list(table)[-1] == "of rows"  # what each row has is there without being asked for
    export(write(tmp_path / "plane.h5", 2), tmp_path / "plane.parquet")
    assert {"x0", "x1"} < set(pandas.read_parquet(tmp_path / "plane.parquet"))


def test_a_csv_keeps_every_bit_and_every_token(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.csv"
    export(path, target, observables=["late"])
    with Trajectory(path) as trajectory:
        number = trajectory.number_type
    table = pandas.read_csv(target, keep_default_na=False, na_values={"late": ["nan"]})
    columns = [f"x{axis}" for axis in range(5)]
    if number == "f4":  # pandas' fast parser is off by a bit of float64 at times, and never by one of float32
        check_table(table, table[columns].to_numpy(np.float32), path)
    with target.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    assert lines[0] == list(table)
    places = np.array([line[6:11] for line in lines[1:]], np.float64).astype(number)
    check_table(table, places, path)
    np.testing.assert_array_equal(table["late"].notna(), table["step"] == 40)


def test_a_csv_for_spreadsheets_has_no_formula(path: Path, tmp_path: Path) -> None:
    export(path, tmp_path / "t.csv", spreadsheet=True)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    words = [word for line in lines[1:] for word in line[4:6]]
    assert not [word for word in words if word.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert "'=cmd|' /C calc'!A0" in words
    assert " the" in words


def test_npy_and_what_its_axes_mean(path: Path, tmp_path: Path) -> None:
    assert export(path, tmp_path / "t.npy") == [tmp_path / "t.npy", tmp_path / "t.json"]
    array = np.load(tmp_path / "t.npy", allow_pickle=False)
    meaning = json.loads((tmp_path / "t.json").read_text())
    with Trajectory(path) as trajectory:
        np.testing.assert_array_equal(array, trajectory.positions())
        assert array.dtype == trajectory.number_type
        assert meaning["times"] == trajectory.times.tolist()
    assert meaning["shape"] == list(array.shape)
    assert meaning["steps"] == STEPS
    assert meaning["tokens"] == TOKENS
    assert meaning["observables"]["of rows"][1][2] == 12


def test_netcdf_is_the_data_set_of_the_trajectory(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("h5netcdf", reason="needs the extra `gasfield[tables]`")
    export(path, tmp_path / "t.nc", observables=["a/loss", "of rows"])
    with xarray.open_dataset(tmp_path / "t.nc", engine="h5netcdf") as found, Trajectory(path) as trajectory:
        whole = trajectory.to_xarray(observables=["a/loss", "of rows"])
        np.testing.assert_array_equal(whole["position"], trajectory.positions())
        xarray.testing.assert_identical(found["position"].drop_vars(["token", "group"]).load(),
                                        whole["position"].drop_vars(["token", "group"]))  # fmt: skip
        for name in ("token", "group", "a.loss", "of rows"):
            assert found[name].values.tolist() == whole[name].values.tolist()
        assert found.attrs == whole.attrs
        assert found["position"].attrs["units"] == "length"
        assert found.sel(step=40).position.shape == (len(TOKENS), 5)


def test_a_data_frame_is_the_table(path: Path) -> None:
    with Trajectory(path) as trajectory:
        table = trajectory.to_dataframe()
        check_table(table, table[[f"x{axis}" for axis in range(5)]].to_numpy(), path)
        assert table.attrs["units"]["x0"] == "length"
        some = trajectory.to_dataframe(rows=np.array([0, 4]), frames=slice(1, 3), observables=["a/loss"])
        assert some["row"].tolist() == [0, 4, 0, 4]
        assert some["step"].tolist() == [10, 10, 20, 20]
        assert len(trajectory.to_dataframe(frames=slice(0, 0), observables=["late"])) == 0


def read_projector(folder: Path, tensors: str, metadata: str) -> tuple[np.ndarray, list[list[str]]]:
    """A matrix and the metadata of its rows by the grammar of TSV: no quotes, no escapes."""
    values = np.loadtxt(folder / tensors, delimiter="\t", ndmin=2)
    with (folder / metadata).open(newline="\n", encoding="utf-8") as file:
        lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n"))
    return values, lines


@pytest.mark.parametrize(
    ("rows", "frames"),
    [(None, slice(None, None, -1)), (np.array([10**6]), None), (np.array([1.5]), None), (np.ones(1, bool), None)],
)
def test_what_cannot_be_read_is_no_table(path: Path, rows: Any, frames: slice | None) -> None:
    with gasfield.open(path) as trajectory:
        for read in (trajectory.to_dataframe, trajectory.to_xarray):
            with pytest.raises(InputError):
                read(rows, frames)


def test_projector_files_by_their_grammar(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    export(path, folder, format="projector", steps=[0, 40])
    assert sorted(each.name for each in folder.iterdir()) == [
        "metadata-0.tsv", "metadata.tsv", "projector_config.pbtxt", "tensors-0.tsv", "tensors-40.tsv",
    ]  # fmt: skip
    for step, metadata in ((0, "metadata-0.tsv"), (40, "metadata.tsv")):
        values, lines = read_projector(folder, f"tensors-{step}.tsv", metadata)
        with Trajectory(path) as trajectory:
            positions = trajectory.gas(step).positions
        np.testing.assert_array_equal(values.astype(np.float32), positions[np.isfinite(positions[:, 0])].astype("f4"))
        assert len(lines) == len(values) + 1
        assert {len(line) for line in lines} == {4}
        assert lines[1][0] == "\\ttab"
        assert [int(line[3]) for line in lines[1:]] == list(range(len(values)))


@pytest.mark.validate
def test_tensorboard_reads_the_projector_files(path: Path, tmp_path: Path) -> None:
    """By the plugin itself, called as its server calls it."""
    pytest.importorskip("tensorboard", reason="needs the extra `gasfield[validate]`")
    from tensorboard.backend.event_processing import plugin_event_multiplexer
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
    from werkzeug.test import Client
    from werkzeug.wrappers import Response

    folder = tmp_path / "p"
    export(path, folder, format="projector", steps=[0, 40])
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    plugin = ProjectorPlugin(base_plugin.TBContext(logdir=str(folder), multiplexer=multiplexer))
    routes = plugin.get_plugin_apps()

    def get(route: str, **query: object) -> Response:
        answer = Client(routes[route], Response).get("/", query_string={"run": ".", **query})
        assert answer.status_code == 200, answer.data
        return answer

    embeddings = get("/info").get_json()["embeddings"]
    assert [each["tensorName"] for each in embeddings] == ["step 0", "step 40"]
    assert embeddings[1]["tensorShape"] == [len(TOKENS), 5]
    with Trajectory(path) as trajectory:
        positions = trajectory.gas(40).positions.astype(np.float32)
    found = np.frombuffer(get("/tensor", name="step 40").data, np.float32).reshape(-1, 5)
    np.testing.assert_array_equal(found, positions)
    metadata = get("/metadata", name="step 40").get_data(as_text=True).removesuffix("\n").split("\n")
    assert len(metadata) == len(TOKENS) + 1
    assert all(line.count("\t") == 3 for line in metadata)


def test_pieces_of_any_size_give_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Trajectory(path) as trajectory:
        whole = trajectory.to_dataframe()
        monkeypatch.setattr(selection, "PIECE_BYTES", 1)
        monkeypatch.setattr(Trajectory, "frames_in_chunk", 2)
        kept = selection.Selection.of(trajectory, frames=np.array([0, 1, 4]))
        assert [piece.frames.tolist() for piece in kept.pieces(trajectory)] == [[0, 1], [4]]
        pandas.testing.assert_frame_equal(trajectory.to_dataframe(), whole)


@pytest.mark.parametrize(
    ("chosen", "rows", "steps"),
    [
        ({"frames": "1:3"}, range(20), [10, 20]),
        ({"frames": "-2:"}, range(20), [40, 80]),
        ({"steps": [80, 0]}, range(20), [0, 80]),
        ({"groups": ["a"], "rows": "3:8"}, [4, 6], STEPS),
    ],
)
def test_a_part_is_exported(path: Path, tmp_path: Path, chosen: dict, rows: list[int], steps: list[int]) -> None:
    export(path, tmp_path / "t.npy", **chosen)
    meaning = json.loads((tmp_path / "t.json").read_text())
    assert meaning["rows"] == list(rows)
    assert meaning["steps"] == steps
    with Trajectory(path) as trajectory:
        frames = np.flatnonzero(np.isin(STEPS, steps))
        np.testing.assert_array_equal(np.load(tmp_path / "t.npy"), trajectory.positions()[frames][:, list(rows)])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("t.xyz", {}, "must end in .parquet, .csv, .npy, .nc"),
        ("t.csv", {"format": "xml"}, "must be one of parquet, csv"),
        ("t.csv", {"format": "npy"}, "must end in .npy"),
        ("t.csv", {"frames": "7:9"}, "frames, 0 to 4; 7:9 is no range"),
        ("t.csv", {"frames": "x"}, "write frames as a range a:b"),
        ("t.csv", {"rows": "5:99"}, "has 20 rows, 0 to 19"),
        ("t.csv", {"steps": [3, 10]}, "no frame at step 3; it has 5, steps 0 to 80"),
        ("t.csv", {"groups": ["none"]}, "no group 'none'"),
        ("t.csv", {"groups": ["a"], "rows": "1:2"}, "no row is left"),
        ("t.csv", {"observables": ["none"]}, "no observable 'none'"),
        ("t.csv", {"observables": ["three"]}, "neither one number nor one for each row"),
        ("t.csv", {"layout": "vector"}, "a CSV has a column for each coordinate"),
        ("t.npy", {"layout": "columns"}, "only tables have it"),
        ("t.npy", {"spreadsheet": True}, "only a CSV is for spreadsheets"),
        ("p", {"format": "projector", "observables": ["late"]}, "shows no observables"),
        ("none/t.csv", {}, "there is no folder"),
    ],
)
def test_what_cannot_be_exported_leaves_nothing(
    path: Path, tmp_path: Path, name: str, options: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        export(path, tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_a_frame_of_which_the_projector_shows_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with TrajectoryWriter(path, Gas(np.ones((3, 2))), precision="float64", provenance={}) as writer:
        for step, number in enumerate((1.0, np.nan)):
            writer.frame(step, float(step), np.full((3, 2), number))
    with pytest.raises(InputError, match="at step 1 no row has a finite position"):
        export(path, tmp_path / "p", format="projector")
    assert list(tmp_path.iterdir()) == [path]
    export(path, tmp_path / "p", format="projector", steps=[0])


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
@pytest.mark.parametrize("name", [*FORMATS])
def test_a_file_system_that_takes_no_files_is_the_fault_of_the_system(path: Path, name: str) -> None:
    """/proc says that it has no room, which is no matter of size."""
    with pytest.raises(WriteError, match="cannot be written: No such file or directory") as fault:
        export(path, Path("/proc") / f"x{FORMATS[name].suffix}", format=name)
    assert fault.value.exit_code == 4
    assert "gasfield-" not in str(fault.value)


def test_nothing_is_replaced_unasked(path: Path, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        export(path, tmp_path / "t.npy")
    (tmp_path / "p").mkdir()
    export(path, tmp_path / "p", format="projector")
    with pytest.raises(InputError, match="exists already"):
        export(path, tmp_path / "p", format="projector", overwrite=True)
    assert (tmp_path / "t.json").read_text() == "mine"
    export(path, tmp_path / "t.npy", overwrite=True)


def test_a_missing_package_is_named_with_its_remedy(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    for call in (
        lambda: export(path, tmp_path / "t.parquet"),
        lambda: export(path, tmp_path / "t.nc"),
        lambda: Trajectory(path).to_dataframe(),
        lambda: Trajectory(path).to_xarray(),
    ):
        with pytest.raises(InputError, match=r"pip install 'gasfield\[tables\]'"):
            call()
    export(path, tmp_path / "t.csv")


@pytest.mark.parametrize("name", [*FORMATS])
def test_room_is_looked_for_first(path: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / f"t{FORMATS[name].suffix}"
    monkeypatch.setattr(memory, "free_disk", lambda folder: 10)
    with pytest.raises(InputError, match="more than the disk has free"):
        export(path, target, format=name)
    monkeypatch.setattr(memory, "free_disk", lambda folder: None)
    monkeypatch.setattr("gasfield.exporting.exporting.require_memory", _refuse)
    with pytest.raises(InputError, match="a chunk of frames"):
        export(path, target, format=name)
    assert not list(tmp_path.iterdir())


def _refuse(size: int, origin: str, parameter: str | None = None) -> None:
    raise InputError(origin, parameter=parameter)
