"""False alarms of audits on sound series of many kinds, and detections, over seeds."""

from __future__ import annotations

import pytest
from trained_series import BASE, BROKEN, TRAINERS, audited, broken, check, sound

QUICK = (
    *("a tied matrix", "log-spaced steps", "warm restarts", "a frozen embedding", "decay to rest"),
    *("tiny rate in bfloat16", "few frames", "a growing norm", "large early steps", "a schedule to zero"),
)


@pytest.mark.parametrize("name", QUICK)
def test_no_fault_in_a_sound_series(name: str) -> None:
    assert [finding.line() for finding in audited(sound(name, 0)) if finding.fault] == []


@pytest.mark.validate
@pytest.mark.parametrize("name", TRAINERS)
def test_false_alarms_over_seeds(name: str) -> None:
    for seed in range(100, 125):
        assert [finding.line() for finding in audited(sound(name, seed)) if finding.fault] == []


@pytest.mark.validate
@pytest.mark.parametrize("way", BROKEN)
def test_detections_over_seeds(way: str) -> None:
    for seed in range(100, 125):
        series, steps = broken(sound(BASE, seed), way, seed)
        check([finding.as_json() for finding in audited(series)], way, steps)
