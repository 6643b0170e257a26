"""Models that a recorded training leaves behind: folders in GPT-2's layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")
pytest.importorskip("tokenizers", reason="recording needs the extra `gasfield[record]`")

import torch
from tokenizers import Tokenizer, models

import gasfield
from gasfield.embedding import open_matrix
from gasfield.errors import InputError, WriteError
from gasfield.language.open import open_model
from gasfield.recording import keep
from gasfield.recording.keep import write_model
from gasfield.recording.model import TinyLanguageModel
from gasfield.recording.plan import Geometry, RecordingPlan, TrainingPlan
from gasfield.recording.record import record

GEOMETRY = {"vocabulary": 300, "dimensions": 8, "feed_forward": 12, "sequence": 8, "layers": 2, "heads": 2}


@pytest.fixture
def plans(tmp_path: Path) -> tuple[TrainingPlan, RecordingPlan]:
    (tmp_path / "text.txt").write_text("\n".join(f"word{i} follows word{i + 1}." for i in range(400)))
    training = {"text": str(tmp_path / "text.txt"), "steps": 5, "batch": 2, "dead": 20, "geometry": GEOMETRY}
    return TrainingPlan.model_validate(training), RecordingPlan(dead_rows=8, live_rows=4, field="none")


def test_kept_models_have_the_recorded_rows(tmp_path: Path, plans: tuple[TrainingPlan, RecordingPlan]) -> None:
    record(*plans, tmp_path / "a.h5", keep_model=tmp_path / "model", keep_steps=(0, 3))
    folders = {0: "model/step-000000", 3: "model/step-000003", 5: "model"}
    with gasfield.open(tmp_path / "a.h5") as recording:
        assert recording.precision == "bfloat16"
        for step, name in folders.items():
            matrix = open_matrix(tmp_path / name / "model.safetensors")
            assert matrix.precision == "bfloat16"
            np.testing.assert_array_equal(matrix.values(recording.token_ids), recording.frame(step))
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert (config["model_type"], config["vocab_size"], config["n_positions"]) == ("gpt2", 300, 8)
    tokenizer = open_model(tmp_path / "model").tokenizer
    assert tokenizer.decode(tokenizer.encode("word7 follows\n")) == "word7 follows\n"


def test_a_kept_model_is_not_replaced_unless_it_may_be(
    tmp_path: Path, plans: tuple[TrainingPlan, RecordingPlan]
) -> None:
    def again(*, overwrite: bool = False, **keep: object) -> None:
        record(*plans, tmp_path / "a.h5", overwrite=overwrite, **keep)

    (tmp_path / "model/step-000002").mkdir(parents=True)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"keep_model .*: this folder is not empty \(it holds step-000002\)"):
        again(keep_model=tmp_path / "model")
    with pytest.raises(InputError, match="step-000002 of another training"):
        again(keep_model=tmp_path / "model", keep_steps=(0, 3), overwrite=True)
    with pytest.raises(InputError, match="is a file"):
        again(keep_model=tmp_path / "file")
    with pytest.raises(InputError, match="keep_steps 6: the training has the steps 0 to 5"):
        again(keep_model=tmp_path / "new", keep_steps=(0, 6))
    with pytest.raises(InputError, match="keep_model: the folder to keep models in is missing"):
        again(keep_steps=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "model", "text.txt"]


def trained(folder: Path, dtype: torch.dtype) -> TinyLanguageModel:
    """A model with random weights, and its folder."""
    geometry = Geometry.model_validate(GEOMETRY | {"initial_spread": 0.4})
    model = TinyLanguageModel(geometry, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    model.to(dtype)
    write_model(folder, model, geometry, Tokenizer(models.BPE()).to_str(), 7)
    return model


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_kept_model_has_the_logits_of_the_training_model(tmp_path: Path, dtype: torch.dtype) -> None:
    model = trained(tmp_path, dtype)
    ids = torch.randint(0, 300, (8,), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        ours = model.float()(ids[None])[0].numpy()
    assert ours.std() > 1
    np.testing.assert_allclose(open_model(tmp_path).logits(ids.numpy()), ours, rtol=0, atol=2e-5)
    with pytest.raises(InputError, match="9 tokens are longer than the model's context of 8"):
        open_model(tmp_path).logits(np.zeros(9, np.int64))


def test_a_folder_that_could_not_be_finished_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(tmp_path, torch.float32)
    open_model(tmp_path)

    def full(path: Path, data: dict) -> Path:
        raise WriteError(path, "No space left on device")

    monkeypatch.setattr(keep, "write_json", full)
    with pytest.raises(WriteError, match="No space left"):
        trained(tmp_path, torch.bfloat16)
    with pytest.raises(InputError, match=r"no config.json in this folder"):
        open_model(tmp_path)


@pytest.mark.validate
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_transformers_gives_the_logits_of_the_training_model(tmp_path: Path, dtype: torch.dtype) -> None:
    transformers = pytest.importorskip("transformers")
    model = trained(tmp_path, dtype)
    theirs, loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(loaded.values())
    ids = torch.randint(0, 300, (3, 8), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        ours, found = model.float()(ids), theirs.float().eval()(ids).logits
    assert ours.std() > 1
    torch.testing.assert_close(found, ours, rtol=0, atol=1e-5)
    for one, other in zip(model.embedding.weight, theirs.transformer.wte.weight, strict=True):
        assert torch.equal(one, other)
