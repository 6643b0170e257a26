"""Reads what a report is about: a run directory with its results, or any trajectory, which is diagnosed now."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.diagnostics import diagnose
from gasfield.diagnostics.headline import headline_of
from gasfield.errors import InputError
from gasfield.names import MOST_GROUPS
from gasfield.printable import shortened
from gasfield.provenance import FileDigest
from gasfield.quantity import Quantity, quantities_of
from gasfield.reading import object_of, read_object, read_text
from gasfield.reporting.pictures import drawn_pictures, stored_pictures
from gasfield.reporting.subject import Subject, remarks
from gasfield.resources import TRAJECTORY
from gasfield.runs.directory import PLOTS
from gasfield.runs.former import SUMMARY
from gasfield.runs.manifest import SCENARIO, Manifest
from gasfield.scenario.document import read_value
from gasfield.trajectory import Trajectory, open_trajectory

_LONGEST = 400
"""Characters of an entry of the provenance."""
_ELSEWHERE = ("scenario", "files", "title", "source", "scenario_sha256", "plugins")
"""Attributes of a trajectory that stand elsewhere in a report."""
Stage = Callable[[str], None]


def read_subject(
    source: Path, label: str, diagnostics: Sequence[Any] | None = None, *, pictures: bool = True, stage: Stage
) -> Subject:
    """A run directory whose results are there, or a trajectory, also of a run that is not finished.

    Args:
        source: a path, or the name of a bundled recording.
        label: its name in the report.
        diagnostics: what is computed of a trajectory; a run has its own results, unless these are given.
        pictures: whether there are any.
        stage: called with what is done next.

    Raises:
        InputError: if it is neither, or cannot be read.
    """
    if (source / SUMMARY).is_file() and (source / SCENARIO).is_file() and diagnostics is None:
        return _of_run(source, label, pictures=pictures)
    with open_trajectory(source) as trajectory:
        return _of_trajectory(trajectory, source, label, diagnostics, pictures=pictures, stage=stage)


def _of_run(directory: Path, label: str, *, pictures: bool) -> Subject:
    summary = read_object(directory / SUMMARY)
    manifest = Manifest.read(directory)
    scenario = read_text(directory / SCENARIO)
    drawn, missing = stored_pictures(directory / PLOTS, manifest.pictures if manifest and pictures else ())
    comparison = summary.get("comparison")
    comparison = comparison if isinstance(comparison, dict) else {}
    caution = [*missing]
    if manifest is not None and not manifest.finished:
        caution.append("the run is not finished: its results are those of an earlier state")
    provenance = {} if manifest is None else _of_manifest(manifest)
    return Subject(
        label=label,
        title=str(summary.get("title", "")) or label,
        question=str(summary.get("question", "")),
        numbers=dict(quantities_of({key: part for key, part in summary.items() if key in ("run", "groups", "gas")})),
        telling=_keys(summary.get("headline")),
        comparison=dict(quantities_of(comparison)),
        pictures=drawn,
        left_out=remarks(summary.get("left_out"), "reason"),
        notes=(*remarks(summary.get("notes"), "note"), *remarks(comparison.get("notes"), "note")),
        scenario=scenario,
        provenance=provenance | _of_file(directory / TRAJECTORY),
        caution=tuple(caution),
    )


def _of_trajectory(
    trajectory: Trajectory,
    source: Path,
    label: str,
    diagnostics: Sequence[Any] | None,
    *,
    pictures: bool,
    stage: Stage,
) -> Subject:
    groups = trajectory.names[:MOST_GROUPS] if len(trajectory.names) > MOST_GROUPS else None
    diagnosis = diagnose(trajectory, diagnostics, groups=groups, keep_going=True, stage=stage)
    if pictures:
        stage("pictures")
    drawn, missing = drawn_pictures(diagnosis.figures() if pictures else {})
    results = diagnosis.as_json()
    scenario = _scenario_of(trajectory, source)
    head = _head_of(scenario)
    caution = [*missing]
    if source.is_dir() and not (source / SUMMARY).is_file():
        caution.append("the run has no results yet: its trajectory was diagnosed as far as it goes")
    if groups is not None:
        caution.append(f"the first {MOST_GROUPS} of {len(trajectory.names):,} groups are diagnosed")
    size = {
        "run.frames": Quantity(len(trajectory), "1"),
        "run.particles": Quantity(trajectory.count, "1"),
        "run.dimensions": Quantity(trajectory.dimensions, "1"),
    }
    return Subject(
        label=label,
        title=head.get("title") or str(trajectory.attributes.get("title", "")) or trajectory.path.name,
        question=head.get("question", ""),
        numbers=size | dict(quantities_of({key: part for key, part in results.items() if key in ("groups", "gas")})),
        telling=headline_of(diagnosis).keys,
        pictures=drawn,
        left_out=remarks(results["left_out"], "reason"),
        notes=remarks(results["notes"], "note"),
        scenario=scenario,
        provenance=_provenance_of(trajectory),
        caution=tuple(caution),
    )


def _scenario_of(trajectory: Trajectory, source: Path) -> str:
    if (source / SCENARIO).is_file():
        return read_text(source / SCENARIO)
    stored = trajectory.attributes.get("scenario", "")
    return stored if isinstance(stored, str) else ""


def _head_of(scenario: str) -> dict[str, str]:
    """Title and question of a scenario, which need not be one that this release reads."""
    try:
        data = read_value(scenario) if scenario else {}
    except InputError:
        return {}
    found = data if isinstance(data, dict) else {}
    return {key: found[key] for key in ("title", "question") if isinstance(found.get(key), str)}


def _keys(headline: Any) -> tuple[str, ...]:
    return tuple(key for key in headline if isinstance(key, str)) if isinstance(headline, list) else ()


def _of_manifest(manifest: Manifest) -> dict[str, str]:
    """What the manifest says. Of data files the name without its folder: a report goes to others."""
    files = {f"data file {Path(name).name}": ", ".join(_digest(entry)) for name, entry in manifest.files.items()}
    return {
        "gasfield": f"{manifest.release}, arithmetic {manifest.arithmetic}",
        "plug-ins": manifest.plugins or "none",
        "SHA-256 of the scenario, without the number of its steps": manifest.scenario_sha256,
        "seconds of simulation": f"{manifest.seconds:.3g}",
        **files,
    }


def _digest(entry: Any) -> list[str]:
    sizes = [f"{entry['size']:,} bytes"] if isinstance(entry.get("size"), int) else []
    return [*sizes, *(f"SHA-256 {entry['sha256']}" for _ in [0] if isinstance(entry.get("sha256"), str))]


def _of_file(path: Path) -> dict[str, str]:
    """The provenance that a trajectory holds; that it cannot be opened, if so."""
    try:
        with Trajectory(path) as trajectory:
            return _provenance_of(trajectory)
    except InputError as error:
        return {"trajectory": f"cannot be opened: {error.message}"}


def _provenance_of(trajectory: Trajectory) -> dict[str, str]:
    digest = FileDigest.of(trajectory.path)
    first, last = int(trajectory.steps[0]), int(trajectory.steps[-1])
    found = {
        "source": str(trajectory.attributes.get("source", "unknown")),
        "trajectory": f"{trajectory.path.name}, {digest.size:,} bytes, SHA-256 {digest.sha256}",
        "frames": f"{len(trajectory):,}, steps {first:,} to {last:,}",
        "rows": f"{trajectory.count:,} in {trajectory.dimensions:,} dimensions, {trajectory.precision}",
    }
    files = {
        f"data file {Path(name).name}": ", ".join(_digest(entry))
        for name, entry in object_of(trajectory.attributes.get("files")).items()
        if isinstance(entry, dict)
    }
    own = {name: _words(value) for name, value in trajectory.attributes.items() if name not in _ELSEWHERE}
    return {**found, **files, **{name: words for name, words in own.items() if name not in found}}


def _words(value: Any) -> str:
    """An attribute in one line."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return shortened(value if isinstance(value, str) else json.dumps(value, default=str), _LONGEST)
