"""Audits: a series of 154 checkpoints made by a trainer, as it is and broken in each way, and other sound series."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from checkpoint_layouts import branch
from trained_series import BASE, LADDER, Series, Trainer, audited, broken, check, sound

import gasfield
from gasfield.auditing import KINDS, Auditor
from gasfield.auditing.ladder import missing_steps
from gasfield.cli import app
from gasfield.errors import InputError
from gasfield.importing import Piece, audit, import_recording

safetensors = pytest.importorskip("safetensors.numpy", reason="needs the extra `gasfield[record]`")

ON_DISK = (
    *("duplicate, adjacent", "duplicate, far", "jump_back", "foreign_run", "permuted_rows", "resized"),
    *("dtype_change", "zero_rows", "missing_step"),
)


@cache
def base() -> Series:
    return sound(BASE, 0)


def written(folder: Path, series: Series) -> Path:
    """The series in the layout of the Hugging Face cache, in no order on the disk."""
    cache = folder / "models--org--name"
    for number, step in enumerate(series.steps):
        commit = f"{7919 * number % 100003:040x}"
        branch(cache, f"step{step}", commit)
        (cache / "snapshots" / commit).mkdir(parents=True)
        tensors = {"transformer.wte.weight": series.frames[number]}
        if series.others is not None:
            tensors["lm_head.weight"] = series.others[number]
        safetensors.save_file(tensors, cache / "snapshots" / commit / "model.safetensors")
    return folder


def test_a_sound_series_of_154_steps_has_no_finding(tmp_path: Path) -> None:
    folder = written(tmp_path / "made", base())
    found = audit(folder)
    assert found.findings == ()
    assert found.exit_code == 0
    assert list(found.steps) == LADDER
    assert [line.removeprefix("none: ") for line in found.verdicts()] == list(KINDS)
    notes = import_recording(folder, tmp_path / "a.h5")
    assert not any("fault" in note or "bit for bit" in note for note in notes)
    assert audit(tmp_path / "a.h5").findings == ()


@pytest.mark.parametrize("way", ON_DISK)
def test_a_broken_series_is_found_out(way: str, tmp_path: Path) -> None:
    series, steps = broken(base(), way, 0)
    check(audit(written(tmp_path, series)).as_json()["findings"], way, steps)


# -------------------------------------------------------------------------------------------------- duplicates


def test_the_frame_that_belongs_there_is_kept_and_the_other_is_left_out(tmp_path: Path) -> None:
    """A branch that serves the final weights: diagnostics are those of the series without it."""
    late = Series(base().steps[90:], base().frames[90:], (base().others or [])[90:])
    series, (wrong, last) = broken(late, "duplicate, far", 0)
    found = audit(written(tmp_path / "broken", series)).findings
    assert [(each.steps, each.more["kept"]) for each in found] == [((wrong, last), last)]
    notes = import_recording(tmp_path / "broken", tmp_path / "broken.h5")
    assert any(note.startswith("fault: duplicate: steps") for note in notes)
    at = series.steps.index(wrong)
    assert series.others is not None
    without = Series(
        series.steps[:at] + series.steps[at + 1 :],
        series.frames[:at] + series.frames[at + 1 :],
        series.others[:at] + series.others[at + 1 :],
    )
    import_recording(written(tmp_path / "without", without), tmp_path / "without.h5")
    names = ["freezing", "lifecycle", "step_length"]
    results = [gasfield.diagnose(tmp_path / f"{name}.h5", names).as_json()["groups"] for name in ("broken", "without")]
    assert results[0] == results[1]
    assert results[0]["rows"]


@pytest.mark.parametrize(("wrong", "right"), [(3, 7), (7, 3), (2, 4), (4, 2), (11, 5)])
def test_of_duplicates_a_few_frames_apart_the_right_one_is_kept(wrong: int, right: int) -> None:
    """On a random walk: squared distances grow with time, so that the wrong place is only a few times as far."""
    frames = np.cumsum(np.random.default_rng(0).normal(size=(12, 300, 16)), axis=0).astype(np.float32)
    frames[wrong] = frames[right]
    [found] = audited(Series(list(range(12)), list(frames)))
    assert (found.kind, found.fault, found.more["kept"]) == ("duplicate", True, right)


def test_a_frozen_matrix_of_checkpoints_that_differ_is_at_rest(tmp_path: Path) -> None:
    series = sound("a frozen embedding", 0)
    part = Series(series.steps[:12], series.frames[:12], (series.others or [])[:12])
    notes = import_recording(written(tmp_path / "frozen", part), tmp_path / "a.h5")
    assert any("other tensors are not: it is frozen" in note for note in notes)
    found = gasfield.diagnose(tmp_path / "a.h5", ["freezing"]).as_json()["groups"]["rows"]
    assert found["frozen"]["fraction"]["value"] == 1.0


@pytest.mark.parametrize(
    ("order", "alone", "fault"),
    [
        ([0, 1, 2, 3, 3, 3], True, False),  # a lone matrix may have come to rest
        ([0, 1, 2, 3, 3, 3], False, True),  # but not all tensors of a checkpoint
        ([0, 1, 1, 1, 2, 3], True, True),
        ([0, 1, 2, 3, 1, 4], True, True),
        ([0, 0, 0, 0, 0, 0], True, False),
        ([0, 0, 0, 0, 0, 0], False, True),
    ],
)
def test_when_identical_frames_are_a_fault(order: list[int], alone: bool, fault: bool) -> None:
    frames = [base().frames[20 + 4 * at] for at in order]
    others = None if alone else [base().frames[40 + 4 * at] for at in order]
    found = [each for each in audited(Series(list(range(len(order))), frames, others)) if each.kind == "duplicate"]
    [one] = found
    assert one.fault is fault
    assert one.steps == tuple(at for at, frame in enumerate(order) if order.count(frame) > 1)


# -------------------------------------------------------------------------------------------------- rows, steps


def test_rows_that_are_zero_or_identical_from_the_start_are_a_note() -> None:
    frames = [frame.copy() for frame in base().frames[20:30]]
    for frame in frames:
        frame[3:5], frame[7] = 0.0, frame[8]
    found = audited(Series(list(range(10)), frames))
    assert sorted((each.kind, each.fault, each.more["class"]) for each in found) == [
        ("zero_rows", False, "identical"),
        ("zero_rows", False, "zero"),
    ]


@pytest.mark.parametrize(
    ("steps", "missing"),
    [
        ([*range(0, 5000, 1000), *range(6000, 9000, 1000)], [5000]),
        ([0, 1, 2, 4, 8, 32, 64, 128, 256, 512, 1000, 2000, 3000, 4000], [16]),
        ([0, 1000, 2000, 4000, 6000, 7000, 8000, 9000, 10_000, 11_000], [3000, 5000]),
        ([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *range(1000, 9000, 1000)], []),
        ([*range(0, 1000, 100), *range(1000, 9000, 1000)], []),  # saved more seldom from some step on
        ([0, *np.unique(np.geomspace(1, 1e5, 60).round()).astype(int).tolist()], []),
        ([0, 7, 9, 100], []),
    ],
)
def test_missing_steps_of_a_ladder(steps: list[int], missing: list[int]) -> None:
    found = missing_steps(steps)
    assert [step for each in found for step in each.steps] == missing
    assert not any(each.fault for each in found)


# -------------------------------------------------------------------------------------------------- bad input


def test_bad_input_ends_in_one_line(tmp_path: Path) -> None:
    def fails(folder: Path, *words: str) -> None:
        with pytest.raises(InputError) as fault:
            audit(folder)
        assert "\n" not in str(fault.value)
        assert all(word in str(fault.value) for word in words), str(fault.value)

    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "readme.txt").write_text("nothing")
    fails(tmp_path / "none", "no weights in this folder")
    one = written(tmp_path / "one", Series([7], base().frames[:1]))
    fails(one, "only one frame", "at least two")
    frames = [frame.copy() for frame in base().frames[20:26]]
    frames[3][5:7, 0] = np.nan, np.inf
    fails(written(tmp_path / "broken", Series(list(range(6)), frames)), "2 rows are not finite, in step 3")
    import_recording(tmp_path / "broken", tmp_path / "kept.h5")  # an import keeps them, with a note
    for step, ids in ((1, [0, 1, 2]), (2, [0, 1, 3])):
        (tmp_path / "vocabularies" / f"step{step}").mkdir(parents=True)
        tensors = {"wte.weight": frames[0][:3], "token_ids": np.array(ids)}
        safetensors.save_file(tensors, tmp_path / "vocabularies" / f"step{step}" / "model.safetensors")
    fails(tmp_path / "vocabularies", "step2", "other token ids")


def test_the_command_prints_a_verdict_a_line_and_ends_with_5(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    series, steps = broken(Series(base().steps[:60], base().frames[:60]), "zero_rows", 0)
    folder = written(tmp_path, series)

    def call(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            app(["audit", str(folder), *words])
        return int(end.value.code or 0), capsys.readouterr().out

    code, said = call()
    assert code == 5
    lines = said.splitlines()
    assert lines[0].endswith("60 frames, steps 0 to 1560: 1 fault")
    verdicts = [line for line in lines if line.startswith(("  none: ", "  fault: ", "  note: "))]
    assert [line.split(": ")[1] for line in verdicts] == list(KINDS)
    code, said = call("--json")
    assert code == 5
    assert [(each["kind"], each["steps"]) for each in json.loads(said)["findings"]] == [("zero_rows", steps)]
    code, said = call("--filter", f"!step{steps[0]}")
    assert code == 0
    assert "note: missing_step" in said


def test_a_simulation_may_return_to_where_it_was(tmp_path: Path) -> None:
    from gasfield.gas import Gas
    from gasfield.trajectory import TrajectoryWriter

    path = np.cumsum(np.random.default_rng(0).normal(size=(40, 30, 8)), axis=0)
    path[30] = path[10] + 0.01
    for source, faults in (("simulation", False), ("recording", True)):
        with TrajectoryWriter(
            tmp_path / f"{source}.h5", Gas(path[0]), precision="float64", provenance={"source": source}
        ) as writer:
            for step, positions in enumerate(path):
                writer.frame(step, float(step), positions)
        found = audit(tmp_path / f"{source}.h5")
        assert bool(found.faults) is faults
        assert any("not of a training" in note for note in found.notes) is not faults


def test_frames_are_not_kept(tmp_path: Path) -> None:
    """The memory of an audit does not grow with the number of frames by more than a sample of each."""
    import tracemalloc

    def peak(frames: int) -> int:
        auditor = Auditor(list(range(frames)), trained=False)
        chance = np.random.default_rng(0)
        tracemalloc.start()
        for _ in range(frames):
            x = chance.normal(size=(2000, 64)).astype(np.float32)
            auditor.look(Piece(x.view(np.uint32), "float32"))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(2)
    assert peak(40) < peak(8) + 5 * 2000 * 64 * 4


def test_a_training_of_its_own_with_another_seed_is_another_run() -> None:
    """The control of the broken series: the same trainer, the same step, another seed."""
    same = Trainer(steps=[0, 1980]).train(0)[0][1]
    other = Trainer(steps=[0, 1980]).train(5)[0][1]
    assert np.abs(np.corrcoef(same.ravel(), other.ravel())[0, 1]) < 0.1
