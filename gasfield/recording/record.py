"""Trains the tiny model and records it: from plans to a finished file."""

from __future__ import annotations

import math
import platform
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from gasfield.dynamics.adamw import AdamW
from gasfield.dynamics.rounding_loss import note_on_decay
from gasfield.errors import InputError, Note, WriteError
from gasfield.files import make_folder
from gasfield.provenance import versions
from gasfield.recording.cadence import spread_steps
from gasfield.recording.corpus import Corpus, tokenize
from gasfield.recording.keep import ModelKeeper
from gasfield.recording.plan import RecordingPlan, TrainingPlan
from gasfield.recording.recorder import Recorder
from gasfield.recording.training import Training
from gasfield.resources import check_output, next_free

Progress = Callable[[int, float], None]
"""Called with each step and its loss."""
RECORDINGS = Path("outputs") / "recordings"
"""Default folder of recordings."""


def next_recording() -> Path:
    """The next free name in outputs/recordings."""
    return next_free(RECORDINGS, ".h5")


def record(
    training_plan: TrainingPlan,
    recording_plan: RecordingPlan,
    output: Path,
    *,
    overwrite: bool = False,
    keep_model: Path | None = None,
    keep_steps: int | Sequence[int] = 0,
    progress: Progress = lambda step, loss: None,
    command: str = "",
) -> None:
    """Trains and records. After an interruption (Ctrl-C), which propagates, the file is valid up to the last step.

    Args:
        training_plan: the training.
        recording_plan: what is recorded of it.
        output: file to write.
        overwrite: whether an existing file, or the model in `keep_model`, may be replaced.
        keep_model: folder for the trained model, in GPT-2's layout, written when the training is complete.
        keep_steps: steps at which the model is also kept, each in a folder `keep_model`/step-NNNNNN; step s is after s
            updates, 0 before training. Their number, spread logarithmically, or a list.
        progress: called after each step.
        command: the command line, for the provenance.

    Raises:
        InputError: if the plans do not fit the text, the output exists, or there is no such step to keep.
        WriteError: if the file cannot be written; it keeps the steps written before.
        BlowUp: if the loss becomes non-finite; the file keeps the steps before.
    """
    if output.parent != RECORDINGS or output.exists():  # that folder is created
        check_output(output, overwrite=overwrite)
    full_steps = choose_full_steps(recording_plan, training_plan.steps)
    keeper = _keeper(keep_model, keep_steps, training_plan.steps, overwrite=overwrite)
    corpus = tokenize(training_plan.text, training_plan.geometry.vocabulary, training_plan.dead)
    training = Training(training_plan, corpus)
    _say_what_rounding_takes(training)
    make_folder(output.parent)
    recorder = Recorder(
        training.model,
        output,
        rows={"dead": recording_plan.dead_rows, "live": recording_plan.live_rows},
        dead=corpus.dead_ids,
        tracers=recording_plan.tracers,
        every=recording_plan.every,
        field=recording_plan.field,
        field_every=1,
        full_steps=full_steps,
        survey_steps=spread_steps(recording_plan.survey_steps, training_plan.steps),
        gradients="live",
        parts="live" if recording_plan.parts else None,
        optimizer=training.optimiser,
        tokens=corpus.vocabulary,
        seed=training_plan.seed,
        hidden_bits=recording_plan.hidden_bits,
        survey_bits=recording_plan.survey_bits,
        patience=math.inf,
        provenance=_provenance(training_plan, recording_plan, corpus, command),
        overwrite=overwrite,
    )
    try:
        keeper(training, corpus, 0)
        for step, loss in enumerate(training.losses()):
            if recorder.failure is not None:
                break
            recorder.step(loss)
            keeper(training, corpus, step + 1)
            progress(step, loss)
    finally:
        failure = recorder.finish()
    if failure is not None:
        reason = getattr(failure, "reason", None) or getattr(failure, "strerror", None) or failure
        raise WriteError(output, f"{reason}; it holds the steps that were written before") from failure


def _keeper(
    folder: Path | None, steps: int | Sequence[int], last: int, *, overwrite: bool
) -> Callable[[Training, Corpus, int], None]:
    """Keeps the model of a training after so many updates, where it is to be kept."""
    chosen = _choose(steps, last, "keep_steps")
    if folder is None:
        if chosen:
            raise InputError("the folder to keep models in is missing.", parameter="keep_model")
        return lambda training, corpus, updates: None
    keeper = ModelKeeper(folder, steps=chosen, last=last, overwrite=overwrite)
    return lambda training, corpus, updates: keeper.keep(
        training.model, training.plan.geometry, corpus.tokenizer, updates
    )


def _say_what_rounding_takes(training: Training) -> None:
    """A note if some coordinates of the embedding do not feel the weight decay."""
    plan = training.plan
    if not plan.weight_decay:
        return
    law = AdamW(
        learning_rate=plan.learning_rate,
        betas=plan.betas,
        epsilon=plan.epsilon,
        weight_decay=plan.weight_decay,
        weight_dtype="float32" if plan.precision == "fp32" else "bfloat16",
        moment_dtype="bfloat16" if plan.precision == "bf16" else "float32",
    )
    weights = training.model.embedding.weight.detach().float().numpy()
    if (note := note_on_decay(law, weights)) is not None:
        warnings.warn(Note(note), stacklevel=3)


def choose_full_steps(plan: RecordingPlan, steps: int) -> frozenset[int]:
    """The training steps that keep the exact field.

    Raises:
        InputError: if the plan names a step that the training does not have.
    """
    return frozenset() if plan.field == "none" else _choose(plan.full_steps, steps - 1, "full_steps")


def _choose(wanted: int | Sequence[int], last: int, parameter: str) -> frozenset[int]:
    if isinstance(wanted, int):
        return frozenset(spread_steps(wanted, last))
    outside = [step for step in wanted if not 0 <= step <= last]
    if outside:
        raise InputError(f"the training has the steps 0 to {last}.", parameter=parameter, value=outside[0])
    return frozenset(wanted)


def _provenance(training: TrainingPlan, recording: RecordingPlan, corpus: Corpus, command: str) -> dict[str, Any]:
    lattice = "float32" if training.precision == "fp32" else "bfloat16"
    return {
        "source": "recording",
        "title": f"{corpus.name}, {training.precision}, {training.steps} steps",
        "command": command,
        "training": training.model_dump_json(),
        "recording": recording.model_dump_json(),
        "optimiser": "adamw",
        "learning_rate": training.learning_rate,
        "betas": list(training.betas),
        "epsilon": training.epsilon,
        "weight_decay": training.weight_decay,
        "parameters": lattice,
        "state": "bfloat16" if training.precision == "bf16" else "float32",
        "seed": training.seed,
        "tokenizer": f"byte-level BPE, {training.geometry.vocabulary} tokens, made on the whole text",
        "corpus": corpus.name,
        "corpus_sha256": corpus.digest,
        "tokens_trained_on": len(corpus.ids),
        "dead_rows": int(corpus.dead.sum()),
        "threads": torch.get_num_threads(),
        "platform": f"{platform.system()} {platform.machine()} {sys.byteorder}-endian",
        **versions("torch", "tokenizers"),
    }
