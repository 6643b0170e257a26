"""More laws of motion, to the last bit where their references round correctly: variants of PyTorch's AdamW and SGD,
Lion, Kahan's compensation, float32 masters, and 8-bit moments."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import naive
import numpy as np
import pytest
from gradients import initial_weights, training_gradients
from laws_of_pytorch import DIMENSIONS, ROWS, Step, first_disagreement, of_pytorch, start, words
from prescribed import Prescribed, under

from gasfield.dynamics import SGD, AdamW, Lion, over_steps
from gasfield.dynamics.dynamic_map import SIGNED, UNSIGNED
from gasfield.dynamics.storage import Plan
from gasfield.dynamics.training_law import TrainingLaw
from gasfield.errors import InputError, Note
from gasfield.gas import Gas
from gasfield.kernels.lattices import is_on, round_to

pytestmark = pytest.mark.usefixtures("one_numba_thread")

MOMENTS = {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"}
LARGEST = {"largest_second_moment": "max_exp_avg_sq"}
NOTHING = under(Prescribed(lambda x, step: np.zeros(x.shape)), DIMENSIONS)
SCALE = {"bfloat16": 1.0, "float16": 300.0}
"""Of gradients: as with a loss scaler in float16, where squares below 6e-8 vanish."""


def low(kind: type, precision: str, **constants: object) -> object:
    return kind(**{"learning_rate": 1e-3, **constants}, weight_dtype=precision, moment_dtype=precision)


# --- AdamW and Adam ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "precision", "implementation"),
    [
        ("amsgrad", "bfloat16", "single"),
        ("coupled", "bfloat16", "single"),
        ("maximize", "bfloat16", "single"),
        ("amsgrad", "bfloat16", "foreach"),
        ("maximize", "bfloat16", "fused"),
        ("coupled", "bfloat16", "fused"),
        ("plain", "float16", "single"),
        ("amsgrad", "float16", "fused"),
        ("coupled", "float16", "foreach"),
    ],
)
def test_low_precision_adam_is_bit_equal_over_500_steps(
    torch, variant: str, precision: str, implementation: str
) -> None:
    epsilon = 1e-6 if precision == "float16" else 1e-8  # float16 rounds 1e-8 to zero
    ours: dict = {"epsilon": epsilon, "weight_decay": 4.0, "betas": (0.9, 0.95), "implementation": implementation}
    theirs: dict = {"lr": 1e-3, "eps": epsilon, "weight_decay": 4.0, "betas": (0.9, 0.95)}
    theirs |= {name: implementation == name for name in ("foreach", "fused")}
    if variant == "coupled":
        ours |= {"decoupled_weight_decay": False, "weight_decay": 0.013}
        theirs["weight_decay"] = 0.013
    elif variant != "plain":
        ours[variant] = theirs[variant] = True
    law = low(AdamW, precision, **ours)
    names = MOMENTS | (LARGEST if variant == "amsgrad" else {})
    kind = torch.optim.Adam if variant == "coupled" else torch.optim.AdamW
    assert first_disagreement(law, of_pytorch(torch, kind, precision, names, **theirs), 500, SCALE[precision]) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"amsgrad": True},
        {"maximize": True},
        {"decoupled_weight_decay": False},
        {"weight_rounding": "kahan"},
        {"implementation": "foreach"},
        {"implementation": "fused"},
    ],
    ids=str,
)
def test_a_wrong_variant_is_seen(torch, wrong: dict) -> None:
    theirs = of_pytorch(torch, torch.optim.AdamW, "bfloat16", MOMENTS, lr=1e-3, weight_decay=4.0, betas=(0.9, 0.95))
    law = low(AdamW, "bfloat16", weight_decay=4.0, betas=(0.9, 0.95), **wrong)
    assert first_disagreement(law, theirs, 60) is not None


@pytest.mark.parametrize("variant", [{"amsgrad": True}, {"decoupled_weight_decay": False}], ids=str)
def test_float32_adam_has_the_moments_of_pytorch_and_its_weights_within_the_square_root(torch, variant: dict) -> None:
    """Moments to the bit, from the reference's weights at each step; weights as in `test_adamw_is_pytorch`."""
    law = AdamW(learning_rate=1e-3, weight_decay=0.01, **variant)
    coupled = not law.decoupled_weight_decay
    options = {"lr": 1e-3, "weight_decay": 0.01, "amsgrad": law.amsgrad, "maximize": law.maximize}
    names = MOMENTS | (LARGEST if law.amsgrad else {})
    step_of = of_pytorch(torch, torch.optim.Adam if coupled else torch.optim.AdamW, "float32", names, **options)
    weights = start("float32")
    moments = law.start(weights)
    for step, gradient in enumerate(training_gradients(500, ROWS, DIMENSIONS), start=1):
        before = weights.copy()
        expected = step_of(gradient)
        law.update(weights, gradient, moments, step)
        for name, values in moments.items():
            np.testing.assert_array_equal(words(values), words(expected[name]))
        after = expected["weights"]
        unit = np.spacing(np.maximum(np.abs(after), np.abs(weights))).astype(float)
        assert np.all(
            np.abs(after.astype(float) - weights) <= unit + 4 * 2.0**-23 * np.abs(after.astype(float) - before)
        )
        weights[...] = after


