"""Live rows in a recorded field: exact away from the recorded path, work of the parts, errors by token count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_live_recordings import LAW, STEPS, TOKENS, D, Lesson, Single, Values

import gasfield
from gasfield.comparison import align
from gasfield.diagnostics.fields.live_work import LiveWork
from gasfield.diagnostics.grouping import group_of
from gasfield.forces import AnyForce, Surroundings, TotalForce
from gasfield.gas import Gas
from gasfield.hindcasting import plan_hindcast
from gasfield.hindcasting.occurrences import errors_by_count
from gasfield.simulation import Simulation
from gasfield.spaces import Free
from gasfield.spec import parse
from gasfield.statistics.count_classes import count_classes

STEP = 7


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    return Lesson()


@pytest.fixture(scope="module")
def file(lesson: Lesson, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lesson.write(tmp_path_factory.mktemp("live") / "made.h5")


def forces(file: Path, *, own: bool) -> list[AnyForce]:
    """The field, the pull, and what a row elsewhere changes of the field."""
    kinds = [{"kind": "recorded_gradient", "field": "full"}, {"kind": "recorded_pull", "of": "parts"}]
    kinds += [{"kind": "recorded_own_term"}] if own else []
    return [parse(AnyForce, {**kind, "file": str(file)}) for kind in kinds]  # type: ignore[arg-type]


def rows(places: Values | Single, step: int = 0) -> Gas:
    """Live rows at some places."""
    return Gas(places, np.zeros(len(places), np.int64), ["live"], np.arange(len(places)), [""] * len(places), step=step)


def displaced(lesson: Lesson, step: int) -> Single:
    away = np.random.default_rng(3).normal(0, 0.5, (TOKENS, D)).astype(np.float32)
    return np.asarray(lesson.path[step] + away, np.float32)


def test_the_force_on_a_displaced_row_is_that_of_the_loss(lesson: Lesson, file: Path) -> None:
    """Each row by itself, all else as it was: minus the gradient of cross-entropy with this matrix. The stored Z and h
    are those of float64, so that sums of 30 terms agree to 1e-13; with Z as it was they do not."""
    places = displaced(lesson, STEP)
    expected = np.empty((TOKENS, D))
    for row in range(TOKENS):
        matrix = lesson.path[STEP].copy()
        matrix[row] = places[row]
        expected[row] = -lesson.gradient(STEP, matrix)[row]
    found = {
        own: TotalForce([law.build(Surroundings(Free(dimensions=D))) for law in forces(file, own=own)], D).force(
            rows(places.astype(np.float64), STEP)
        )
        for own in (True, False)
    }
    np.testing.assert_allclose(found[True], expected, rtol=0, atol=1e-13)
    assert np.linalg.norm(found[False] - expected, axis=1).max() > 0.01 * np.linalg.norm(expected)


def test_the_change_of_log_z_is_bounded_by_the_larger_own_probability(lesson: Lesson) -> None:
    """|log(Z'/Z)| <= max(p, q) |x|, which is what the field without the row's own term can be off by."""
    places, h = displaced(lesson, STEP).astype(np.float64), lesson.hidden(STEP)
    log_z = lesson.log_partition(STEP, lesson.path[STEP])
    for row in range(TOKENS):
        matrix = lesson.path[STEP].copy()
        matrix[row] = places[row]
        changed = lesson.log_partition(STEP, matrix)
        p, q = np.exp(h @ lesson.path[STEP][row] - log_z), np.exp(h @ places[row] - changed)
        x = np.abs(h @ (places[row] - lesson.path[STEP][row]))
        assert np.all(np.abs(changed - log_z) <= np.maximum(p, q) * x * (1 + 1e-6) + 1e-12)


@pytest.mark.parametrize("row", [0, 3, TOKENS - 1])
def test_a_live_row_that_starts_elsewhere_goes_where_it_would_have_gone(lesson: Lesson, file: Path, row: int) -> None:
    """The hindcast of its counterfactual: gradients agree to 1e-13, so that float32 weights have the same bits but for
    ties of rounding, one unit in the last place in each of 20 steps. With Z as it was they do not."""
    start = displaced(lesson, 0)[row]
    expected = lesson.elsewhere(row, start).astype(np.float64)
    ends = {}
    for own in (True, False):
        gas = Gas(start[None], np.zeros(1, np.int64), ["live"], np.array([row]), [""])
        with Simulation(gas, space=Free(dimensions=D), forces=forces(file, own=own), dynamics=LAW) as simulation:
            ends[own] = simulation.step(STEPS).gas.positions[0].astype(np.float64)
    way = np.linalg.norm(expected - start)
    assert np.abs(ends[True] - expected).max() <= STEPS * 2.0**-23 * np.abs(expected).max()
    assert np.linalg.norm(ends[False] - expected) > 1e-3 * way


def test_a_hindcast_reports_errors_by_token_count(lesson: Lesson, file: Path, tmp_path: Path) -> None:
    """With the recorded parts all that moves them is there; in the field alone the error is zero, to rounding, for
    tokens that never occur, and not for others."""
    with gasfield.open(file) as recording:
        acting = plan_hindcast(recording, rows=["live"]).scenario.forces
    assert [force.kind for force in acting] == ["recorded_gradient", "recorded_own_term", "recorded_pull"]
    alone = gasfield.hindcast(file, rows="live", pull=False, output=tmp_path / "alone")
    count = np.bincount(lesson.targets.ravel(), minlength=TOKENS)
    classes = alone.groups["live"].by_count
    assert [each.tokens.name for each in classes] == [each.name for each in count_classes(count)]
    assert classes[0].tokens.members.tolist() == np.flatnonzero(count == 0).tolist()
    assert classes[0].error.value < 1e-5
    assert classes[-1].error.value > 0.5
    leaves = alone.groups["live"].as_json()["by_occurrences"]["0"]
    assert set(leaves["displacement_error"]) == {"value", "unit", "error"}


def test_classes_of_counts_are_disjoint_and_complete() -> None:
    counts = np.array([0, 1, 3, 4, 15, 16, 63, 64, 5000])
    classes = count_classes(counts)
    assert [each.name for each in classes] == ["0", "1-3", "4-15", "16-63", "64-255", "4096-16383"]
    assert sorted(np.concatenate([each.members for each in classes]).tolist()) == list(range(len(counts)))
    assert all(np.all((counts[e.members] >= e.least) & (counts[e.members] <= e.most)) for e in classes)


def test_the_work_of_the_parts_adds_up_to_that_of_the_gradient(lesson: Lesson, file: Path) -> None:
    """Under gradient descent the work of the gradient is the rate times its square; of tokens that never occur all of
    it is push; shares sum to 1 with the residual, which is the rounding of nothing here."""
    with gasfield.open(file) as recording:
        found = LiveWork().compute(group_of(recording, "live"))
    gradients = np.array([lesson.gradient(step, matrix) for step, matrix in enumerate(lesson.path[:-1])])
    squares = LAW.learning_rate * np.sum(gradients**2, axis=2)
    np.testing.assert_allclose(found.work.sum(axis=2), squares, rtol=1e-4)  # steps are rounded to float32
    for each in found.classes:
        shares = [found.estimates[f"live_work.{each.name}.{part}"].value for part in ("push", "pull", "input")]
        residual = found.estimates[f"live_work.{each.name}.residual"].value
        assert abs(sum(shares) + residual - 1) < 1e-12
        assert abs(residual) < 1e-12
    assert found.estimates["live_work.0.push"].value == pytest.approx(1, abs=1e-12)
    assert found.estimates[f"live_work.{found.classes[-1].name}.pull"].value > 0.5


def test_a_recording_without_counts_has_no_errors_by_count(file: Path) -> None:
    with gasfield.open("recordings/kjv-bf16.h5") as old:
        assert group_of(old, "live").live is None
        assert LiveWork().why_not(group_of(old, "live")) is not None
    with gasfield.open(file) as made:
        pair = align(made, made).pairs[0]
        assert all(each.error.value == 0 for each in errors_by_count(pair))
