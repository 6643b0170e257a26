"""Which diagnostics are run, with which parameters, and what is said where the run behind a file is not known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gasfield.diagnostics import DIAGNOSTICS, Diagnosis, Group, Origin, RunContext, context, diagnose
from gasfield.diagnostics.fields.field_map import FieldMapResult
from gasfield.diagnostics.grouping import group_of
from gasfield.diagnostics.structure.clusters import Clusters
from gasfield.errors import InputError, Note
from gasfield.provenance import FileDigest
from gasfield.runs import RunResult, run
from gasfield.scenario import Scenario, load_scenario
from gasfield.scenario.stored import stored_scenario
from gasfield.trajectory import Trajectory

FEW = {"kind": "gaussian", "count": 6, "spread": 1.0}
GRAVITY: dict[str, Any] = {
    "title": "a test",
    "question": "Is it known?",
    "space": {"kind": "free", "dimensions": 2},
    "gas": [{"name": "a", "from": FEW}],
    "forces": [{"kind": "gravity", "softening": 0.1}],
    "dynamics": {"kind": "newton", "time_step": 0.01},
    "run": {"steps": 20},
}


def run_of(folder: Path, **keys: Any) -> RunResult:
    """A short run, whose files are in `folder`/out."""
    path = folder / "scenario.yaml"
    path.write_text(json.dumps(GRAVITY | keys))
    return run(path, output=folder / "out", pictures="none")


@pytest.fixture(scope="module")
def attracted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trajectory]:
    """Particles under gravity."""
    with run_of(tmp_path_factory.mktemp("attracted"), diagnostics=["cloud"]).open() as trajectory:
        yield trajectory


def reasons(diagnosis: Diagnosis) -> dict[str, str]:
    """Reason by diagnostic."""
    return {entry.diagnostic: entry.reason for entry in diagnosis.left_out}


# Parameters.


def test_a_parameter_is_given_in_yaml_and_in_python_alike(tmp_path: Path) -> None:
    wide = {"kind": "clusters", "reach": 100.0}
    result = run_of(tmp_path, diagnostics=["cloud", wide])
    assert list(result.diagnosis.results["a"]) == ["cloud", "clusters"]
    assert result.summary["groups"]["a"]["clusters"]["start"]["value"] == 1
    for source in (tmp_path / "out", tmp_path / "out" / "trajectory.h5", str(tmp_path / "out")):
        found = diagnose(source, ["cloud", wide])
        assert found.as_json()["groups"] == result.diagnosis.as_json()["groups"]
    by_default = diagnose(tmp_path / "out", ["clusters"]).results["a"]["clusters"]
    assert by_default.estimates["clusters.start"].value > 1


def test_a_specification_may_be_given_as_it_is(attracted: Trajectory) -> None:
    found = diagnose(attracted, [Clusters(reach=100.0)]).results["a"]["clusters"]
    assert found.estimates["clusters.reach"].value == 100.0


def test_the_same_kind_twice_needs_a_name(attracted: Trajectory, tmp_path: Path) -> None:
    twice: list[Any] = ["clusters", {"kind": "clusters", "reach": 100.0}]
    with pytest.raises(InputError, match=r"diagnostics: two diagnostics .* 'clusters'; give one of them a name"):
        diagnose(attracted, twice)
    path = tmp_path / "twice.yaml"
    path.write_text(json.dumps(GRAVITY | {"diagnostics": twice}))
    with pytest.raises(InputError, match=r"twice.yaml:1: diagnostics: two diagnostics"):
        load_scenario(path)
    named = diagnose(attracted, ["clusters", {"kind": "clusters", "reach": 100.0, "name": "far"}])
    tree = named.as_json()["groups"]["a"]
    assert tree["far"]["clusters"]["start"]["value"] == 1
    assert tree["clusters"]["start"]["value"] > 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("clouds", r"diagnostics\.0: .*there is no kind 'clouds'.*Did you mean 'cloud'"),
        ({"kind": "clusters", "reech": 1.0}, r"diagnostics\.0\.reech: unknown key 'reech'.*Did you mean 'reach'"),
        ({"kind": "clusters", "reach": -1.0}, r"diagnostics\.0\.reach: .*greater than 0"),
        ({"reach": 1.0}, r"diagnostics\.0: the key 'kind' is missing"),
        (3, r"diagnostics\.0: .*the name of a kind, or a mapping"),
    ],
)
def test_a_wrong_parameter_is_named(attracted: Trajectory, wrong: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        diagnose(attracted, [wrong])


def test_a_scenario_keeps_the_short_form_where_it_says_all() -> None:
    given: list[Any] = ["cloud", {"kind": "clusters"}, {"kind": "cells", "definition": "ulp"}]
    text = Scenario.model_validate(GRAVITY | {"diagnostics": given}).yaml()
    assert "diagnostics:\n- cloud\n- clusters\n- kind: cells\n  definition: ulp\n" in text


@pytest.mark.parametrize("kind", DIAGNOSTICS)
def test_every_parameter_has_a_default_and_a_description(kind: str) -> None:
    spec = DIAGNOSTICS[kind]
    assert spec.model_validate({"kind": kind}).label == kind
    for name, field in spec.model_fields.items():
        assert name == "kind" or field.description, name


# The run behind a file.


def edited(original: Trajectory, path: Path, **attributes: str) -> Path:
    """A copy of a trajectory with another provenance."""
    path.write_bytes(original.path.read_bytes())
    with h5py.File(path, "a") as file:
        for name, value in attributes.items():
            file["parameters/provenance"].attrs[name] = value
    return path


def test_a_recording_is_said_to_be_one(attracted: Trajectory, tmp_path: Path) -> None:
    path = edited(attracted, tmp_path / "recorded.h5", source="recording")
    said = reasons(diagnose(path, ["clusters", "pressure", "field_map", "cloud"]))
    assert set(said) == {"clusters", "pressure", "field_map"}
    assert all("not a simulation" in reason for reason in said.values())


def test_a_run_whose_force_is_unknown_here_says_so(attracted: Trajectory, tmp_path: Path) -> None:
    """Also of the gas as a whole; what needs no run is computed all the same."""
    text = str(attracted.attributes["scenario"]).replace("kind: gravity", "kind: shell")
    path = edited(attracted, tmp_path / "lost.h5", scenario=text, plugins="shell.py 0123abcd")
    found = diagnose(path, ["clusters", "pressure", "density", "cloud"])
    for reason in reasons(found).values():
        assert "its scenario cannot be rebuilt: forces.0.kind: there is no kind 'shell' here" in reason
        assert "plug-ins shell.py" in reason
    assert set(reasons(found)) == {"clusters", "pressure", "density"}
    assert list(found.results["a"]) == ["cloud"]


def test_a_stored_text_that_is_no_yaml_is_said_to_be_none(attracted: Trajectory, tmp_path: Path) -> None:
    path = edited(attracted, tmp_path / "torn.h5", scenario="{")
    assert "not YAML" in reasons(diagnose(path, ["clusters"]))["clusters"]


def landscape(folder: Path) -> dict[str, Any]:
    """Keys of a run in a landscape whose centres are those of a file."""
    rows = np.random.default_rng(0).normal(size=(12, 2))
    from gasfield.gas import Gas
    from gasfield.trajectory import TrajectoryWriter

    gas = Gas(rows, np.zeros(12, np.int64), ["centres"], np.arange(12), [""] * 12)
    with TrajectoryWriter(folder / "centres.h5", gas, precision="float64", provenance={}) as writer:
        writer.frame(0, 0.0, rows)
    force = {"kind": "landscape", "temperature": 1.0, "file": "centres.h5", "group": "centres"}
    return {"forces": [force], "dynamics": {"kind": "brownian", "time_step": 0.01}, "temperature": 1.0}


def test_a_run_is_diagnosed_with_the_data_files_that_it_used(tmp_path: Path) -> None:
    """The file lies beside the scenario, where only the run itself looks for it; later it is found by its path."""
    result = run_of(tmp_path, **landscape(tmp_path), diagnostics=["basins", "field_map"])
    assert not result.diagnosis.left_out
    with result.open() as trajectory:
        stored = json.loads(trajectory.attributes["files"])["centres.h5"]
        assert stored == {
            "path": str(tmp_path / "centres.h5"),
            **FileDigest.of(tmp_path / "centres.h5").as_json(),
        }
        assert not diagnose(trajectory, ["basins", "field_map"]).left_out


@pytest.mark.parametrize(("change", "says"), [("remove", "is missing"), ("write", "was changed since the run")])
def test_a_data_file_that_is_gone_or_another_is_named(tmp_path: Path, change: str, says: str) -> None:
    """Beside the trajectory the same file is found again, whatever its path was."""
    result = run_of(tmp_path, **landscape(tmp_path), diagnostics=["cloud"])
    file = tmp_path / "centres.h5"
    content = file.read_bytes()
    file.write_bytes(content + b"more") if change == "write" else file.unlink()
    said = reasons(diagnose(result.directory, ["basins", "field_map", "density"]))
    assert set(said) == {"basins", "field_map", "density"}
    for reason in said.values():
        assert f"the data file 'centres.h5' {says}" in reason
    (result.directory / "centres.h5").write_bytes(content)
    assert "basins" in diagnose(result.directory, ["basins"]).results["a"]


def test_the_digest_of_a_large_file_takes_samples_of_all_of_it(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:  # sparse
        file.truncate(200 << 20)
    before = FileDigest.of(large)
    assert before == FileDigest.of(large)
    for offset in (0, (200 << 20) - 1):
        with large.open("r+b") as file:
            file.seek(offset)
            file.write(b"x")
        after = FileDigest.of(large)
        assert after != before
        before = after
    with large.open("ab") as file:
        file.write(b"x")
    assert FileDigest.of(large) != before


def test_a_context_is_taken_where_it_is_given(attracted: Trajectory) -> None:
    """The file says gravity; without any force nothing clusters."""
    laws = RunContext.of(Scenario.model_validate(GRAVITY | {"forces": []}), None)
    assert "do not interact" in reasons(diagnose(attracted, ["clusters"], context=laws))["clusters"]
    assert "clusters" in diagnose(attracted, ["clusters"]).results["a"]


# Computed once.


def test_presence_is_computed_once_for_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(1).normal(size=(4, 6, 3))
    x[:2, 0] = np.nan
    group = Group("rows", np.arange(4), x)
    first = group.present()
    assert group.present() is first
    assert first.present() is first
    assert (first.count, len(first.steps)) == (5, 4)
    assert group.origin == Origin()


# Maps of groups that are planted at different steps.


def test_groups_planted_at_different_steps_share_a_map(tmp_path: Path) -> None:
    """The second ring is in half of the frames only; the picture holds both rings from where each begins."""
    ring = {"kind": "ring", "count": 6, "radius": 0.5}
    tracers = [
        {"name": "early", "shape": ring, "place": {"kind": "point", "at": [2.0, 0.0]}},
        {"name": "late", "shape": ring, "place": {"kind": "point", "at": [-9.0, 0.0]}, "plant_at": 10},
    ]
    result = run_of(
        tmp_path,
        forces=[{"kind": "harmonic", "stiffness": 1.0}],
        dynamics={"kind": "advection", "time_step": 1e-3},
        tracers=tracers,
        diagnostics=["field_map"],
    )
    found = result.diagnosis.whole["field_map"]
    assert isinstance(found, FieldMapResult)
    (panel,) = found.panels
    assert panel.names == ("a", "early", "late")
    assert [len(track) for track in panel.tracks] == [21, 21, 11]
    assert panel.x[0] < -9.4
    assert panel.x[-1] > 2.4
    assert found.estimates["field_map.inside"].value == 1.0


def test_a_diagnostic_that_fails_is_named_and_the_others_are_kept(
    attracted: Trajectory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a run and at the command line a fault of one diagnostic, or of one picture, is no fault of the others."""

    def fails(*_: Any) -> Any:
        raise np.linalg.LinAlgError("eigenvalues did not converge")

    monkeypatch.setattr(DIAGNOSTICS["cloud"], "measure", fails)
    with pytest.warns(Note, match="a: cloud is left out: it failed: LinAlgError: eigenvalues did not converge"):
        kept = diagnose(attracted, ["cloud", "motion"], keep_going=True)
    assert "motion" in kept.results["a"]
    assert reasons(kept)["cloud"].startswith("it failed: LinAlgError")
    with pytest.raises(np.linalg.LinAlgError):
        diagnose(attracted, ["cloud"])  # from Python an error is an error
    monkeypatch.setattr(type(kept.results["a"]["motion"]), "plot", fails)
    said: list[str] = []
    assert kept.plot_all(tmp_path, lambda name, fault: said.append(f"{name}: {fault}")) == []
    assert said == ["a-motion: eigenvalues did not converge"]


def test_many_groups_read_the_scenario_once(attracted: Trajectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for the origin of a file, however often: the YAML is parsed once."""
    read: list[str] = []

    def counted(text: str) -> Scenario:
        read.append(text)
        return stored_scenario(text)

    monkeypatch.setattr(context, "stored_scenario", counted)
    with Trajectory(attracted.path) as trajectory:
        for _ in range(5):
            group_of(trajectory, "a")
            Origin.of(trajectory)
        monkeypatch.setattr(
            Trajectory, "numbers", property(lambda self: pytest.fail("the whole file was looked through"))
        )
        assert set(group_of(trajectory, "a").series) == {"kinetic_energy", "potential_energy"}
    assert len(read) == 1


def test_each_diagnostic_is_announced_before_it_is_computed(attracted: Trajectory) -> None:
    stages: list[str] = []
    found = diagnose(attracted, ["cloud", "motion", "total_momentum"], stage=stages.append)
    assert stages == ["a: cloud", "a: motion", "gas: total_momentum"]
    assert set(found.results["a"]) == {"cloud", "motion"}
