"""The directory of a sweep: its scenario, its scans, and a run directory for each point, named by what determines its
bits, so that no point is ever run twice.

    sweep.json                what the sweep is made of
    scenario.yaml             the scenario, without the scan
    points/AB/ABCDEF...       run directories; a point that cannot be run leaves ABCDEF....failed.json
    table.parquet             one row for each point and seed
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from gasfield.errors import InputError, dotted
from gasfield.files import make_folder, write_file, write_json
from gasfield.plugins import plugins_in_use
from gasfield.reading import read_object
from gasfield.runs.former import SUMMARY
from gasfield.runs.lock import LOCK, only_one, sweeping
from gasfield.runs.manifest import SCENARIO, Manifest
from gasfield.scenario import Scenario
from gasfield.scenario.document import get_at, read_value
from gasfield.scenario.scan import Scan
from gasfield.simulation import Simulation
from gasfield.spec import parse
from gasfield.sweeps.points import Point, count_points, points_of, with_values
from gasfield.sweeps.refinement import Refiner
from gasfield.sweeps.rows import Row, results_of
from gasfield.version import ARITHMETIC, __version__

SWEEP, TABLE, POINTS = "sweep.json", "table.parquet", "points"
FORMAT, _KIND = 1, "gasfield sweep"
_KEY = 32
"""Hexadecimal digits of a key."""


@dataclass(frozen=True)
class Origin:
    """What determines the bits of all points together with their values; it never changes.

    Attributes:
        scenario: YAML of the scenario as resolved, without the scan.
        plugins: in use, as text.
        files: path, size and digest of each data file, by its name.
        arithmetic: `gasfield.version.ARITHMETIC`.
    """

    scenario: str
    plugins: str
    files: Mapping[str, Mapping[str, Any]]
    arithmetic: int = ARITHMETIC

    @classmethod
    def of(cls, scenario: Scenario) -> Self:
        """That of a scenario, which is built for it.

        Raises:
            InputError: if it cannot be run.
        """
        Simulation.from_scenario(scenario).require_start()  # finds its data files
        text = scenario.model_copy(update={"scan": None}).yaml()
        return cls(text, plugins_in_use(scenario), scenario.file_digests())

    @cached_property
    def digest(self) -> str:
        """Of all of it, but for the places of files."""
        files = {name: {key: found[key] for key in ("size", "sha256")} for name, found in sorted(self.files.items())}
        content = [self.scenario, self.plugins, files, self.arithmetic]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @cached_property
    def data(self) -> Any:
        """Of the scenario."""
        return read_value(self.scenario)

    def key(self, point: Point) -> str:
        """The name of the run directory of a point. A value that the scenario has anyway makes no difference, nor does
        how a value is written (1 or 1.0)."""
        varied = {path: self._resolved(path, value) for path, value in point.values.items()}
        own = {path for path, value in varied.items() if value == get_at(self.data, path)}
        content = [self.digest, {path: value for path, value in varied.items() if path not in own}, point.seed]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_KEY]

    def own(self, path: str) -> Any:
        """The scenario's own value of a key: a constant as a number; None if it has none."""
        value = get_at(self.data, path)
        return value["value"] if isinstance(value, dict) and value.get("kind") == "constant" else value

    @cached_property
    def _known(self) -> dict[str, Any]:
        return {}

    def _resolved(self, path: str, value: Any) -> Any:
        """A value as the scenario would have it if it were the only one that is varied; as it is, if that scenario is
        not valid."""
        text = f"{path}={json.dumps(value, sort_keys=True)}"
        if text not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            try:
                made = parse(Scenario, with_values(self.data, {path: value}))
            except InputError:
                self._known[text] = value
            else:
                self._known[text] = get_at(made.model_dump(mode="json", by_alias=True, exclude_none=True), path, value)
        return self._known[text]


_REMEMBERED = 1000
"""Resolved values that are kept at once."""


