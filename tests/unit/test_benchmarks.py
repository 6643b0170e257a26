"""The logic of the benchmarks, with numbers made up: ratios, spreads, the rule of `make bench-check`, exponents."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT

sys.path.insert(0, str(ROOT))

from benchmarks import problems, results, scaling
from benchmarks.interleave import Rounds, interleave
from benchmarks.machine import Outcome
from benchmarks.measurements import Exponent, Measurement, Ratio, best, by_round, verdict
from benchmarks.page import PAGE, with_table
from benchmarks.table import Peer, Row, Run, Series, against, ours, rows, series

FAST, SLOW = ours("fast"), against("peer", "slow")
ROW = Row("row", "some work", "steps/s", FAST, (Peer("slow", SLOW, 2.0),))


def rounds_of(speeds: list[tuple[float | None, float | None]]) -> Rounds:
    """Of both sides of `ROW`, by round."""
    found = Rounds(2, cpu="made up", day="today")
    for pair in speeds:
        made = zip((FAST, SLOW), pair, strict=True)
        found.rounds.append(
            {run.key: [Measurement("it", "N=1", value, "steps/s")] for run, value in made if value is not None}
        )
    return found


def ratio_of(speeds: list[tuple[float | None, float | None]]) -> Ratio:
    (line,) = results.lines([ROW], rounds_of(speeds))
    assert line.ratio is not None
    return line.ratio


def test_lines_are_read_and_what_is_no_positive_number_is_not() -> None:
    text = "noise\nRESULT|a b|N=4|1.5e6|steps/s\nRESULT|a|N=4|nan|s\nRESULT|a|N=4|-1|s\nRESULT|a|N=4|x|s\nRESULT|a\n"
    assert Measurement.lines(text) == [Measurement("a b", "N=4", 1.5e6, "steps/s")]


def test_the_best_of_several_ways_is_the_least_time_and_the_greatest_speed() -> None:
    found = [Measurement(str(value), "", value, unit) for value in (2.0, 3.0) for unit in ("s", "steps/s", "1")]
    assert best(found, "s") == found[0]
    assert best(found, "steps/s") == found[4]
    assert best(found, "pairs/s") is None


def test_ratios_are_paired_by_round() -> None:
    """A machine that becomes four times as fast half-way changes both sides and no ratio."""
    ratio = ratio_of([(2.0, 1.0), (2.2, 1.0), (8.0, 4.0), (8.4, 4.0), (8.0, None), (None, 4.0)])
    assert ratio.rounds == 4
    assert ratio.median == pytest.approx(2.05)
    assert (ratio.low, ratio.high) == (2.0, 2.2)
    assert Ratio.of([2.0, 1.0], [6.0, 3.0], "s") == Ratio(3.0, 0.0, 3.0, 3.0, 2), "less time is better"
    assert Ratio.of([None], [1.0], "s") is None


def test_the_spread_of_normal_ratios_is_their_standard_deviation() -> None:
    chance = np.random.default_rng(0)
    ratio = Ratio.of([None if k == 7 else 2 + 0.1 * chance.standard_normal() for k in range(4000)], [1.0] * 4000, "1")
    assert ratio is not None
    assert ratio.spread == pytest.approx(0.1, rel=0.06)  # three standard errors, 0.1 * 1.17 / sqrt(4000) each
    one = Ratio.of([2.0], [1.0], "1")
    assert one is not None
    assert np.isnan(one.spread)


@pytest.mark.parametrize(
    ("speeds", "expected"),
    [
        ([2.0, 2.1, 1.9, 2.0, 2.05], "as recorded"),
        ([1.65, 1.64, 1.66, 1.65, 1.65], "as recorded"),  # by 17%, far beyond its spread: not enough
        ([1.5, 1.52, 1.48, 1.5, 1.51], "slower"),
        ([0.6, 2.1, 1.5, 2.4, 0.9], "unclear"),  # by 25%, within three spreads
        ([3.0, 3.1, 2.9, 3.0, 3.0], "as recorded"),  # faster
        ([1.0], "unclear"),  # one round has no spread
    ],
)
def test_a_row_is_slower_beyond_a_fifth_and_three_spreads(speeds: list[float], expected: str) -> None:
    recorded = Ratio.of([1.95, 2.05, 2.0, 2.0, 1.99], [1.0] * 5, "1")
    now = Ratio.of(speeds, [1.0] * len(speeds), "1")
    assert recorded is not None
    assert now is not None
    assert verdict(recorded, now) == expected


def test_what_is_recorded_is_what_later_runs_are_held_against(tmp_path: Path) -> None:
    found = rounds_of([(2.0, 1.0), (2.02, 1.0), (1.98, 1.0)])
    path = tmp_path / "cpu.json"
    results.record(results.lines([ROW], found), found, path)
    kept = results.recorded(path)

    other = Row("other", "other work", "steps/s", FAST, ROW.peers)
    results.record(results.lines([other], found), found, path, whole=False)
    assert set(results.recorded(path)) == {"row", "other"}

    def judged(later: Rounds) -> list[str]:
        return [word for word, _ in results.judge(results.lines([ROW], later), later, kept)]

    assert judged(found) == ["as recorded"]
    assert judged(rounds_of([(1.0, 1.0)] * 3)) == ["slower"]
    assert judged(rounds_of([(1.0, None)])) == ["no peer"]
    broken = rounds_of([(None, 1.0)])
    broken.left_out[FAST.key] = "it crashed"
    assert judged(broken) == ["did not run"]


@pytest.mark.parametrize("exponent", [-0.5, 1.0, 2.0])
def test_an_exponent_is_found_within_its_error(exponent: float) -> None:
    """Power laws with 5% of noise: pulls have the variance of Student's t with 6 degrees of freedom, 1.5."""
    chance, sizes = np.random.default_rng(1), 2.0 ** np.arange(8)
    pulls = []
    for _ in range(2000):
        fit = Exponent.fit(sizes.tolist(), (3.0 * sizes**exponent * np.exp(0.05 * chance.standard_normal(8))).tolist())
        assert fit is not None
        pulls.append((fit.exponent - exponent) / fit.error)
    assert abs(np.mean(pulls)) < 4 * np.sqrt(1.5 / 2000)
    assert np.var(pulls) == pytest.approx(1.5, rel=0.25)
    assert Exponent.fit([4.0, 4.0], [1.0, 2.0]) is None
    assert Exponent.fit([1.0, 10.0], [1.0, 100.0]).text() == "2.00", "two sizes have no error"


