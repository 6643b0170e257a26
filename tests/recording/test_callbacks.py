"""The real Trainer of transformers and that of Lightning, on tiny random models; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from foreign_models import LIVE, VOCABULARY, Untied, batch, mean_loss, seeded
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import gasfield

pytestmark = pytest.mark.validate
DEAD = np.arange(LIVE, VOCABULARY)


class Sentences(Dataset):
    def __len__(self) -> int:
        return 48

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        ids, targets = batch(index, size=1, length=15)
        return {"input_ids": ids[0], "labels": torch.where(targets[0] < 0, -100, ids[0])}


def gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    size = {"n_layer": 1, "n_head": 2, "n_embd": 16, "n_positions": 32, "vocab_size": VOCABULARY}
    return GPT2LMHeadModel(GPT2Config(**size, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))


def pythia() -> nn.Module:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    size = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 32}
    return GPTNeoXForCausalLM(GPTNeoXConfig(**size, vocab_size=VOCABULARY, max_position_embeddings=32))


def llama() -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    size = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 32}
    return LlamaForCausalLM(LlamaConfig(**size, vocab_size=VOCABULARY, max_position_embeddings=32))


@pytest.mark.parametrize(("make", "tied"), [(gpt2, True), (pythia, False), (llama, False)])
def test_the_field_explains_the_gradients_under_the_trainer_of_transformers(tmp_path: Path, make, tied: bool) -> None:
    from transformers import Trainer, TrainingArguments

    from gasfield.recording.huggingface import RecorderCallback

    arguments = TrainingArguments(
        output_dir=str(tmp_path / "out"), max_steps=6, per_device_train_batch_size=4, gradient_accumulation_steps=2,
        learning_rate=1e-3, max_grad_norm=0.5, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    callback = RecorderCallback(tmp_path / "run.h5", rows={"dead": DEAD, "live": 8}, moments=True)
    Trainer(seeded(make), arguments, train_dataset=Sentences(), callbacks=[callback]).train()
    with gasfield.open(tmp_path / "run.h5") as recording:
        assert list(recording.steps) == list(range(7))
        assert bool(recording.attributes["tied"]) is tied
        assert recording.observable("field_error").values.max() < 1e-5
        assert np.all(recording.observable("gradient_factor").values < 0.9)  # every step was clipped
        moved = recording.positions(recording.members("dead"))
        assert np.all(np.abs(np.diff(moved, axis=0)).max(axis=(1, 2)) > 1e-5)


def test_lightning(tmp_path: Path) -> None:
    import lightning.pytorch as lightning

    from gasfield.recording.lightning import RecorderCallback

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = seeded(Untied)

        def training_step(self, given: list[torch.Tensor]) -> torch.Tensor:
            return mean_loss(self.model(given[0]), given[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=1e-2)

    ids, targets = batch(1, size=64)
    callback = RecorderCallback(tmp_path / "run.h5", rows={"dead": DEAD, "live": 8})
    trainer = lightning.Trainer(
        max_steps=6, accumulate_grad_batches=2, gradient_clip_val=0.01, accelerator="cpu", callbacks=[callback],
        logger=False, enable_checkpointing=False, enable_progress_bar=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Module(), DataLoader(TensorDataset(ids, targets), batch_size=4))
    with gasfield.open(tmp_path / "run.h5") as recording:
        assert list(recording.steps) == list(range(7))
        assert recording.attributes["optimiser"] == "adamw"
        assert recording.observable("field_error").values.max() < 1e-5
        assert np.all(recording.observable("gradient_factor").values < 0.9)
        assert len(recording.observable("loss").values) == 6
