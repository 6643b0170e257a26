"""Bad input gives one clear message with its location, exit code 2, and no partial output."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from paths import RECORDINGS

SCENARIO = (RECORDINGS.parent / "dead-token-drift.yaml").read_text()
Refuses = Callable[..., str]


def line_of(text: str, part: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def to(old: str, new: str) -> str:
        assert old in SCENARIO
        (tmp_path / "mine.yaml").write_text(SCENARIO.replace(old, new))
        return "mine.yaml"

    return to


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("learning_rate: 1.0e-3", "learningrate: 1.0e-3", "dynamics.learningrate", "Did you mean 'learning_rate'?"),
        ("learning_rate: 1.0e-3", "learning_rate: fast", "dynamics.learning_rate", "not 'fast'"),
        ("learning_rate: 1.0e-3", "learning_rate: -1", "dynamics.learning_rate", "greater than 0, not -1"),
        ("weight_dtype: bfloat16", "weight_dtype: bf16", "dynamics.weight_dtype", "should be 'float32', 'bfloat16'"),
        ("kind: adamw", "kind: adam", "dynamics.kind", "no kind 'adam' here; there are 'adafactor', 'adamw'"),
        ("field: affine", "field: cubic", "forces.0.field", "'affine' or 'full', not 'cubic'"),
        ("steps: 500", "steps: many", "run.steps", "not 'many'"),
        ("run: {steps: 500, record_every: 1}", "run: 500", "run", "not 500"),
        ("dimensions: 64", "dimensions: 3", "gas.0.from", "rows have 64 dimensions; space.dimensions is 3"),
        ("group: dead", "group: dread", "gas.0.from", "no group 'dread'; the groups here are lattice, dead, live"),
        ("field: affine", "field: full", "forces.0", "field at step 7 is not recorded"),
        ("gradient, file: recordings/kjv-bf16", "gradient, file: no", "forces.0.file", "there is no file 'no.h5'"),
        ("with: recordings/kjv-bf16.h5", "with: lost.h5", "compare.with", "there is no file 'lost.h5'"),
    ],
)  # fmt: skip
def test_a_fault_names_file_line_and_key(
    write: Callable, refuses: Refuses, old: str, new: str, key: str, says: str
) -> None:
    message = refuses("run", write(old, new))
    line = line_of(SCENARIO, "group: dead") if key == "gas.0.from" else line_of(SCENARIO.replace(old, new), new)
    assert f"mine.yaml:{line}: {key}: " in message
    assert says in message
    assert len(message.strip().splitlines()) == 1


@pytest.mark.parametrize(("file", "says"), [("lost.h5", "there is no file 'lost.h5'"), ("mine.yaml", "not readable")])
def test_check_opens_what_a_run_is_compared_with(write: Callable, refuses: Refuses, file: str, says: str) -> None:
    name = write("with: recordings/kjv-bf16.h5", f"with: {file}")
    message = refuses("check", name)
    assert f"mine.yaml:{line_of(SCENARIO, 'compare:')}: compare.with: " in message
    assert says in message
    assert message == refuses("run", name)


@pytest.mark.parametrize("files", [["trajectory.h5"], ["arrays.h5"], ["a.h5", "a.h5"]])
def test_check_refuses_two_writers_of_one_file(write: Callable, refuses: Refuses, files: list[str]) -> None:
    asked = "\n".join(f"  - {{kind: trajectory, file: {name}}}" for name in files)
    name = write("compare:", f"operations:\n{asked}\ncompare:")
    message = refuses("check", name)
    assert f": operations.{len(files) - 1}.file: " in message
    assert f"writes a file '{files[-1]}'; choose another name" in message
    assert message == refuses("run", name)


def test_check_refuses_to_relax_what_has_no_energy(tmp_path: Path, refuses: Refuses) -> None:
    (tmp_path / "mine.yaml").write_text(
        "format: 1\nspace: {kind: free, dimensions: 2}\n"
        "gas: [{name: gas, from: {kind: gaussian, count: 6, spread: 0.5}}]\n"
        "forces: [{kind: linear_flow, rotation: [{plane: [0, 1], rate: 1.0}]}]\n"
        "dynamics: {kind: langevin, time_step: 0.1, friction: 1}\ntemperature: 1\nminimize: {}\nrun: {steps: 5}\n"
    )
    message = refuses("check", "mine.yaml")
    assert "mine.yaml:7: minimize: one of the forces is not a gradient" in message
    assert message == refuses("run", "mine.yaml")


def test_a_run_longer_than_its_field_is_refused_at_the_force(write: Callable, refuses: Refuses) -> None:
    message = refuses("run", write("steps: 500", "steps: 501"))
    assert f"mine.yaml:{line_of(SCENARIO, 'recorded_gradient')}: forces.0: " in message
    assert "field at step 500 is not recorded" in message


def test_every_fault_is_named_at_once(write: Callable, refuses: Refuses) -> None:
    message = refuses("check", write("steps: 500, record_every: 1", "steps: 0, record_every: x"))
    assert len(message.strip().splitlines()) == 2


def test_what_follows_from_a_fault_is_not_told(write: Callable, refuses: Refuses) -> None:
    """An invalid group is not also reported as too short a list, nor an invalid kind as a missing key."""
    message = refuses("check", write("group: dead,", "grup: dead,"))
    assert "Did you mean 'group'?" in message
    assert "at least 1 item" not in message
    message = refuses("check", write("kind: recorded_gradient, file: recordings/kjv-bf16.h5", "kind: gravitation"))
    assert "forces.0.kind: there is no kind 'gravitation' here; there are 'attention'" in message
    assert "missing" not in message


def test_a_missing_key_and_a_double_key_are_named(write: Callable, refuses: Refuses) -> None:
    assert "the key 'steps' is missing" in refuses("run", write("steps: 500, ", ""))
    assert "duplicate key" in refuses(
        "run", write("seed:", "seed:") if "seed:" in SCENARIO else write("space:", "title: a\nspace:")
    )


def test_what_is_no_yaml_is_said_with_its_line(tmp_path: Path, refuses: Refuses) -> None:
    (tmp_path / "mine.yaml").write_text("title: a\nrun: {steps: 3\n")
    assert "mine.yaml:3: not YAML" in refuses("run", "mine.yaml")
    (tmp_path / "mine.yaml").write_text("")
    assert "the file is empty" in refuses("run", "mine.yaml")
    (tmp_path / "mine.yaml").write_text("- a\n")
    assert "a scenario is a mapping" in refuses("run", "mine.yaml")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "dead-token-drfit"), "of this name. Did you mean 'dead-token-drift'? `gasfield list` shows all."),
        (("check", "xyzzy"), "xyzzy: there is no scenario of this name. `gasfield list` shows all."),
        (("new", "foo", "--like", "xyzzy"), "--like: xyzzy: there is no scenario of this name."),
        (("run", "nofile.yaml"), "nofile.yaml: there is no such file."),
        (("run", "dead-token-drift.yaml"), "there is no such file. Did you mean 'dead-token-drift'?"),
        (("run", "no/dead-token-drift"), "no/dead-token-drift: there is no such file."),
        (("run", "./"), "is a folder"),
    ],
)
def test_no_such_scenario(refuses: Refuses, arguments: tuple[str, ...], says: str) -> None:
    message = refuses(*arguments)
    assert says in message
    assert len(message) < 150


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("dynamics", "write it as"),
        ("forces.7.field=full", "there is no forces.7"),
        ("forces.7=full", "list of 1"),
        ("x.y=1", "there is no x"),
        ("run.steps=abc", "--set run.steps=abc: run.steps"),
    ],
)
def test_a_bad_override_is_named(refuses: Refuses, setting: str, says: str) -> None:
    assert says in refuses("run", "dead-token-drift", "--set", setting)


def test_an_output_that_exists_is_kept(tmp_path: Path, refuses: Refuses) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("mine")
    assert "exists already" in refuses("run", "dead-token-drift", "--output", "out")
    for place in ("out", "out/precious", "."):  # only what a run has written is ever replaced
        assert "is not a run directory" in refuses("run", "dead-token-drift", "--output", place, "--overwrite")


def test_a_recording_is_kept_where_the_new_one_cannot_be_made(tmp_path: Path, refuses: Refuses) -> None:
    pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")
    (tmp_path / "r.h5").write_text("precious")
    arguments = ("record", "-o", "r.h5", "--overwrite", "--steps", "5")
    assert "--full-steps 5: the training has the steps 0 to 4" in refuses(*arguments, "--full-steps", "0,5")
    assert "no such text file" in refuses(*arguments, "--corpus", "gone.txt")
    assert (tmp_path / "r.h5").read_text() == "precious"
    assert "exists already" in refuses("record", "-o", ".", "--overwrite")


def test_a_run_is_kept_where_only_the_comparison_is_impossible(gasfield: Callable, tmp_path: Path) -> None:
    other = (
        SCENARIO.replace("{name: dead,", "{name: d,")
        .replace("{name: lattice,", "{name: l,")
        .replace("steps: 500", "steps: 3")
        .replace("compare:", "diagnostics: [cloud]\ncompare:")
    )
    (tmp_path / "mine.yaml").write_text(other)
    done = gasfield("run", "mine.yaml", "--output", "out")
    assert done.returncode == 2
    assert "The run itself is kept in out" in done.stderr
    assert {"trajectory.h5", "summary.json"} <= {path.name for path in (tmp_path / "out").iterdir()}


def local_copy(tmp_path: Path) -> Path:
    (tmp_path / "recordings").mkdir()
    return Path(shutil.copy(RECORDINGS / "kjv-bf16.h5", tmp_path / "recordings" / "kjv-bf16.h5"))


def test_a_recording_without_a_field_is_refused(tmp_path: Path, write: Callable, refuses: Refuses) -> None:
    with h5py.File(local_copy(tmp_path), "a") as file:
        del file["field"]
    message = refuses("run", write("title", "title"))
    assert "mine.yaml:" in message
    assert "forces.0" in message
    assert "no data set field/affine" in message


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_a_truncated_recording_is_refused(tmp_path: Path, write: Callable, refuses: Refuses, keep: float) -> None:
    path = local_copy(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    message = refuses("run", write("title", "title"))
    assert "kjv-bf16.h5: not readable as HDF5" in message
    assert "mine.yaml:" in message


def test_a_lattice_larger_than_the_dead_rows_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")
    (tmp_path / "text.txt").write_text("a few words only, again and again. " * 200)
    (tmp_path / "t.yaml").write_text(
        "tracers:\n  - {name: big, shape: {kind: cubic, side: 9, spacing: 0.02}, place: {kind: centroid, of: dead}}\n"
    )
    message = refuses(
        "record", "-o", "r.h5", "--corpus", "text.txt", "--tracers", "t.yaml", "--vocabulary-size", 400, "--dead", 300
    )
    assert "729 tracer points need as many dead rows" in message


def test_bad_tracers_and_options_are_named(tmp_path: Path, refuses: Refuses) -> None:
    pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")
    (tmp_path / "t.yaml").write_text(
        "tracers:\n  - {name: a, shape: {kind: cubic, side: 1, spacing: 0.02}, place: {kind: centroid, of: dead}}\n"
    )
    assert "t.yaml:2: tracers.0.shape.side: should be greater than or equal to 2, not 1" in refuses(
        "record", "-o", "r.h5", "--tracers", "t.yaml"
    )
    assert "--tracers none.yaml: no such file" in refuses("record", "-o", "r.h5", "--tracers", "none.yaml")
    assert "--precision: should be 'bf16', 'bf16-fp32state' or 'fp32'" in refuses(
        "record", "-o", "r.h5", "--precision", "fp8"
    )
    assert "no folder gone" in refuses("record", "-o", "gone/r.h5")


def test_what_is_no_trajectory_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    assert "other.h5: no data set particles/vectors/position/value" in refuses("diagnose", "other.h5")
    assert "gone.h5: no such file" in refuses("compare", "gone.h5", "other.h5")


TRACERS = [
    (
        "shape: {kind: square, side: 3, spacing: 0.1}",
        "no kind 'square' here; there are 'bcc', 'cross_polytope', 'cubic'",
    ),
    ("shape: {kind: e8, spacing: -1}", "should be greater than 0, not -1"),
    ("shape: {kind: hypercube, dimensions: 30, spacing: 1}", "less than or equal to 12, not 30"),
    ("shape: {kind: points, file: gone.npy}", "there is no file 'gone.npy'"),
    ("shape: {kind: points, file: words.txt}", "words.txt: not a file of points"),
    ("shape: {kind: ring, count: 5, radius: 0.1}, frame: {kind: given, vectors: [[1, 0]]}", "2 vectors of 64 numbers"),
    ("shape: {kind: ring, count: 5, radius: 0.1}, jitter: -1", "jitter: should be greater than or equal to 0, not -1"),
    ("shape: {kind: ring, count: 5, radius: 0.1}, place: {kind: row, of: dead}", "give either 'row' or 'token'"),
    ("shape: {kind: ring, count: 5, radius: 0.1}, place: {kind: ahead, of: dead, by: 1}", "has not moved yet"),
]


@pytest.mark.parametrize(("keys", "says"), TRACERS)
def test_a_tracer_that_cannot_be_planted_is_refused(
    keys: str, says: str, tmp_path: Path, write: Callable[..., str], refuses: Refuses
) -> None:
    (tmp_path / "words.txt").write_text("neither here nor there\n")
    place = "" if "place:" in keys else ", place: {kind: centroid, of: dead}"
    name = write("forces:\n", f"tracers:\n  - {{name: t, {keys}{place}}}\nforces:\n")
    assert says in refuses("check", name)


LATE = "{name: t, shape: {kind: ring, count: 5, radius: 1}, place: {kind: centroid, of: gas}, plant_at: %d}"
THERMAL = """
title: A gas
question: What is refused?
space: {kind: free, dimensions: 2}
gas:
  - {name: gas, from: {kind: gaussian, count: 10, spread: 1.0}}
