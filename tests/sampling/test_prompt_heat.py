"""Surprisal of a prompt and entropy of the law after it: two measures that are independent of each other."""

from __future__ import annotations

import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.language.base import Decoding, Ids, LanguageModel, Logits
from gasfield.sampling.prompt_heat import prompt_heat, prompt_heat_of
from gasfield.sampling.thermodynamics.thermo import thermo

STATES = 5


class Last(Decoding):
    """The law after prompts that do not grow."""

    def __init__(self, logits: Logits, length: int) -> None:
        self.logits, self.length = logits, length

    def extend(self, tokens: Ids) -> None:
        raise NotImplementedError

    def cut(self, length: int) -> None:
        raise NotImplementedError


class Markov(LanguageModel):
    """The law of the next token depends on the last one only."""

    name, vocabulary, context, end, tokenizer = "markov", STATES, None, (), None

    def __init__(self, moves: np.ndarray) -> None:
        self.moves = moves

    def logits(self, ids: Ids) -> Logits:
        return np.asarray(np.log(self.moves[self.require_ids(ids)]), np.float32)

    def decode(self, prompts: Ids) -> Decoding:
        return Last(self.logits(prompts[:, -1]), prompts.shape[1])


def test_uniform_law_has_the_surprisal_and_the_entropy_of_its_size() -> None:
    heat = prompt_heat_of(np.full((3, STATES), 7.0), np.array([0, 4, 2]))
    np.testing.assert_allclose(heat.surprisal, np.log(STATES), rtol=1e-14)
    np.testing.assert_allclose(heat.entropy, np.log(STATES), rtol=1e-14)
    assert heat.estimates["continuations"].value == pytest.approx(STATES, rel=1e-14)


def test_improbable_is_not_vague_and_probable_is_not_precise() -> None:
    """Logits by hand: (1/2, 1/4, 1/4) after a token of probability 1/16, and certainty after one of 15/16."""
    first = np.log([15 / 16, 1 / 16, 1e-30])
    rows = np.array([first, np.log([0.5, 0.25, 0.25]), first])
    heat = prompt_heat_of(rows, np.array([0, 1, 0]))
    np.testing.assert_allclose(heat.surprisal, [np.log(16), np.log(2)], rtol=1e-12)
    assert heat.entropy[1] == pytest.approx(1.5 * np.log(2), rel=1e-12)
    mean = heat.estimates["surprisal"]
    assert mean.value == pytest.approx(2.5 * np.log(2))
    assert mean.error == pytest.approx(1.5 * np.log(2))  # half the difference of two values


def test_on_its_own_text_surprisal_is_entropy_and_on_foreign_text_it_is_not() -> None:
    """Shannon: on text that the model writes, the mean of s_k - S_(k-1) is 0 within four standard errors (a martingale
    difference); on tokens drawn uniformly it is KL(uniform || law) + ..., above zero by many of them."""
    chance = np.random.default_rng(3)
    model = Markov(chance.dirichlet(np.full(STATES, 0.3), size=STATES) * 0.98 + 0.02 / STATES)
    own = [0]
    for _ in range(1000):
        own.append(int(chance.choice(STATES, p=model.moves[own[-1]])))
    for text, agrees in ((np.array(own), True), (chance.integers(STATES, size=1000), False)):
        heat = prompt_heat(model, text)
        excess = heat.surprisal - heat.entropy[:-1]
        far = abs(excess.mean()) / (excess.std(ddof=1) / np.sqrt(len(excess)))
        assert (far < 4.0) == agrees


@pytest.mark.parametrize(
    ("logits", "ids", "says"),
    [
        (np.zeros((2, 3)), [0], "do not fit a prompt of 1"),
        (np.zeros((1, 3)), [3], "outside the vocabulary of 3"),
        (np.array([[0.0, np.nan]]), [0], "after token 0 are NaN"),
        (np.full((1, 2), -np.inf), [0], "no law"),
    ],
)
def test_what_is_no_law_is_refused(logits: np.ndarray, ids: list[int], says: str) -> None:
    with pytest.raises(InputError, match=says):
        prompt_heat_of(logits, np.array(ids))


def test_a_single_token_has_no_surprisal() -> None:
    found = prompt_heat_of(np.zeros((1, 2)), np.array([1])).estimates
    assert np.isnan(found["surprisal"].value)
    assert found["entropy"].value == pytest.approx(np.log(2))


def test_text_needs_a_tokenizer() -> None:
    with pytest.raises(InputError, match="tokenizer"):
        prompt_heat(Markov(np.eye(STATES)), "text")


def test_thermo_gives_both_for_every_context() -> None:
    """Of the whole law, whatever is kept of it; the surprisal is that of the tokens so far."""
    moves = np.random.default_rng(2).dirichlet(np.ones(STATES), size=STATES)
    ids = [0, 3, 1]
    heat = prompt_heat(Markov(moves), np.array(ids))
    contexts = thermo(Markov(moves), ids=[ids], every_position=True, keep=3).as_json()["contexts"]
    for k, context in enumerate(contexts):
        assert context["prompt"]["entropy"]["value"] == pytest.approx(heat.entropy[k])
        if k:
            assert context["prompt"]["surprisal"]["value"] == pytest.approx(heat.surprisal[:k].mean())
    assert contexts[0]["prompt"]["surprisal"]["value"] is None


def test_of_a_very_long_prompt_thermo_computes_the_last_law_only(monkeypatch: pytest.MonkeyPatch) -> None:
    model, ids = Markov(np.random.default_rng(2).dirichlet(np.ones(STATES), size=STATES)), [[0, 3, 1]]
    (short,) = thermo(model, ids=ids).as_json()["contexts"]
    monkeypatch.setattr("gasfield.sampling.thermodynamics.contexts.MOST", 3 * STATES - 1)
    (long,) = thermo(model, ids=ids).as_json()["contexts"]
    assert long["prompt"]["surprisal"]["value"] is None
    assert short["prompt"]["surprisal"]["value"] is not None
    assert long["thermodynamics"] == short["thermodynamics"]
