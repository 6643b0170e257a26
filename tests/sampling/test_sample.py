"""`gasfield sample`: counts beside exact probabilities, texts of a chain of tokens, and what is refused."""

from __future__ import annotations

import json
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from tiny_models import write_gpt2
from typer.testing import CliRunner

import gasfield
from gasfield.cli.main import app
from gasfield.errors import InputError
from gasfield.language.base import Decoding, Ids, LanguageModel
from gasfield.sampling.chain import Chain
from gasfield.sampling.texts import draw_texts

LAW = np.array([[0.1, 0.6, 0.3, 0.0], [0.5, 0.1, 0.2, 0.2], [0.3, 0.3, 0.3, 0.1], [0.25, 0.25, 0.25, 0.25]])
"""Row i: the token after token i. The last token ends a text."""
with np.errstate(divide="ignore"):
    LOGITS = np.log(LAW)


class Markov(LanguageModel):
    """The next token depends on the last one only."""

    def __init__(self) -> None:
        self.name, self.vocabulary, self.context, self.end, self.tokenizer = "markov", 4, 100, (3,), None

    def logits(self, ids: Ids) -> np.ndarray:
        return LOGITS[ids]

    def decode(self, prompts: Ids) -> Decoding:
        return _Last(prompts)


class _Last(Decoding):
    def __init__(self, prompts: Ids) -> None:
        self.length, self.logits = prompts.shape[1], LOGITS[prompts[:, -1]]

    def extend(self, tokens: Ids) -> None:
        self.length, self.logits = self.length + 1, LOGITS[tokens]

    def cut(self, length: int) -> None:
        raise NotImplementedError


def test_texts_of_a_markov_chain() -> None:
    """The frequency of each pair of tokens is its probability to 4 standard errors; a text ends with its end token."""
    temperature, count = 0.7, 4000
    texts = draw_texts(Markov(), np.zeros((count, 1), int), Chain.of(temperature=temperature), 3, seed=3)
    law = LAW ** (1 / temperature) / (LAW ** (1 / temperature)).sum(axis=1, keepdims=True)
    pairs = np.zeros((4, 4))
    long = texts.lengths >= 2
    np.add.at(pairs, (texts.tokens[long, 0], texts.tokens[long, 1]), 1.0 / count)
    wanted = law[0][:, None] * law
    assert (np.abs(pairs - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / count) + 1e-12).all()
    assert (np.abs(pairs - LAW[0][:, None] * LAW) > 6 * np.sqrt(wanted / count)).any()  # not the law at T = 1
    every = zip(texts.tokens, texts.lengths, texts.log_p, texts.log_q, strict=True)
    for tokens, length, log_p, log_q in islice(every, 100):
        kept = [0, *tokens[:length]]
        assert 3 not in kept[:-1]
        assert length == 3 or kept[-1] == 3
        steps = list(pairwise(kept))
        np.testing.assert_allclose(log_p.sum(), sum(LOGITS[step] for step in steps))
        np.testing.assert_allclose(log_q.sum(), sum(np.log(law[step]) for step in steps))


def test_texts_do_not_depend_on_the_batch_and_the_end_can_be_forbidden() -> None:
    prompts = np.ones((6, 1), int)
    whole = draw_texts(Markov(), prompts, Chain(), 20, seed=5, ignore_end=True)
    part = draw_texts(Markov(), prompts[:2], Chain(), 20, seed=5, ignore_end=True, rows=[3, 4])
    np.testing.assert_array_equal(part.tokens, whole.tokens[3:5])
    assert (whole.lengths == 20).all()
    assert (whole.tokens != 3).all()
    assert (whole.log_q >= whole.log_p).all()
    assert (whole.log_q > whole.log_p).any()