@dataclass(frozen=True)
class Store:
    """The directory of a sweep.

    Attributes:
        directory: an absolute path.
        origin: of its points.
        scans: that were run, one after the other.
    """

    directory: Path
    origin: Origin
    scans: tuple[Scan, ...]

    @staticmethod
    def is_one(directory: Path) -> bool:
        """Whether a directory holds a sweep, of whatever release."""
        try:
            return (directory / SWEEP).is_file() and read_object(directory / SWEEP).get("kind") == _KIND
        except InputError:
            return False

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """The store of a directory; None if no sweep has written it.

        Raises:
            InputError: if it was written by a newer release, or is damaged.
        """
        path = directory / SWEEP
        if not path.is_file():
            return None
        stored = read_object(path)
        if stored.get("kind") != _KIND:
            return None
        if stored.get("format") != FORMAT:
            message = f"has another format than the {FORMAT} that this release reads; use the release that wrote it"
            raise InputError(f"{path}: {message} ({stored.get('release', 'unknown')}).")
        try:
            origin = TypeAdapter(Origin).validate_python(
                {"scenario": (directory / SCENARIO).read_text(encoding="utf-8"), **stored["origin"]}
            )
            scans = TypeAdapter(tuple[Scan, ...]).validate_python(stored["scans"])
        except ValidationError as fault:
            raise InputError(f"{path}: is damaged at {dotted(fault.errors()[0]['loc'])}.") from None
        except (KeyError, OSError, TypeError, UnicodeDecodeError):
            raise InputError(f"{path}: is damaged, or its {SCENARIO} is missing.") from None
        return cls(directory.absolute(), origin, scans)

    @classmethod
    def opened_for(cls, directory: Path, origin: Origin, scan: Scan) -> Self:
        """The store of a directory, new or to be extended by a scan. Nothing is written yet.

        Raises:
            InputError: if the directory holds something else, or a sweep whose points would have other bits.
        """
        store = cls.read(directory)
        if store is None:
            if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
                raise InputError(
                    "is not the directory of a sweep; choose another.", parameter="output", value=directory
                )
            return cls(directory.absolute(), origin, (scan,))
        if (difference := _difference(store.origin, origin)) is not None:
            message = f"holds a sweep {difference}; choose another directory."
            raise InputError(message, parameter="output", value=directory)
        return store if scan in store.scans else replace(store, scans=(*store.scans, scan))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Writes what the sweep is made of, and keeps a second process out meanwhile.

        Raises:
            InputError: if another process is at work there.
            WriteError: if it cannot be written.
        """
        with ExitStack() as stack:
            make_folder(self.directory)
            if not (self.directory / LOCK).exists():
                write_file(self.directory / LOCK, "")
            stack.enter_context(only_one(self.directory))
            write_file(self.directory / SCENARIO, self.origin.scenario)
            origin = {key: value for key, value in asdict(self.origin).items() if key != "scenario"}
            scans = [scan.model_dump(mode="json", by_alias=True, exclude_none=True) for scan in self.scans]
            content = {"kind": _KIND, "format": FORMAT, "release": __version__, "origin": origin, "scans": scans}
            write_json(self.directory / SWEEP, content)
            sweeping.append(self.directory)
            try:
                yield
            finally:
                sweeping.remove(self.directory)

    @property
    def first_seed(self) -> int:
        """The scenario's own seed."""
        return int(self.origin.data["seed"])

    def points(self) -> Iterator[tuple[str, Point]]:
        """Key and point of all points of all scans, each once, in their order; then those that refinement has added so
        far.

        Raises:
            InputError: if files that refinement needs are damaged.
        """
        rows = cache(lambda text: self.row(self.origin.key(Point.of(text)), Point.of(text)))
        refiners = self.refiners()
        for refiner in refiners:
            refiner.advance(lambda point, result: _value(rows(point.text()), result))
        return self.points_with(refiners)

    def refiners(self) -> list[Refiner]:
        """What adds points to the scans, nothing added yet."""
        return [Refiner(scan, self.first_seed) for scan in self.scans if scan.refined]

    def points_with(self, refiners: Iterable[Refiner]) -> Iterator[tuple[str, Point]]:
        """Key and point of all points of all scans, each once, in their order; then those of refiners."""
        grids = (points_of(scan, self.first_seed) for scan in self.scans)
        seen = set[str]()
        for point in chain(*grids, *(refiner.added for refiner in refiners)):
            key = self.origin.key(point)
            if key not in seen:
                seen.add(key)
                yield key, point

    def most_points(self) -> int:
        """The number of points, if no scan repeats those of another."""
        return sum(count_points(scan, self.first_seed) for scan in self.scans)

    def run_directory(self, key: str) -> Path:
        """Of a point."""
        return run_directory(self.directory, key)

    def failure(self, key: str) -> Path:
        """Where the reason is kept why a point cannot be run."""
        return self.run_directory(key).with_name(f"{key}.failed.json")

    def row(self, key: str, point: Point) -> Row | None:
        """What a point has given; None if it is still to be run.

        Raises:
            InputError: if its files are damaged.
        """
        directory = self.run_directory(key)
        if directory.is_dir() and (manifest := Manifest.read(directory)) is not None and manifest.finished:
            return Row(point.text(), key, "done", results=results_of(read_object(directory / SUMMARY)))
        if self.failure(key).is_file():
            return Row(point.text(), key, "failed", reason=str(read_object(self.failure(key)).get("reason", "")))
        return None


def run_directory(sweep: Path, key: str) -> Path:
    """The run directory of a point in the directory of a sweep."""
    return sweep / POINTS / key[:2] / key


def _value(row: Row | None, result: str) -> float | None:
    """Of a result in a row; NaN if it is not there."""
    return None if row is None else row.results.get(result, (math.nan, math.nan, ""))[0]


def _difference(stored: Origin, given: Origin) -> str | None:
    """Why points of two origins would have other bits; None if they would not."""
    if stored.scenario != given.scenario:
        return "of another scenario"
    if stored.plugins != given.plugins:
        return f"with the plug-ins: {stored.plugins or 'none'}, not {given.plugins or 'none'}"
    if stored.arithmetic != given.arithmetic:
        return f"of a release with arithmetic {stored.arithmetic}; this one has {given.arithmetic}"
    return None if stored.digest == given.digest else "whose data files were changed since it began"
