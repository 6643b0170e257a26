"""`gasfield record`: its options are the fields of the training plan and the recording plan."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from gasfield.cli.command import Deferred, parameters_of, with_signature
from gasfield.cli.options import Overwrite, Quiet, Threads
from gasfield.cli.output import put_file
from gasfield.errors import InputError, Interrupted, about
from gasfield.signals import interruptible

_NAMES = {
    "text": "--corpus",
    "learning_rate": "--lr",
    "vocabulary": "--vocabulary-size",
    "sequence": "--sequence-length",
}
"""Field -> option, where their names differ."""


def record(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. Default: outputs/recordings/NNN.h5.")
    ] = None,
    tracers: Annotated[
        Path | None, typer.Option("--tracers", help="YAML with `tracers:` to be placed in dead rows before training.")
    ] = None,
    keep_model: Annotated[
        Path | None,
        typer.Option("--keep-model", metavar="DIR", help="Folder for the trained model, in the layout of GPT-2."),
    ] = None,
    keep_steps: Annotated[
        str,
        typer.Option(
            "--keep-steps",
            metavar="TEXT",
            help="Steps at which the model is also kept, in DIR/step-NNNNNN: a number, or a list (0,10,250).",
        ),
    ] = "0",
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    **fields: Any,
) -> None:
    """Trains a tiny language model on a text and records how its embedding moves."""
    _require_packages()
    import torch

    from gasfield.cli.specification import values_of
    from gasfield.cli.terminal import training_bar
    from gasfield.recording.plan import RecordingPlan, Steps, TrainingPlan
    from gasfield.recording.record import next_recording
    from gasfield.recording.record import record as record_training
    from gasfield.scenario.tracer_file import read_tracers
    from gasfield.spec import parse

    planted = read_tracers(tracers) if tracers else ()
    training = TrainingPlan(**values_of(TrainingPlan, fields))
    recording = RecordingPlan(**values_of(RecordingPlan, fields), tracers=planted)
    with about("keep_steps"):
        kept = parse(Steps, keep_steps)
    if threads:
        torch.set_num_threads(threads)
    output = output or next_recording()
    command = " ".join(["gasfield", *sys.argv[1:]])
    done: list[int] = []
    with training_bar(training.steps, quiet) as listen, interruptible(begun=lambda: bool(done)) as interruption:

        def note(step: int, loss: float) -> None:
            done[:] = [step]
            listen(step, loss)
            if interruption.signal is not None:
                message = f"interrupted; {output} contains all steps so far"
                raise Interrupted(message, signal=interruption.signal)

        record_training(
            training,
            recording,
            output,
            overwrite=overwrite,
            keep_model=keep_model,
            keep_steps=kept,
            progress=note,
            command=command,
        )
    if interruption.signal is not None:
        raise Interrupted(f"interrupted; {output} is complete", signal=interruption.signal)
    if not quiet:
        put_file(output)


class Record(Deferred):
    """`record`, with the fields of its plans as options."""

    renamed = {  # noqa: RUF012
        "--decay": "--weight-decay",
        "--sequence": "--sequence-length",
        "--vocabulary": "--vocabulary-size",
    }

    @staticmethod
    def make() -> Callable[..., None]:
        """`record` with one parameter for each field of the plans."""
        from gasfield.cli.specification import options_of
        from gasfield.recording.plan import RecordingPlan, TrainingPlan

        own = parameters_of(record)
        plans = [*options_of(TrainingPlan, _NAMES), *options_of(RecordingPlan, _NAMES, leave_out=("tracers",))]
        return with_signature(record, [own[0], *plans, *own[1:]])


def _require_packages() -> None:
    for package in ("torch", "tokenizers"):
        if find_spec(package) is None:
            raise InputError(
                f"recording needs the optional package {package}: pip install 'gasfield[record]' "
                "(for a CPU build see the README)."
            )