forces:
  - {kind: harmonic, stiffness: 1.0}
dynamics: {kind: langevin, time_step: 0.1, friction: 1.0}
temperature: 1.0
run: {steps: 10}
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("temperature: 1.0", "temperature: -1.0", "9: temperature: a temperature is never below zero, not -1.0."),
        ("temperature: 1.0", "temperature: warm", "9: temperature: should be a number, or a schedule such as"),
        ("temperature: 1.0\n", "", "8: dynamics: langevin needs the temperature of its bath"),
        ("langevin, time_step: 0.1, friction: 1.0", "newton, time_step: 0.1", "dynamics: newton has no bath"),
        ("kind: harmonic, stiffness: 1.0", "kind: circulation, rate: 1.0", "not a gradient"),
        ("count: 10", "count: 1", "2 degrees of freedom"),
        ("kind: free", "kind: torus", "space.kind: there is no kind 'torus' here; there are 'ball', 'box'"),
        ("{kind: free,", "{kind: periodic, side: 3.0,", "forces.0: harmonic depends on absolute positions"),
        ("{kind: free,", "{kind: box,", "space: give either side"),
        ("{kind: free,", "{kind: box, side: 1.0,", "gas: particle"),
        ("kind: gaussian, count: 10, spread: 1.0", "kind: uniform, count: 10", "gas.0.from: "),
        ("spread: 1.0", "spread: 1.0, centre: [0]", "mine.yaml:5: gas.0.from.centre: 1 numbers are given"),
        ("temperature: 1.0", "temperature: {kind: by_group, groups: {ga: 1.0}}", "every group needs one: gas"),
        ("spread: 1.0", "spread: 1.0e+308", "gas.0.from.spread: positions of "),
        ("{kind: free, dimensions: 2}", "{kind: sphere, dimensions: 2}", "gas.0.from.spread: positions of 10 of 10"),
        ("gaussian, count: 10, spread: 1.0", "point, at: [.nan, 0]", "gas.0.from.at.0: should be a finite number"),
        ("count: 10", "count: 100000000000000000000", "gas.0.from.count: should be an integer of 64 bits"),
        ("spread: 1.0}", "spread: 1.0}, velocities: {kind: given, velocity: [.inf, 0]}", "velocity.0: should be a"),
        ("stiffness: 1.0", "stiffness: .inf", "forces.0.stiffness: should be a finite number, not inf"),
        ("forces:", f"tracers: [{LATE % 11}]\nforces:", "tracers.0.plant_at: 11 is after the last step of the run"),
        ("forces:", f"tracers: [{LATE % 10**30}]\nforces:", "tracers.0.plant_at: should be an integer of 64 bits"),
    ],
)  # fmt: skip
def test_a_thermal_run_that_has_no_meaning_is_refused(
    tmp_path: Path, refuses: Refuses, old: str, new: str, says: str
) -> None:
    text = THERMAL
    if says == "not a gradient":
        text = text.replace("langevin, time_step: 0.1, friction: 1.0", "metropolis, step_length: 0.1")
    if "sphere" in new:
        text = text.replace("spread: 1.0", "spread: 0.0").replace(
            "  - {kind: harmonic, stiffness: 1.0}", "  - {kind: constant, force: [0, 1]}"
        )
    if says == "2 degrees of freedom":
        text = text.replace(
            "langevin, time_step: 0.1, friction: 1.0", "nose_hoover, time_step: 0.1, relaxation_time: 1"
        )
        text, says = (
            text.replace("dimensions: 2", "dimensions: 1"),
            "1 degrees of freedom in the gas at the start; below 2",
        )
    assert old in text
    (tmp_path / "mine.yaml").write_text(text.strip().replace(old, new))
    message = refuses("run", "mine.yaml")
    assert says in message, message
    assert message.startswith("gasfield: mine.yaml:")
    assert len(message.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("force", "says"),
    [
        ('kind: expression, energy: "a*x0**2"', "'a'"),
        ('kind: expression, energy: "x0**2 + y"', "y"),
        ('kind: expression, energy: "log(x0)"', "particle "),
        ('kind: expression, energy: "__import__(\'os\')"', "Allowed are numbers"),
        ("kind: experts, centres: [[0, 0], [1, 1]], top: 4", "cannot feel 4 of 2 experts; give at most 2"),
        ("kind: attention, query: [[1, 0, 0]]", "forces.0.query: row 0 has 3 numbers; it needs 2"),
        ("kind: lorentz, field: [1, 2, 3]", "forces.0.field: in 2 dimensions it is a number, or a 2 x 2 matrix"),
        ("kind: lorentz, field: 1.0", "no particle has a charge"),
        ("kind: gaussian_wells, wells: [{at: [0], depth: 1, width: 1}]", "forces.0.wells.0.at: 1 numbers are given"),
        ("kind: hopfield, patterns: [[1, 2, 3]]", "forces.0.patterns: row 0 has 3"),
        ("kind: emission_receptivity, emission: {offsets: [[0, 0]]}", "emission.offsets: 1 rows are given"),
        ("kind: soft_repulsion, strength: 1, cutoff: 1, groups: [others]", "forces.0.groups: there is no group"),
        ("kind: gravty, softening: 0.1", "there is no kind 'gravty' here"),
        ("kind: gravity, softening: 0", "forces.0.softening: should be greater than 0, not 0"),
    ],
)  # fmt: skip
def test_a_force_that_has_no_meaning_is_refused(tmp_path: Path, refuses: Refuses, force: str, says: str) -> None:
    text = THERMAL.strip().replace("kind: harmonic, stiffness: 1.0", force)
    (tmp_path / "mine.yaml").write_text(text)
    message = refuses("run", "mine.yaml")
    assert message.startswith("gasfield: mine.yaml:7: forces.0"), message
    assert says in message, message
    assert len(message.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "force",
    [
        "kind: lennard_jones, cutoff: 2.6",
        'kind: pair_expression, energy: "1/r", cutoff: 2.6',
        "kind: gravity, softening: 1",
    ],
)
def test_a_range_beyond_half_of_the_box_is_refused(tmp_path: Path, refuses: Refuses, force: str) -> None:
    text = THERMAL.strip().replace("kind: harmonic, stiffness: 1.0", force)
    (tmp_path / "mine.yaml").write_text(text.replace("{kind: free,", "{kind: periodic, side: 5.0,"))
    message = refuses("run", "mine.yaml")
    assert message.startswith("gasfield: mine.yaml:7: forces.0: ")
    assert "at most 2.5" in message
