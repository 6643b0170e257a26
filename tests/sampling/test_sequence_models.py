"""Whole sequences of a real transformer, which keeps keys and values while chains are cut and grow again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax
from tiny_models import write_gpt2

from gasfield.cli.main import app
from gasfield.language.open import open_model
from gasfield.sampling.sequences.boltzmann import sample_boltzmann
from gasfield.sampling.sequences.law import Window
from gasfield.sampling.sequences.thermodynamics import sequence_thermodynamics

PROMPT, LENGTH = [3, 1, 4], 8


def test_energies_of_chains_are_those_of_their_tokens_in_one_pass(tmp_path: Path) -> None:
    """After cuts, rejections and exchanges: log p of each kept sequence, computed anew."""
    model = open_model(write_gpt2(tmp_path, eos_token_id=7))
    run = sample_boltzmann(Window(model, PROMPT, LENGTH), (0.6, 1.0, 1.6), 2, 20, seed=1, snapshots=20)
    assert 0.0 < np.nanmean(run.acceptance[:, 0]) < 1.0
    assert not (run.tokens == 7).any()
    for at in np.ndindex(*run.energies.shape):
        tokens = run.tokens[at]
        logits = model.logits(np.array([*PROMPT, *tokens[:-1]]))[len(PROMPT) - 1 :].astype(float)
        logits[:, 7] = -np.inf
        energy = -log_softmax(logits, axis=1)[np.arange(LENGTH), tokens].sum()
        assert run.energies[at] == pytest.approx(energy, abs=1e-3)


def test_the_command_and_the_function_give_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_gpt2(tmp_path / "model")
    words = (
        f"thermo {folder} --ids 3,1,4 --length 8 --law boltzmann --chains 2 --moves 20 --seed 5 --temperatures 0.7,1"
    )
    app([*words.split(), "--json"], standalone_mode=False)
    printed = json.loads(capsys.readouterr().out)
    found = sequence_thermodynamics(folder, PROMPT, 8, [0.7, 1.0], law="boltzmann", chains=2, moves=20, seed=5)
    assert printed == json.loads(json.dumps(found.as_json()))
    app(words.split(), standalone_mode=False)
    assert "round trips" in capsys.readouterr().out
    for options, parameter in (
        ("--length 4 --keep 5", "keep"),
        ("--chains 5", "chains"),
        ("--length 400", "length"),
        ("--length 4 --law gibbs", "law"),
        ("--length 4 --ids 3,1", "length"),
    ):
        assert app(f"thermo {folder} --ids 3,1,4 {options}".split(), standalone_mode=False) == 2
        assert f"--{parameter}" in capsys.readouterr().err
