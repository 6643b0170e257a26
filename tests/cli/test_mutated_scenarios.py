"""Mutated scenarios are built, or refused in one sentence with its place; they run, blow up with a message, or are
refused (`mutated_scenarios.py`, which also says how to repeat one)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mutated_scenarios import Outcome, campaign, judge, table
from mutations import mutation, save


def failures(outcomes: list[Outcome]) -> str:
    """Every failure, and the table; empty if there is none."""
    found = [f"{outcome.number}: {verdict}: {text}" for outcome in outcomes for verdict, text in outcome.failures]
    return "\n".join([*found, table(outcomes)]) if found else ""


def test_mutations_are_the_same_for_the_same_seed() -> None:
    made = [mutation(0, number) for number in range(50)]
    assert made == [mutation(0, number) for number in range(50)]
    assert len({each.text for each in made}) > 45
    assert made[0].text != mutation(1, 0).text


def test_mutated_scenarios_are_built_or_refused_and_some_are_run() -> None:
    outcomes = campaign(seed=14, count=8, runs=1, jobs=1)
    assert not failures(outcomes)
    verdicts = {outcome.verdict for outcome in outcomes}
    assert {"built", "refused", "done"} <= verdicts


@pytest.mark.validate
def test_ten_thousand_mutated_scenarios_of_which_a_thousand_run() -> None:
    outcomes = campaign(seed=0, count=10_000, runs=1000, jobs=2, verbose=True)
    assert not failures(outcomes)


def test_the_command_line_answers_mutated_scenarios_by_message_and_exit_code(
    tmp_path: Path, gasfield: Callable
) -> None:
    for number in range(12):
        made = mutation(3, number)
        path = save(made, tmp_path)
        settings = [word for override in made.overrides for word in ("--set", override)]
        done = gasfield("check", path.name, *settings)
        assert done.returncode in (0, 2), (made, done.stderr)
        assert "Traceback" not in done.stderr
        messages = [line for line in done.stderr.splitlines() if not line.startswith("gasfield: note")]
        assert (done.returncode == 2) == bool(messages), (made, done.stderr)


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("raise ValueError('x')", "traceback"),
        ("raise MemoryError", "memory"),
        ("raise InputError('Input should be a valid number', location='a:1')", "message"),
        ("raise InputError('should be a number.')", "message"),
        ("raise InputError('two\\nlines.', location='a:1')", "message"),
        ("import warnings; warnings.warn('overflow', RuntimeWarning)", "warning"),
        ("import warnings; warnings.warn(Note('a: it failed: IndexError: out of bounds'))", "caught"),
        ("import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass", "hang"),
    ],
)
def test_the_judge_finds_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str, verdict: str
) -> None:
    """Negative control: the same judge fails a program that does one of the things that must not happen."""
    import mutated_scenarios

    def build(path: Path, overrides: object) -> str:
        from gasfield import errors

        exec(fault, {"InputError": errors.InputError, "Note": errors.Note})
        return "built"

    monkeypatch.setattr(mutated_scenarios, "_build", build)
    monkeypatch.setattr(mutated_scenarios, "LIMIT", 0.2)
    assert verdict in [found for found, _ in judge(tmp_path, (), 0, run=False).failures]


def test_a_process_that_dies_is_reported_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    import mutated_scenarios

    monkeypatch.setattr(mutated_scenarios, "_KILL", 0.0)
    worker = mutated_scenarios.Worker(seed=0)
    assert worker.ask(0, "build").verdict in ("hang", "killed")
    monkeypatch.setattr(mutated_scenarios, "_KILL", 100.0)
    assert worker.ask(0, "build").verdict in ("built", "refused")
    worker.close()
