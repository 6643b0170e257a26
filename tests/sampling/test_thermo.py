"""`gasfield thermo`: a file of logits, a tiny model, a series, every position, pictures, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.conftest import in_this_process

import gasfield
from gasfield.errors import InputError
from gasfield.language.base import Decoding, LanguageModel
from gasfield.sampling.thermodynamics.next_token import UNITS
from gasfield.statistics.canonical import canonical, energies_of

TEMPERATURES = [0.0, 0.8, 1.0, 2.0]


class Bigram(LanguageModel):
    """A model whose law depends on the last token."""

    def __init__(self, states: int = 300, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.table = rng.normal(0.0, 3.0, (states, states)).astype(np.float32)
        self.name, self.vocabulary, self.context, self.end, self.tokenizer = f"bigram-{seed}", states, 16, (), None

    def logits(self, ids):
        return self.table[self.require_ids(ids)]

    def decode(self, prompts):
        decoding = Decoding.__new__(_Fixed)
        decoding.logits, decoding.length = self.table[prompts[:, -1]], prompts.shape[1]
        return decoding


class _Fixed(Decoding):
    def extend(self, tokens):
        raise NotImplementedError

    def cut(self, length):
        raise NotImplementedError


@pytest.fixture
def logits() -> np.ndarray:
    return np.random.default_rng(2).normal(0.0, 3.0, (5, 400))


def test_json_of_a_file_of_logits(logits: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "logits.npy", logits)
    done = in_this_process(["thermo", "logits.npy", "--temperatures", "0,.8,1,2", "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    exact = canonical(energies_of(logits), TEMPERATURES)
    for name, unit in UNITS.items():
        leaf = data["thermodynamics"][name]
        assert leaf["unit"] == unit
        values = getattr(exact, name)
        mean, error = (values, None) if name == "temperature" else (values.mean(0), values.std(0, ddof=1) / 5**0.5)
        np.testing.assert_allclose(leaf["value"], mean, rtol=1e-9, atol=1e-12)
        assert error is None or np.allclose(leaf["error"], error)
    assert {"value", "unit", "error", "criterion", "contexts"} <= set(data["melting_point"])
    assert [context["likeliest"]["states"]["value"] for context in data["contexts"]] == [[100, 400]] * 5
    assert data["contexts"][0]["laws"]["gap_and_tail"]["s"]["error"] > 0
    sorted_energies = np.sort(energies_of(logits[0]))
    favoured = data["contexts"][0]["laws"]["favoured_state"]
    assert favoured["mean"]["value"] == pytest.approx((sorted_energies[1:] - sorted_energies[0]).mean())


def test_pictures_draw_what_was_measured(logits: np.ndarray, tmp_path: Path) -> None:
    found = gasfield.thermo(logits[:3])
    capacity = found.figures()["heat_capacity"]().axes[0].lines[0]
    exact = canonical(energies_of(logits[0]), capacity.get_xdata()).heat_capacity
    np.testing.assert_allclose(capacity.get_ydata(), exact, rtol=1e-9)
    ranked = np.asarray(found.figures()["spectrum"]().axes[2].lines[0].get_ydata())
    assert ranked[0] == 0.0
    assert ranked[-1] == pytest.approx(np.ptp(logits[2]))
    heights = found.figures()["contexts"]().axes[1].lines[0].get_ydata()
    np.testing.assert_allclose(heights, [token.peak.height for token in found.models[0].tokens])
    gasfield.thermo(logits[0]).plot_all(tmp_path / "pictures")
    assert {p.name for p in (tmp_path / "pictures").iterdir()} == {
        "heat_capacity.png", "spectrum.png", "density_of_states.png",
    }  # fmt: skip


def test_every_position_of_a_series_of_models() -> None:
    found = gasfield.thermo([Bigram(), Bigram(seed=1)], ids=[[3, 1, 4], "1,5"], temperatures=[1.0], every_position=True)
    assert [[token.context.length for token in model.tokens] for model in found.models] == [[1, 2, 3, 1, 2]] * 2
    second, fourth = (found.models[0].tokens[k] for k in (1, 3))
    np.testing.assert_array_equal(second.energies, fourth.energies)  # after token 1, both
    data = found.as_json()
    assert [part["model"] for part in data["models"]] == ["bigram-0", "bigram-1"]
    last = gasfield.thermo(Bigram(), ids=[[3, 1, 4]], temperatures=[1.0])
    assert last.as_json()["thermodynamics"] == found.models[0].tokens[2].as_json()["thermodynamics"]


def test_the_likeliest_tokens_keep_their_energies(logits: np.ndarray) -> None:
    """F(1) of the kept ones is -log of their share."""
    kept = gasfield.thermo(logits[0], temperatures=[1.0], keep=50)
    share = np.sort(np.exp(-energies_of(logits[0])))[-50:].sum()
    assert kept.models[0].tokens[0].functions.free_energy[0] == pytest.approx(-np.log(share))
    assert "50 likeliest" in kept.notes[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperatures": [1.0, -1.0]}, "no temperature"),
        ({"keep": 2}, "at least 3"),
        ({"prompt": "hello"}, "read as they stand"),
        ({"every_position": True}, "read as they stand"),
    ],
)
def test_what_does_not_fit_logits_is_refused(arguments: dict, message: str, logits: np.ndarray) -> None:
    with pytest.raises(InputError, match=message):
        gasfield.thermo(logits, **arguments)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temperatures", "1:2"], "--temperatures"),
        (["--temperatures", "warm"], "--temperatures"),
        (["--temperatures=-1"], "--temperatures"),
        (["--prompt", "x"], "--prompt"),
        (["--text", "missing.txt"], "missing.txt"),
    ],
)
def test_the_command_says_what_is_wrong(words: list, message: str, logits: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "logits.npy", logits)
    done = in_this_process(["thermo", "logits.npy", *words], tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_law_of_two_states_has_no_tail() -> None:
    with pytest.raises(InputError, match="2 states"):
        gasfield.thermo([1.0, 0.0, -np.inf])


@pytest.mark.validate
def test_the_published_numbers_of_the_real_model(smollm2: Path) -> None:
    """C at T = .8, 1, 1.2, 2 of SmolLM2-135M-Instruct, and the peaks of both prompts."""
    prompts = ["The capital of France is", "Once upon a time"]
    found = gasfield.thermo(smollm2, prompts, temperatures=[0.8, 1.0, 1.2, 2.0])
    capacities = [token.functions.heat_capacity for token in found.models[0].tokens]
    np.testing.assert_allclose(
        capacities, [[2.469, 6.769, 11.892, 5.766], [0.867, 3.599, 10.809, 6.588]], rtol=0, atol=6e-4
    )
    assert [token.scaling.melting_point for token in found.models[0].tokens] == [
        pytest.approx(1.350, abs=1e-3),
        pytest.approx(1.461, abs=1e-3),
    ]
