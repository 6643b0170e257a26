"""Run directories of before there was a manifest: `files.json`, and checkpoints that depend on the number of steps."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gasfield.errors import InputError
from gasfield.plugins import plugins_in_use
from gasfield.reading import object_of, read_object
from gasfield.resources import TRAJECTORY
from gasfield.runs.manifest import SCENARIO, Manifest, scenario_digest
from gasfield.scenario import Scenario
from gasfield.trajectory import Trajectory

FILES, SUMMARY = "files.json", "summary.json"


def former_manifest(directory: Path) -> Manifest | None:
    """What the manifest of a run of before would say; None if the folder is not the directory of one."""
    scenario = directory / SCENARIO
    if not scenario.is_file():
        return None
    files = {name: {"path": path} for name, path in _read_json(directory / FILES).items()}
    attributes = {}
    try:
        with Trajectory(directory / TRAJECTORY) as trajectory:
            attributes = trajectory.attributes
    except InputError:  # killed before its first frame, or not a trajectory
        if not files and not (directory / FILES).is_file():
            return None
    if attributes and attributes.get("source") != "simulation":
        return None
    known = object_of(attributes.get("files")).items()
    files |= {name: found for name, found in known if isinstance(found, dict) and isinstance(found.get("path"), str)}
    finished = (directory / SUMMARY).is_file()
    return Manifest(
        scenario_sha256=scenario_digest(scenario.read_text(encoding="utf-8")),
        plugins=str(attributes.get("plugins", "")),
        files=files,
        simulated=finished,
        finished=finished,
        release="0.1.0",
        arithmetic=1,
    )


def former_identities(scenario: Scenario) -> set[str]:
    """What checkpoints of before belong to. Still earlier versions wrote other defaults into scenario.yaml: there it
    is the text itself."""
    plugins = plugins_in_use(scenario)
    digests = (scenario.digest(), scenario.text_digest())
    return {hashlib.sha256((digest + plugins).encode()).hexdigest() for digest in digests}


def _read_json(path: Path) -> dict[str, str]:
    try:
        stored = read_object(path)
    except InputError:
        return {}
    return {name: str(place) for name, place in stored.items()}
