"""Records training with the Trainer of Hugging Face's transformers.

trainer = Trainer(model, ..., callbacks=[RecorderCallback("run.h5", rows={"dead": dead_ids})])
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from gasfield.recording.recorder import Recorder


class RecorderCallback(TrainerCallback):
    """A `Recorder` driven by the Trainer; accepts the arguments of `Recorder` except the model.

    The Trainer does not pass the loss of a step to its callbacks, so the file has none.

    Attributes:
        recorder: from the start of training on; None before.
    """

    def __init__(self, path: str | Path, **options: Any) -> None:
        self.recorder: Recorder | None = None
        self._path, self._options = path, options

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **seen: Any
    ) -> None:
        """Opens the file.

        Raises:
            InputError: as `Recorder` does.
        """
        self.recorder = Recorder(seen["model"], self._path, **{"optimizer": seen.get("optimizer"), **self._options})

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **seen: Any
    ) -> None:
        """Records an update, while its gradients still exist."""
        assert self.recorder is not None
        self.recorder.step()

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **seen: Any) -> None:
        """Closes the file."""
        assert self.recorder is not None
        self.recorder.close()
