"""Names of real series -> their order. What names do not state is refused, by the option that decides it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gasfield.errors import InputError
from gasfield.importing.candidates import Choice
from gasfield.importing.entries import Entry
from gasfield.importing.order import Order, in_order

Trained = Callable[..., Order]
HASHES = [f"{number:040x}" for number in (3, 1, 2)]


def entry_of(name: str, where: Path = Path("theirs")) -> Entry:
    return Entry(name, where / name.replace("\0", ""), where / name.replace("\0", ""))


def ordered(names: list[str], where: Path = Path("theirs"), **choice: Any) -> Order:
    return in_order([entry_of(name, where) for name in names], Choice(**choice), where)


def pairs(order: Order) -> dict[str, int]:
    return {entry.name: step for entry, step in zip(order.entries, order.steps, strict=True)}


SERIES: dict[str, tuple[dict[str, int], str]] = {
    "Pythia": ({"step0": 0, "step1": 1, "step512": 512, "step1000": 1000, "step143000": 143_000}, "step in"),
    "OLMo": ({"step0-tokens0B": 0, "step1000-tokens4B": 1000, "step10000-tokens44B": 10_000}, "step in"),
    "OLMo 2, stage 1": ({"stage1-step150-tokens1B": 150, "stage1-step101000-tokens424B": 101_000}, "step in"),
    "OLMo 3": ({"stage1-step0": 0, "stage1-step99000": 99_000, "stage1-step1413814": 1_413_814}, "step in"),
    "OLMo, unsharded": ({"step0-unsharded": 0, "step5000-unsharded": 5000, "step10000-unsharded": 10_000}, "step in"),
    "SmolLM3, stage 1": ({"stage1-step-40000": 40_000, "stage1-step-400000": 400_000}, "step in"),
    "MultiBERTs": ({f"multiberts-seed_0-step_{k}k": 1000 * k for k in (0, 20, 100, 2000)}, "step in"),
    "MultiBERTs, cached": ({f"models--google--multiberts-seed_3-step_{k}k": 1000 * k for k in (0, 20)}, "step in"),
    "Amber and K2": ({"ckpt_000": 0, "ckpt_001": 1, "ckpt_010": 10, "ckpt_358": 358}, "checkpoint number in"),
    "CrystalCoder": (
        {"CrystalCoder_phase1_checkpoint_000500": 500, "CrystalCoder_phase1_checkpoint_027728": 27_728},
        "",
    ),
    "SmolLM": ({"step-125000": 125_000, "step-1000000": 1_000_000}, "step in"),
    "TinyLlama": (
        {
            "TinyLlama-1.1B-step-50K-105b": 50_000,
            "TinyLlama-1.1B-intermediate-step-240k-503b": 240_000,
            "TinyLlama-1.1B-intermediate-step-715k-1.5T": 715_000,
            "TinyLlama-1.1B-intermediate-step-955k-token-2T": 955_000,
            "TinyLlama-1.1B-intermediate-step-1431k-3T": 1_431_000,
        },
        "step in",
    ),
    "Apertus": ({"step50000-tokens210B": 50_000, "step1678000-tokens7040B": 1_678_000}, "step in"),
    "RedPajama": ({"240b_tokens": 240 * 10**9, "280b_tokens": 280 * 10**9, "1T_tokens": 10**12}, "number of tokens"),
    "OpenLLaMA": ({f"open_llama_7b_preview_{n}bt": n * 10**9 for n in (200, 300, 1000)}, "number of tokens"),
    "tokens alone": (
        {"tokens-900M": 900_000_000, "tokens-2.5B": 2_500_000_000, "tokens-10B": 10**10},
        "number of tokens",
    ),
    "Baichuan": ({"train_00220B": 0, "train_00440B": 1, "train_2T": 2}, "number in"),
    "DeepSpeed, BLOOM": ({"global_step1000": 1000, "global_step20000": 20_000}, "step in"),
    "Megatron": ({"iter_0000500": 500, "iter_0001000": 1000, "iter_0012000": 12_000}, "iteration in"),
    "Lightning": ({"epoch=3-step=400.ckpt": 400, "epoch=12-step=1200.ckpt": 1200}, "step in"),
    "Lightning, with a metric": (
        {"epoch=2-val_loss=0.31-step=90": 90, "epoch=3-val_loss=0.2-step=100": 100},
        "step in",
    ),
    "NeMo": (
        {
            "megatron_gpt--val_loss=2.51-step=1000-consumed_samples=8000.0.ckpt": 1000,
            "megatron_gpt--val_loss=1.90-step=12000-consumed_samples=96000.0.ckpt": 12_000,
        },
        "step in",
    ),
    "Composer": ({"ep0-ba2000-rank0.pt": 2000, "ep1-ba52988-rank0.pt": 52_988}, "iteration in"),
    "fairseq, updates": ({"checkpoint_1_500.pt": 500, "checkpoint_2_1000.pt": 1000}, "checkpoint number in"),
    "fairseq, epochs": ({"checkpoint2.pt": 2, "checkpoint10.pt": 10}, "checkpoint number in"),
    "Trainer": ({"checkpoint-500": 500, "checkpoint-1500": 1500, "checkpoint-10000": 10_000}, "checkpoint number in"),
    "T5X": ({"checkpoint_500000": 500_000, "checkpoint_1000000": 1_000_000}, "checkpoint number in"),
    "Orbax and Nanotron": ({"0": 0, "500": 500, "1000": 1000}, "number that is the whole"),
    "modded-nanogpt": ({"state_step000125.pt": 125, "state_step001000.pt": 1000}, "step in"),
    "llm.c": ({"model_00000500.bin": 0, "model_00001000.bin": 1}, "number in"),
    "epochs": ({"epoch2": 2, "epoch10": 10}, "epoch in"),
    "decimal units": ({"step_0": 0, "step2.5k": 2500, "step_0.1M": 100_000}, "step in"),
    "digits in groups": ({"step_9_500": 9500, "step_10_000": 10_000, "step_1_000_000": 1_000_000}, "step in"),
    "settings": ({"lr=3e-4-max_steps=1000-step=50": 50, "lr=3e-4-max_steps=1000-step=100": 100}, "step in"),
    "a verb": ({"save_step50.pt": 50, "save_step100.pt": 100}, "step in"),
    "both counters": ({"ckpt-1-step-1000": 1000, "ckpt-2-step-2000": 2000}, "step in"),
    "branches with slashes": ({"train/step10": 10, "train/step100": 100}, "step in"),
    "a number without a word": ({"a1.pt": 0, "a2.pt": 1, "a10.pt": 2}, "number in"),
    "a last one": ({"step100": 100, "step200": 200, "final": 201}, "step in"),
    "the last of Lightning": ({"epoch=3-step=40.ckpt": 40, "last.ckpt": 41}, "step in"),
    "a first one": ({"init": 0, "step5": 5, "step10": 10}, "step in"),
    "first and last": ({"initial": 0, "final_model": 1}, "place in the series"),
}


@pytest.mark.parametrize("series", SERIES)
def test_a_series_is_ordered_by_what_its_names_state(series: str) -> None:
    wanted, origin = SERIES[series]
    order = ordered(sorted(wanted, key=lambda name: (name[::-1], name)))
    assert list(pairs(order).items()) == list(wanted.items())
    assert origin in order.origin


@pytest.mark.parametrize(
    ("names", "parameter", "message"),
    [
        (HASHES, "order", "the names are hashes, which have no order"),
        (["main", HASHES[0]], "order", "the names state no order"),
        (["main", "best"], "order", "the names state no order"),
        (["timestamp7", "best"], "order", "the names state no order"),
        (["2024-01-30", "2024-02-01"], "order", "the names state no order"),
        (["alpha", "beta"], "order", "the names state no order"),
        (["it-SFT", "stage1-step5"], "filter", r"no step in the names of 1 of 2 checkpoints \(it-SFT\)"),
        (["step5", "step6", "other"], "filter", r"no step in the names of 1 of 3 checkpoints \(other\)"),
        (["step5-to-step6", "step7"], "filter", "no step in the names of 1 of 2"),
        (["step_2.5", "step_3"], "filter", "no step in the names of 1 of 2"),
        (
            ["lc-4k-to-32k-step-4000", "stage1-step-40000"],
            "stage",
            r"several stages: lc-4k-to-32k \(1, 4000 to 4000\), s",
        ),
        (
            ["stage1-step10", "stage2-ingredient1-step5"],
            "stage",
            r"stage1 \(1, 10 to 10\), stage2-ingredient1 \(1, 5 to 5\)",
        ),
        (["lc-4k-to-32k-step-1", "lc-32k-to-64k-step-2"], "filter", "several runs: lc-32k-to-64k"),
        (["seed1", "seed2"], "filter", "differ in 'seed'"),
        (["model-v1", "model-v2"], "filter", "differ in 'v'"),
        (["seed_0-step_20k", "seed_1-step_40k"], "filter", "several runs: seed0 .*, seed1"),
        (["pythia-70m-step1", "pythia-70m-deduped-step2"], "filter", "several runs: pythia-70m"),
        (["ep0-ba1-rank0", "ep0-ba2-rank1"], "filter", "several runs: rank0"),
        (["step5", "step05"], "filter", "two checkpoints of step 5: step5, step05"),
        (["step5", "ckpt_6"], "filter", "count different things, checkpoint and step"),
        (["step5", "last", "final"], "filter", "last, final: which is last"),
        (["step5", "it-final"], "filter", "it-final: of the same run as step5"),
        (["checkpoint_1_500", "checkpoint_2_900"], "order", "is step 1500, or an epoch and step 500"),
        (["step9223372036854775808", "step1"], None, r"steps up to 2\^63 - 1"),
    ],
)
def test_what_names_do_not_state_is_not_guessed(names: list[str], parameter: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        ordered(names)
    assert refused.value.parameter == parameter
    assert "\n" not in str(refused.value)


def test_copies_and_proposals_are_left_out_where_others_have_steps() -> None:
    order = ordered(["main", "step1", "refs/pr/1", "step2", HASHES[0], "checkpoint_best"])
    assert pairs(order) == {"step1": 1, "step2": 2}
    assert [note for note in order.notes if "left out" in note] == [
        f"theirs: left out, since their names state no step: main, refs/pr/1, {HASHES[0]}, checkpoint_best"
    ]


STAGES = [
    *("stage1-step-40000", "stage1-step-80000", "stage2-ingredient1-step-1000", "stage2-ingredient2-step-1000"),
    *("lc-4k-to-32k-step-4000", "lc-4k-to-32k-step-20000", "final"),
]


@pytest.mark.parametrize(
    ("stage", "steps"),
    [
        ("1", [40_000, 80_000]),
        ("lc-4k-to-32k", [4000, 20_000]),
        ("2-ingredient2", [1000]),
        ("stage_1", [40_000, 80_000]),
    ],
)
def test_a_stage(stage: str, steps: list[int]) -> None:
    order = ordered(STAGES, stage=stage)
    assert list(order.steps) == steps
    assert f"{len(steps)} of 7 checkpoints are of stage {stage}" in order.notes[0]


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("2", "several runs of it: stage2-ingredient1"),
        ("3", "no such stage; the names state stage1"),
        ("4k", "no such"),
    ],
)
def test_a_stage_that_is_none_or_several(stage: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        ordered(STAGES, stage=stage)
    assert refused.value.parameter == "stage"


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (("stage1-*",), ["stage1-step-40000", "stage1-step-80000"]),
        (("*-step-*", "!stage2*"), [STAGES[4], STAGES[5], STAGES[0], STAGES[1]]),
        (("!*stage*", "!final"), [STAGES[4], STAGES[5]]),
        (("*-40000", "final"), [STAGES[0], "final"]),
    ],
)
def test_patterns(patterns: tuple[str, ...], wanted: list[str]) -> None:
    assert list(pairs(ordered(STAGES, patterns=patterns))) == wanted


def test_patterns_that_nothing_matches_and_suffixes() -> None:
    with pytest.raises(InputError, match="none of its 7 checkpoints matches; there are stage1-step-40000") as refused:
        ordered(STAGES, patterns=("step*",))
    assert refused.value.parameter == "filter"
    assert list(ordered(["step1.pt", "step2.pt"], patterns=("step2",)).steps) == [2]


def test_the_order_that_the_user_gives(tmp_path: Path) -> None:
    file = tmp_path / "order.txt"
    with pytest.raises(InputError, match="must be 'natural' or a text file"):
        ordered(["alpha", "beta"], order=str(file))
    file.write_bytes(b"\xef\xbb\xbf# newest last\r\nbeta 10\r\nalpha 7 # seven\r\n\r\n")
    order = ordered(["alpha", "beta", "gamma"], order=str(file))
    assert pairs(order) == {"alpha": 7, "beta": 10}
    assert order.notes == ("theirs: not in order.txt, and left out: gamma",)
    file.write_text("beta\nalpha\ngamma\n")
    assert pairs(ordered(["alpha", "beta", "gamma"], order=str(file))) == {"beta": 0, "alpha": 1, "gamma": 2}
    assert pairs(ordered(["b10", "b9", "a-1"], order="natural")) == {"a-1": 0, "b9": 1, "b10": 2}
    for text, message in (
        ("alpha 1\nalpha 2", "order.txt:2: this name occurs twice"),
        ("alpha 1\nbeta", "1 of 2 names have no step"),
        ("alpha 1\nbeta 1", "steps must be different"),
        ("alpha 1\nbeta 9223372036854775808", r"at most 2\^63"),
        ("delta", "there is no checkpoint 'delta' in theirs"),
        ("", "no names in it"),
        ("\udcff", "not UTF-8 text"),
    ):
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(InputError, match=message):
            ordered(["alpha", "beta", "gamma"], order=str(file))


# --- what trainers wrote ----------------------------------------------------------------------------------------------


@pytest.fixture
def trained(tmp_path: Path) -> Trained:
    """trained({name: content of its trainer_state.json, or None}, ...) -> the order."""

    def make(states: dict[str, str | None], **choice: object) -> Order:
        for name, state in states.items():
            (tmp_path / name).mkdir()
            if state is not None:
                (tmp_path / name / "trainer_state.json").write_text(state)
        return ordered(list(states), tmp_path, **choice)

    return make


def test_a_step_in_a_state_without_one_in_the_name(trained: Trained) -> None:
    order = trained({"x": '{"global_step": 7}', "y": '{"global_step": 3.0}'})
    assert (pairs(order), order.origin) == ({"y": 3, "x": 7}, "global_step in trainer_state.json")


def test_best_and_last_are_the_steps_that_their_states_say(trained: Trained) -> None:
    states = {"checkpoint-5": 5, "checkpoint-9": None, "best": 5, "final": 12}
    order = trained({name: step and json.dumps({"global_step": step}) for name, step in states.items()})
    assert pairs(order) == {"checkpoint-5": 5, "checkpoint-9": 9, "final": 12}
    assert any("best is step 5, and is left out" in note for note in order.notes)


def test_a_state_that_contradicts_the_name(trained: Trained) -> None:
    with pytest.raises(InputError, match=r"checkpoint-5 is step 5, by its trainer_state\.json step 6") as refused:
        trained({"checkpoint-5": '{"global_step": 6}', "checkpoint-7": None})
    assert refused.value.parameter == "ignore_metadata"


@pytest.mark.parametrize(
    "state", ["", "[]", '{"global_step": 1e400}', '{"global_step": "many"}', '{"global_step": -1}', "[" * 9000, "\0{}"]
)
def test_a_state_of_others_is_no_reason_to_refuse(trained: Trained, state: str) -> None:
    order = trained({"step1": state, "step2": None})
    assert pairs(order) == {"step1": 1, "step2": 2}
    assert len(order.notes) == 1
    assert "no `global_step` that is a whole number; it is ignored" in order.notes[0]


def test_two_names_of_one_checkpoint(tmp_path: Path) -> None:
    for name in ("step1", "step2"):
        (tmp_path / name).mkdir()
    (tmp_path / "latest").symlink_to("step2")
    order = ordered(["latest", "step1", "step2"], tmp_path)
    assert pairs(order) == {"step1": 1, "step2": 2}
    assert order.notes == (f"{tmp_path}: latest is step2, and is imported once",)


PIECES = [
    *(
        "step",
        "Step_",
        "global_step",
        "ckpt-",
        "checkpoint_",
        "epoch=",
        "ep",
        "ba",
        "tokens",
        "iter_",
        "stage",
        "seed_",
        "v",
        "lc-",
    ),
    *("0", "1", "2", "10", "007", "1_000", "2.5", "0.1", "99999999999999999999", "k", "M", "B", "bt", "1e3", "²", "٣"),
    *(
        "-",
        "_",
        "=",
        "/",
        ".",
        " ",
        "final",
        "last",
        "best",
        "main",
        "init",
        "refs/pr/",
        HASHES[0],
        "a",
        "\x00",
        "\u202e",
        "\udcff",
    ),
]


def test_any_names_give_an_order_without_losses_or_one_line() -> None:
    """Steps ascend, and what is left out is said; whatever the names are."""
    chance, refused = random.Random(0), list[str]()
    for _ in range(600):
        common = "".join(chance.choices(PIECES, k=chance.randrange(3)))
        ends = ["".join(chance.choices(PIECES, k=chance.randrange(1, 4))) for _ in range(chance.randrange(1, 5))]
        names = sorted({common + end for end in ends})
        try:
            order = ordered(names)
        except InputError as fault:
            refused.append(str(fault))
            continue
        assert list(order.steps) == sorted(set(order.steps))
        assert all(0 <= step < 2**63 for step in order.steps)
        assert len(order.steps) == len(set(order.entries))
        said = " ".join(order.notes)
        assert all(entry.shown in said for entry in map(entry_of, names) if entry not in order.entries)
    assert 100 < len(refused) < 500
    assert all(message.isprintable() for message in refused)