def test_stateful_processors_follow_each_text() -> None:
    """Mirostat aims at a surprise of 1 bit; a presence penalty makes tokens return less often."""
    prompts = np.zeros((200, 1), int)
    aimed = draw_texts(Markov(), prompts, Chain.of("llama.cpp", mirostat=2, mirostat_tau=1.0), 60, 1, ignore_end=True)
    assert -aimed.log_q[:, 20:].mean() / np.log(2.0) == pytest.approx(1.0, abs=0.05)
    free = draw_texts(Markov(), prompts, Chain(), 2, 1, ignore_end=True)
    shy = draw_texts(Markov(), prompts, Chain.of("vllm", presence_penalty=3.0), 2, 1, ignore_end=True)
    again = [(texts.tokens[:, 0] == texts.tokens[:, 1]).mean() for texts in (free, shy)]
    assert again[1] < 0.3 * again[0]


def test_frequencies_beside_exact_probabilities() -> None:
    found = gasfield.sample(np.array([3.0, 2.0, 1.0]), temperature=0.5, count=100_000, seed=2)
    exact = np.exp([6.0, 4.0, 2.0]) / np.exp([6.0, 4.0, 2.0]).sum()
    for token, p in zip(found.tokens(), exact, strict=True):
        assert token.probability == pytest.approx(p)
        assert token.frequency.error == pytest.approx(np.sqrt(p * (1 - p) / 100_000))
        assert abs(token.frequency.value - p) < 4 * token.frequency.error
    assert found.counts.sum() == 100_000
    np.testing.assert_array_equal(
        found.counts, gasfield.sample(np.array([3.0, 2.0, 1.0]), temperature=0.5, count=100_000, seed=2).counts
    )


def test_the_command_prints_leaves(tmp_path: Path) -> None:
    write_gpt2(tmp_path / "model")
    command = ["sample", str(tmp_path / "model"), "--ids", "1,2,3,2", "--temperature", "0.8", "--top-p", "0.9"]
    options = ["--repetition-penalty", "1.2", "--count", "5000", "--json", "--plots", str(tmp_path / "plots")]
    done = CliRunner().invoke(app, [*command, *options])
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert [stage["processor"]["kind"] for stage in data["stages"]] == ["repetition", "temperature", "top-p"]
    assert data["stages"][2]["mass_removed"].keys() == {"value", "unit", "error"}
    assert data["sample"]["shift"]["distance"]["value"] > 0.0
    assert sum(token["count"]["value"] for token in data["tokens"]) <= 5000
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"law.png", "stages.png"}
    texts = CliRunner().invoke(app, [*command, "--count", "3", "--length", "5"])
    assert texts.exit_code == 0, texts.output
    assert texts.output.count("[log p") == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--row: x.npy: there are 2 positions"),
        (("--row", "7"), "--row 7: x.npy: there is no such position"),
        (("--row", "0", "--temperature", "-1"), "--temperature: should be greater than or equal to 0"),
        (("--row", "0", "--profile", "ollama"), "--profile ollama: there is no such profile"),
        (("--row", "0", "--top-n-sigma", "1"), "--top-n-sigma: transformers has no top-n-sigma"),
        (("--row", "0", "--length", "3"), "--length: needs a model"),
        (("--row", "0", "--count", "0"), "--count: should be at least 1"),
        (("--row", "0", "--seed", "-1"), "--seed"),
        (("--row", "0", "--prompt", "a"), "--prompt"),
        (("--row", "0", "--ids", "9"), "--ids 9: x.npy: token ids are from 0 to 2"),
        (("--row", "0", "--dry-breakers", "a"), "--dry-breakers"),
    ],
)
def test_commands_that_are_refused(tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((2, 3)))
    done = CliRunner().invoke(app, ["sample", str(path), *options])
    assert done.exit_code == 2
    assert says in done.output


def test_lengths_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="exceed the model's context of 100"):
        gasfield.sample(Markov(), ids=[0], length=100)
    with pytest.raises(InputError, match="length"):
        gasfield.sample(Markov(), ids=[0], length=0)
    with pytest.raises(InputError, match="prompt"):
        gasfield.sample(Markov())
