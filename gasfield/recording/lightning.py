"""Records training with Lightning.

trainer = Trainer(..., callbacks=[RecorderCallback("run.h5", rows={"dead": dead_ids})])
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from gasfield.recording.recorder import Recorder


class RecorderCallback(Callback):
    """A `Recorder` driven by Lightning, for automatic optimisation with one optimiser; accepts its arguments.

    Attributes:
        recorder: from the start of training on; None before.
    """

    def __init__(self, path: str | Path, **options: Any) -> None:
        self.recorder: Recorder | None = None
        self._path, self._options = path, options
        self._updates = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Opens the file.

        Raises:
            InputError: as `Recorder` does.
        """
        self._updates = trainer.global_step
        own = {"optimizer": trainer.optimizers[0]} if len(trainer.optimizers) == 1 else {}
        self.recorder = Recorder(pl_module, self._path, **{**own, **self._options})

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Records an update, if this batch completed one."""
        if trainer.global_step == self._updates or self.recorder is None:
            return
        self._updates = trainer.global_step
        self.recorder.step(outputs["loss"] if isinstance(outputs, Mapping) else outputs)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Closes the file."""
        if self.recorder is not None:
            self.recorder.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Closes the file if training fails."""
        self.on_train_end(trainer, pl_module)