@pytest.mark.parametrize("coupled", [False, True])
def test_float32_weights_are_bit_equal_to_fused_adam(torch, coupled: bool) -> None:
    """Its kernels take the root that the processor has, which is correctly rounded."""
    law = AdamW(learning_rate=1e-3, weight_decay=0.01, decoupled_weight_decay=not coupled, amsgrad=True)
    kind = torch.optim.Adam if coupled else torch.optim.AdamW
    options = {"lr": 1e-3, "weight_decay": 0.01, "amsgrad": True, "fused": True}
    assert first_disagreement(law, of_pytorch(torch, kind, "float32", MOMENTS | LARGEST, **options)) is None


# --- SGD and Lion -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("precision", "implementation"),
    [("float32", "fused"), ("bfloat16", "single"), ("bfloat16", "foreach"), ("float16", "single")],
)
def test_sgd_is_bit_equal_in_every_implementation(torch, precision: str, implementation: str) -> None:
    constants = {"momentum": 0.9, "nesterov": True, "weight_decay": 0.013, "maximize": True}
    law = low(SGD, precision, **constants, learning_rate=0.1, implementation=implementation)
    options = constants | {name: implementation == name for name in ("foreach", "fused")}
    theirs = of_pytorch(torch, torch.optim.SGD, precision, {"momentum": "momentum_buffer"}, lr=0.1, **options)
    assert first_disagreement(law, theirs) is None


def test_fused_sgd_does_not_move_16_bit_weights_on_a_cpu(torch) -> None:
    """If this fails, PyTorch's kernel moves them now, and its arithmetic can be followed."""
    parameter = torch.nn.Parameter(torch.ones(3072, dtype=torch.bfloat16))
    parameter.grad = torch.ones_like(parameter)
    torch.optim.SGD([parameter], lr=0.5, fused=True).step()
    assert (parameter == 1).all()


