"""The nulls of an audit: how far chance goes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

from gasfield.auditing.misplaced import misplaced_in
from gasfield.auditing.path import Path
from gasfield.auditing.permuted import _dimensions, _nearest_other


def path_of(frames: NDArray[np.float64]) -> Path:
    return Path(frames, np.arange(len(frames)), np.zeros(len(frames)))


@pytest.mark.parametrize("k", [2, 3])
def test_nearest_rows_of_two_frames_have_the_law_of_two_poisson_processes(k: int) -> None:
    """P(d < r d0) = r^k / (1 + r^k) for points of one density; with k + 1 in place of k it is rejected."""
    chance = np.random.default_rng(k)
    ratios = []
    for _ in range(150):
        x, y = chance.uniform(size=(2, 400, k))
        d, d0 = (np.sqrt(_nearest_other(y, other)[0]) for other in (x, y))
        inside = np.all(np.abs(y - 0.5) < 0.3, axis=1)
        ratios.append((d / d0)[inside][::5])  # few of each, so that they hardly share neighbours
    r = np.concatenate(ratios)
    assert kstest(r, lambda r: r**k / (1 + r**k)).pvalue > 1e-3
    assert kstest(r, lambda r: r ** (k + 1) / (1 + r ** (k + 1))).pvalue < 1e-3


def test_the_directions_of_rows_are_counted() -> None:
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(4000, 10))
    assert _dimensions(rows) == pytest.approx(10, rel=0.02)
    rows[:, 3:] *= 1e-3
    assert _dimensions(rows) == pytest.approx(3, rel=0.02)


def test_the_degrees_of_freedom_of_a_distance() -> None:
    """Of normal coordinates all count; of equal ones that are rare, three times as many as move."""
    chance = np.random.default_rng(0)
    frames = np.zeros((2, 100, 20))
    frames[1] = chance.normal(size=(100, 20))
    assert path_of(frames).dimensions(0, 1) == pytest.approx(2000, rel=0.1)
    frames[1] = 0.0
    frames[1, :4, 0] = 1.0
    assert path_of(frames).dimensions(0, 1) == pytest.approx(12)


def test_the_largest_numbers_that_are_allowed_change_no_verdict() -> None:
    """1e100, of which fourth powers are no numbers; one frame of twelve has the content of another."""
    chance = np.random.default_rng(0)
    frames = np.cumsum(chance.normal(size=(12, 50, 16)), axis=0)
    frames[3] = frames[9] + 0.01 * chance.normal(size=(50, 16))
    found = misplaced_in(path_of(frames), set())
    assert [each.frames for each in found] == [(3,)]
    assert misplaced_in(path_of(1e95 * frames), set()) == found
    assert _dimensions(1e95 * frames[0]) == pytest.approx(_dimensions(frames[0]))


@pytest.mark.parametrize("modes", [1, 3, None])
def test_a_plateau_gives_no_alarm(modes: int | None) -> None:
    """Stationary noise, in all directions or in a few: frames far apart are as near as neighbours, by chance nearer.

    Without the term of chance a few directions would give alarms: the ratios of squared distances exceed four."""
    chance = np.random.default_rng(7)
    beyond = 0
    for _ in range(20):
        along = chance.normal(size=(modes, 40 * 8)) if modes else np.eye(320)
        frames = (chance.normal(size=(80, len(along))) @ along).reshape(80, 40, 8)
        path = path_of(frames)
        assert misplaced_in(path, set()) == []
        squares = np.array([path.squares(at) for at in range(80)])
        np.fill_diagonal(squares, np.inf)
        near = np.array([min(squares[at, at - 1], squares[at, (at + 1) % 80]) for at in range(80)])
        beyond += int(np.sum(near > 4 * squares.min(axis=1)))
    assert (beyond > 100) is (modes is not None)


def test_a_frame_of_a_plateau_that_is_put_elsewhere_is_seen() -> None:
    """The control: where directions are many, a copy with a little noise is nearer than chance allows."""
    chance = np.random.default_rng(8)
    frames = chance.normal(size=(80, 40, 8))
    frames[20] = frames[60] + 0.1 * chance.normal(size=(40, 8))
    [found] = misplaced_in(path_of(frames), set())
    assert {found.frames[0], found.near} == {20, 60}


@pytest.mark.parametrize("length", [1, 2, 5])
def test_segments_and_turns(length: int) -> None:
    """A part of the path that is put off it: for a while, or from there on near where it was before."""
    chance = np.random.default_rng(length)
    walk = np.cumsum(chance.normal(size=(60, 40, 8)), axis=0) * 0.1
    off = walk.copy()
    off[30 : 30 + length] += chance.normal(size=(40, 8)) * 5
    [found] = misplaced_in(path_of(off), set())
    assert found.frames == tuple(range(30, 30 + length))
    assert found.near is None
    turned = walk.copy()
    turned[30:] += walk[10] - walk[29]
    [found] = misplaced_in(path_of(turned), set())
    assert (found.frames, found.near, found.returns) == ((30,), 10, False)
    assert misplaced_in(path_of(walk), set()) == []