def test_rounds_are_interleaved_and_what_fails_is_named_and_left_out(tmp_path: Path) -> None:
    order: list[str] = []

    def carry(run: Run, threads: int) -> Outcome:
        order.append(run.module)
        if run == SLOW:
            return Outcome((), "", "no such program", 0.1)
        return Outcome((Measurement("it", "N=1", 2.0, "steps/s"),), "version 1", None, 0.1)

    said: list[str] = []
    other = ours("other")
    found = interleave([(FAST, 2), (SLOW, 2), (FAST, 2), (other, 1)], 2, 2, said.append, carry)
    assert order == [FAST.module, SLOW.module, other.module, FAST.module, other.module]
    assert found.left_out == {SLOW.key: "no such program"}
    assert any("no such program" in line for line in said)
    assert by_round(found.rounds, FAST.key, "steps/s") == [2.0, 2.0]
    found.save(tmp_path / "kept" / "rounds.json")
    assert Rounds.load(tmp_path / "kept" / "rounds.json") == found
    table = results.as_markdown(results.lines([ROW], found), found)
    assert "| some work | 2 steps/s | slow | – | – | 2 |" in table
    assert "no such program" in table


def test_exponents_are_of_the_time_of_a_step_at_large_sizes() -> None:
    """Work N^2 at a speed that falls as 1/N above 10 and is dominated by a constant cost below: time as N^3 there."""
    one = Series("pairs", "N", (1, 10, 100, 1000), lambda n: ours("pairs", n), "pairs/s", lambda n: float(n * n), 10)
    found = Rounds(2, cpu="made up", day="today")
    speeds = {1: 1e-9, 10: 1.0, 100: 0.1, 1000: 0.01}
    found.rounds.append({one.run(n).key: [Measurement("it", "", value, "pairs/s")] for n, value in speeds.items()})
    made = scaling.points(one, found)
    assert made[1] == (10, 100.0)
    fit = scaling.fitted(one, made)
    assert fit is not None
    assert fit.exponent == pytest.approx(3.0)
    assert "3.00 ± 0.00" in scaling.as_markdown([one], found)


def test_a_table_is_written_between_its_markers_and_nowhere_else() -> None:
    page = "before\n<!-- table: a -->\nold\n<!-- end of table -->\nafter\n<!-- table: b -->\n<!-- end of table -->\n"
    written = with_table(page, "a", "new | 1\\2")
    assert written == page.replace("old", "\nnew | 1\\2\n")
    assert with_table(written, "a", "new | 1\\2") == written
    with pytest.raises(ValueError, match="markers of the table 'c'"):
        with_table(page, "c", "new")
    for name in ("ratios", "exponents"):
        with_table(PAGE.read_text(), name, "")


def test_names_of_rows_are_unique_and_numbers_are_written_as_on_paper() -> None:
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names)
    assert {one.axis for one in series(2, 6)} == set(scaling.AXES)
    assert {one.sizes for one in series(2, 6) if one.axis == "threads"} == {(1, 2, 4, 6)}
    assert [results.amount(value, "s") for value in (0.5, 1234.0, 1.5e8, 2e-5)] == [
        *("0.5 s", "1,234 s", "1.50·10⁸ s", "2.00·10⁻⁵ s")
    ]


def test_the_melt_is_an_fcc_crystal_at_rest() -> None:
    """Twelve neighbours at the distance side / (cells sqrt 2); the density is that of the melt."""
    melt = problems.Melt(3)
    places, side = melt.positions(), melt.side
    away = places[:, None] - places
    away -= side * np.round(away / side)
    distance = np.sqrt((away**2).sum(-1)) + 9 * np.eye(melt.count)
    assert len(places) == melt.count == 108
    assert melt.count / side**3 == pytest.approx(melt.density)
    nearest = side / 3 / np.sqrt(2)
    assert np.all((distance < 1.01 * nearest).sum(1) == 12)
    assert distance.min() == pytest.approx(nearest)
    assert np.abs(melt.velocities().sum(0)).max() < 1e-9