def fused_sgd(device: str | None, **given: object) -> SGD:
    """The law of a recorded training, by its device."""
    training = TrainingLaw(
        path=Path("mine.h5"), optimiser="sgd", first=0,
        numbers={"learning_rate": 0.5, "weight_decay": 0.0, "momentum": 0.9, "dampening": 0.0},
        series={}, updates=None, options={"fused": True}, weight_dtype="bfloat16", has_master=False, device=device,
        moment_dtypes={"momentum": "bfloat16"}, steps_before=0,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(over_steps, "read_training_law", lambda name, find: training)
        return SGD.model_validate({"from": "mine.h5", **given}).resolved([], Path)


def test_fused_sgd_is_replayed_or_refused_by_the_device_of_the_recording() -> None:
    """On a GPU the kernel moves 16-bit weights, in float32 rounded where it is stored; on a CPU it does not."""
    for device, words_of in (("cpu", "fused SGD on bfloat16 weights. On a CPU"), (None, "a CPU is assumed")):
        with pytest.raises(InputError, match=words_of):
            fused_sgd(device)
        assert fused_sgd(device, implementation="single").fixed.rounds_each_operation
    law = fused_sgd("cuda").fixed
    assert (law.implementation, law.rounds_each_operation) == ("fused", False)
    gas = Gas(start("bfloat16").astype(np.float64), np.zeros(ROWS, np.int64), ["a"], np.arange(ROWS), [""] * ROWS)
    with pytest.warns(Note, match="as on a GPU"):  # what a scenario asks for by itself
        SGD(learning_rate=0.5, weight_dtype="bfloat16", implementation="fused").build(gas, NOTHING)


def lion(torch, precision: str, rate: float, betas: tuple[float, float], decay: float) -> Step:
    """Algorithm 2 of arXiv 2302.06675 in PyTorch's operations."""
    weights = torch.from_numpy(start(precision)).to(getattr(torch, precision))
    momentum = torch.zeros_like(weights)

    def step(gradient: np.ndarray) -> Mapping[str, np.ndarray]:
        g = torch.from_numpy(gradient).to(weights.dtype)
        weights.mul_(1 - rate * decay)
        weights.add_((momentum * betas[0] + g * (1 - betas[0])).sign(), alpha=-rate)
        momentum.mul_(betas[1]).add_(g, alpha=1 - betas[1])
        return {"weights": weights.float().numpy().copy(), "momentum": momentum.float().numpy().copy()}

    return step


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_lion_is_bit_equal_over_500_steps(torch, precision: str) -> None:
    law = low(Lion, precision, weight_decay=4.0)
    assert first_disagreement(law, lion(torch, precision, 1e-3, (0.9, 0.99), 4.0)) is None
    assert first_disagreement(law, lion(torch, precision, 1e-3, (0.9, 0.98), 4.0), 30) is not None


def test_lion_moves_every_coordinate_by_the_learning_rate() -> None:
    weights = np.zeros((3, 4), np.float32)
    gradient = np.array([[1e-9, 3.0, -2.0, 0.0]] * 3, np.float32)
    law = Lion(learning_rate=2.0**-7)
    law.update(weights, gradient, law.start(weights), 1)
    np.testing.assert_array_equal(weights[0], [-(2.0**-7), -(2.0**-7), 2.0**-7, 0.0])


# --- how weights are stored -------------------------------------------------------------------------------------------


def kahan(torch, precision: str) -> Step:
    """AdamW in PyTorch's operations on tensors, its update added as in AnyPrecisionAdamW of torchdistx."""
    weights = torch.from_numpy(start(precision)).to(getattr(torch, precision))
    first, second, lost = (torch.zeros_like(weights) for _ in range(3))
    count = 0

    def step(gradient: np.ndarray) -> Mapping[str, np.ndarray]:
        nonlocal count
        count += 1
        g = torch.from_numpy(gradient).to(weights.dtype)
        weights.mul_(1 - 1e-4 * 4.0)
        first.lerp_(g, 1 - 0.9)
        second.mul_(0.95).addcmul_(g, g, value=1 - 0.95)
        root = (second.sqrt() / (1 - 0.95**count) ** 0.5).add_(1e-8)
        lost.addcdiv_(first, root, value=-(1e-4 / (1 - 0.9**count)))
        before = weights.clone()
        weights.add_(lost)
        lost.add_(before.sub_(weights))
        found = {"weights": weights, "first_moment": first, "second_moment": second, "lost": lost}
        return {name: tensor.float().numpy().copy() for name, tensor in found.items()}

    return step


def test_kahan_compensation_is_bit_equal_over_500_steps(torch) -> None:
    law = low(AdamW, "bfloat16", learning_rate=1e-4, betas=(0.9, 0.95), weight_decay=4.0, weight_rounding="kahan")
    assert first_disagreement(law, kahan(torch, "bfloat16")) is None


def test_what_is_lost_is_kept_and_a_small_step_acts() -> None:
    """Steps of 1/20 of half a cell: after 200 of them rounding to nearest has not moved, and the others have, by the
    sum of the steps; the compensation itself rounds each step, to 2^-5 of it."""
    step, count = 2.0**-9 / 20, 200
    moved = {}
    for rounding in ("nearest", "kahan", "master"):
        law = SGD(learning_rate=step, weight_dtype="bfloat16", gradient_dtype="float32", weight_rounding=rounding)
        weights = np.full((1, 8), 0.75, np.float32)
        moments = law.start(weights)
        for number in range(1, count + 1):
            law.update(weights, np.ones_like(weights), moments, number)
        assert is_on(weights, "bfloat16").all()
        moved[rounding] = 0.75 - (weights + moments.get("lost", 0)).astype(float)[0, 0]
        if rounding == "master":
            assert 0.75 - float(moments["master"][0, 0]) == pytest.approx(count * step, rel=1e-3)
            np.testing.assert_array_equal(weights, round_to(moments["master"], "bfloat16"))
    assert moved["nearest"] == 0.0
    assert moved["kahan"] == pytest.approx(count * step, rel=0.05)
    assert moved["master"] == pytest.approx(count * step, abs=2.0**-8)


def test_a_master_is_the_float32_law_and_its_view_is_published_over_500_steps(torch) -> None:
    """The same bfloat16 gradients move it exactly as PyTorch's fused AdamW moves float32 weights."""
    options = {"lr": 1e-3, "weight_decay": 0.1, "fused": True}
    law = AdamW(learning_rate=1e-3, weight_decay=0.1, weight_dtype="bfloat16", weight_rounding="master")

    def reference() -> Step:
        single = of_pytorch(torch, torch.optim.AdamW, "float32", MOMENTS, start("bfloat16"), **options)

        def step(gradient: np.ndarray) -> Mapping[str, np.ndarray]:
            found = single(round_to(gradient, "bfloat16"))
            view = torch.from_numpy(found["weights"]).to(torch.bfloat16).float().numpy()
            return {**found, "master": found["weights"], "weights": view}

        return step

    assert first_disagreement(law, reference()) is None
    assert first_disagreement(law.model_copy(update={"weight_rounding": "nearest"}), reference(), 30) is not None


def stored_in(torch, kept: Mapping[str, str], **options: object) -> Step:
    """PyTorch's fused AdamW in float32, whose weights, gradients and moments PyTorch casts to formats and back."""
    parameter = torch.nn.Parameter(torch.from_numpy(start(kept["weights"])))
    optimiser = torch.optim.AdamW([parameter], fused=True, **options)

    def cast(tensor, precision: str):
        return tensor.detach().to(getattr(torch, precision)).float()

    def step(gradient: np.ndarray) -> Mapping[str, np.ndarray]:
        parameter.grad = cast(torch.from_numpy(gradient), kept["weights"])
        optimiser.step()
        tensors = {"weights": parameter.data, **{name: optimiser.state[parameter][of] for name, of in MOMENTS.items()}}
        for name, tensor in tensors.items():
            tensor.copy_(cast(tensor, kept[name]))
        return {name: tensor.numpy().copy() for name, tensor in tensors.items()}

    return step


@pytest.mark.parametrize(
    ("weights", "first", "second"),
    [
        ("float8_e4m3fn", "float8_e4m3fn", "float8_e4m3fn"),
        ("float8_e5m2", "float8_e5m2", "float8_e5m2"),
        ("float8_e4m3fn", "bfloat16", "float32"),
    ],
)
def test_float8_is_bit_equal_over_500_steps(torch, weights: str, first: str, second: str) -> None:
    """Every bit but the sign of a zero moment; by steps of about a cell, of gradients whose squares do not vanish."""
    law = AdamW(
        learning_rate=4e-3, weight_decay=0.5, weight_dtype=weights, first_moment_dtype=first, second_moment_dtype=second
    )
    kept = {"weights": weights, "first_moment": first, "second_moment": second}
    assert first_disagreement(law, stored_in(torch, kept, lr=4e-3, weight_decay=0.5), scale=300.0) is None
    assert first_disagreement(law, stored_in(torch, kept, lr=4.1e-3, weight_decay=0.5), 60, scale=300.0) is not None


@pytest.mark.parametrize(
    "kept",
    [
        ("float16", "float32", "float32"),
        ("float8_e4m3fn", "bfloat16", "float16"),
        ("float8_e5m2", "float8_e5m2", "float8_e5m2"),
        ("float32", "float8_e4m3fn", "bfloat16"),
    ],
    ids="-".join,
)
def test_every_mix_of_formats_is_float32_arithmetic_rounded_where_it_is_stored(kept: tuple[str, str, str]) -> None:
    constants = {"learning_rate": 0.02, "betas": (0.9, 0.999), "epsilon": 1e-8, "weight_decay": 0.5}
    law = AdamW(**constants, weight_dtype=kept[0], first_moment_dtype=kept[1], second_moment_dtype=kept[2])
    weights = round_to(initial_weights(5, 5), kept[0])
    moments = law.start(weights)
    for step, gradient in enumerate(training_gradients(4, 5, 5), start=1):
        gradient = 3 * gradient
        elements = zip(weights.flat, gradient.flat, *(each.flat for each in moments.values()), strict=True)
        expected = [
            naive.adamw_element(*map(float, each), step=step, kept=naive.Precisions(*kept), **constants)
            for each in elements
        ]
        law.update(weights, gradient, moments, step)
        for ours, theirs in zip((weights, *moments.values()), np.transpose(expected), strict=True):
            np.testing.assert_array_equal(ours.ravel().astype(float), theirs)


@pytest.mark.parametrize(
    ("kind", "precision"), [(AdamW, "float32"), (AdamW, "bfloat16"), (SGD, "float8_e5m2"), (Lion, "float16")]
)
def test_tiles_have_the_bits_of_the_plain_loop(kind: type, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two pieces and a part of a tile, with weights and moments in one format, and with float32 moments."""
    found = {}
    for tiled in (False, True):
        monkeypatch.setattr(Plan, "is_plain", property(lambda plan: not tiled))  # noqa: B023
        for kept in (precision, "float32"):
            law = kind(learning_rate=1e-2, weight_decay=0.5, weight_dtype=precision, moment_dtype=kept)
            weights = round_to(initial_weights(101, 47), precision)
            moments = law.start(weights)
            for step, gradient in enumerate(training_gradients(3, 101, 47), start=1):
                law.update(weights, gradient, moments, step)
            found[tiled, kept] = [array.tobytes() for array in (weights, *moments.values())]
    for kept in (precision, "float32"):
        assert found[False, kept] == found[True, kept]


# --- 8-bit moments ----------------------------------------------------------------------------------------------------


def dynamic_map(signed: bool) -> list[Fraction]:
    """The map of arXiv 1511.04561 in decimal fractions: in decade k, the middles of equal parts of [.1, 1] 10^(k-6)."""
    values = {Fraction(0), Fraction(1)}
    for decade in range(7):
        parts = 2**decade if signed else 2 ** (decade + 1)
        for part in range(parts):
            middle = (Fraction(1, 10) + Fraction(9, 10) * Fraction(2 * part + 1, 2 * parts)) / 10 ** (6 - decade)
            values |= {middle, -middle} if signed else {middle}
    return sorted(values)


def in_blocks(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Each block of 256 as the nearest of its levels times its largest size, by a search of all levels."""
    blocks = values.reshape(-1, 256)
    scale = np.maximum(np.abs(blocks).max(axis=1, keepdims=True), np.float32(1e-12))
    numbers = blocks / scale
    upper = np.clip(np.searchsorted(levels, numbers, side="right"), 1, 255)
    down, up = levels[upper - 1], levels[upper]
    return (np.where(numbers - down >= (up - down) * np.float32(0.5), up, down) * scale).reshape(values.shape)


def test_the_8_bit_maps_are_those_of_their_definition() -> None:
    for signed, levels in ((True, SIGNED), (False, UNSIGNED)):
        expected = np.array([float(value) for value in dynamic_map(signed)]).astype(np.float32)
        assert len(expected) == 256
        np.testing.assert_array_equal(levels, expected)


def test_8_bit_moments_are_those_of_an_oracle_over_500_steps() -> None:
    """float32 arithmetic as in `test_adamw_is_pytorch`, fused products in float64; then the map, block by block."""
    law = AdamW(learning_rate=1e-3, moment_dtype="blockwise_8bit")
    levels = {signed: np.array([float(value) for value in dynamic_map(signed)], np.float32) for signed in (True, False)}
    weights, expected = start("float32"), start("float32")
    moments = law.start(weights)
    m, v = np.zeros_like(weights), np.zeros_like(weights)
    for step, g in enumerate(training_gradients(500, ROWS, DIMENSIONS), start=1):
        law.update(weights, g, moments, step)
        s = law.scalars(step)
        m = (s.gain1.astype(float) * (g - m) + m.astype(float)).astype(np.float32)
        v = ((s.gain2 * g).astype(float) * g + (v * s.beta2).astype(float)).astype(np.float32)
        expected = expected + (s.negative_step * m) / (np.sqrt(v) / s.correction + s.epsilon)
        m, v = in_blocks(m, levels[True]), in_blocks(v, levels[False])
        for ours, theirs in zip((weights, *moments.values()), (expected, m, v), strict=True):
            np.testing.assert_array_equal(words(ours), words(theirs), str(step))
    assert len(np.unique(np.abs(m.reshape(-1, 256)[4]))) <= 129


def test_blocks_across_rows_are_noted() -> None:
    law = AdamW(learning_rate=1e-3, second_moment_dtype="blockwise_8bit")
    with pytest.warns(Note, match="blocks of 256 coordinates go across rows of 64"):
        motion = law.build(Gas(start("float32")), NOTHING)
    assert not law.by_rows
    assert set(motion.state()) == {"first_moment", "second_moment", "step_count"}


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"weight_dtype": "float8"},
        {"moment_dtype": "8bit"},
        {"weight_dtype": "blockwise_8bit"},
        {"weight_rounding": "up"},
        {"moment_rounding": "kahan"},
        {"gradient_dtype": "int8"},
        {"decoupled_weight_decay": "no"},
    ],
    ids=str,
)
def test_faulty_choices_are_refused(fault: dict) -> None:
    with pytest.raises(InputError) as refused:
        AdamW(**{"learning_rate": 1e-3, **fault})
    assert str(refused.value.parameter) == next(iter(fault))
