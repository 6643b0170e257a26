"""Records the training of any PyTorch model: the motion of rows of its embedding, and the field that moves them.

    recorder = Recorder(model, "run.h5", rows={"dead": dead_ids})
    for batch in batches:
        ...
        optimizer.step()
        recorder.step(loss)
    recorder.close()                    # or: with Recorder(...) as recorder

The frame at step t is the matrix before update t + 1; the field at step t is the one that drives that update.
"""

from __future__ import annotations

import atexit
import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from gasfield.closing import Closing
from gasfield.errors import InputError, Note
from gasfield.files import remove, writing
from gasfield.gas import Gas
from gasfield.recording.async_copy import AsyncCopy
from gasfield.recording.cadence import Cadence, FieldForm, endless_steps
from gasfield.recording.capture import PROBES
from gasfield.recording.field_watch import FieldWatch
from gasfield.recording.incomplete import RecordingWarning
from gasfield.recording.law import LawAtUpdate, LawWatch
from gasfield.recording.layout import Layout, State, StepRecord
from gasfield.recording.matrices import find_matrices
from gasfield.recording.ranks import is_writer, world_size
from gasfield.recording.received import Received
from gasfield.recording.rows import Rows, choose_rows
from gasfield.recording.worker import Worker
from gasfield.resources import check_output
from gasfield.streams import Stream, generator, require_seed
from gasfield.tracers import Tracer
from gasfield.trajectory import schema

_LEAST_PATIENCE = 0.05
_LATTICES = {torch.bfloat16: "bfloat16", torch.float16: "float16", torch.float64: "float64"}


class Recorder(Closing):
    """Opens the file on construction, and records one update after the other.

    Attributes:
        path: the file.
        matrices: embedding and output matrix of the model.
        rows: the followed rows.
        updates: number of updates so far.
        lost: steps missing from the file because the disk was slower than the training.
    """

    def __init__(
        self,
        model: nn.Module,
        path: str | Path,
        *,
        rows: Mapping[str, int | ArrayLike] | ArrayLike | None = None,
        dead: ArrayLike | None = None,
        tracers: Sequence[Tracer] = (),
        every: int = 1,
        field: FieldForm = "affine",
        field_every: int | None = None,
        full_steps: Collection[int] = (),
        survey_steps: Collection[int] | None = None,
        gradients: bool | str = False,
        moments: bool = False,
        parts: str | None = None,
        optimizer: Any = None,
        embedding: str | None = None,
        output: str | None = None,
        matrix: Literal["output", "embedding"] = "output",
        tokens: Sequence[str] | None = None,
        approximate: bool = False,
        seed: int = 0,
        hidden_bits: int = 23,
        survey_bits: int = 23,
        queue: int = 64,
        patience: float | None = None,
        provenance: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Finds the matrices, chooses rows, plants tracers, opens the file and writes the first frame.

        Args:
            model: any model with an embedding.
            path: the file to write.
            rows: group name -> ids, or number of rows to draw by the seed; or ids of one group; 320 rows are drawn by
                default.
            dead: ids of all rows that never occur in training, if known: all of them are observed, and surveyed at
                some steps. A group `dead` of `rows` with ids is equivalent.
            tracers: structures planted in dead rows now, before training.
            every: steps between two frames.
            field: `affine` (about the centroid of the dead rows), `full` (exact: all hidden states), or `none`.
            field_every: steps between two fields, and between two observations of all dead rows; `every` by default. A
                simulation in the field needs 1.
            full_steps: steps that keep the exact field beside the affine one.
            survey_steps: steps that keep all dead rows; 0, 1, 2, 3, 4, 6, 8, 11, 16, ... by default.
            gradients: whether to keep the gradients of the rows, or the group whose gradients are kept; then it is also
                counted, at the steps of the field, how often its rows are targets and inputs.
            moments: whether to keep the optimiser's moments of the rows.
            parts: the group whose gradients are kept in parts, at the steps of the field: the push of all positions,
                the pull of those whose target a row is, and the input side of a tied matrix.
            optimizer: the optimiser, for its moments and the law of motion: its class and options at every update.
            embedding: name of the embedding, if it is not found automatically.
            output: name of the output layer, if it is not found automatically.
            matrix: the matrix whose rows are followed, if the two are not tied.
            tokens: V token strings.
            approximate: record a field even if its form is not exp(w . h) (biases, soft caps, label smoothing); the
                file is marked.
            seed: of the random choices.
            hidden_bits: mantissa bits kept of the hidden states.
            survey_bits: mantissa bits kept of the survey.
            queue: number of steps that may wait for the disk.
            patience: seconds that the training waits for the disk when the queue is full, before the step is lost; the
                duration of a step by default.
            provenance: further metadata on the origin of the file: text and numbers by name.
            overwrite: whether an existing file may be replaced.

        Raises:
            InputError: if there is no such matrix, a row is out of range, or the file exists.
            WriteError: if the file cannot be created.
        """
        self.path = Path(path)
        self.updates = 0
        self.lost: list[int] = []
        self._failure: Exception | None = None
        self.matrices = find_matrices(model, embedding, output)
        self._weight = self.matrices.output if matrix == "output" else self.matrices.embedding
        surveys = endless_steps() if survey_steps is None else survey_steps
        self._cadence = Cadence(every, field_every or every, field, frozenset(full_steps), frozenset(surveys))
        self._optimizer, self._keeps_moments, self._approximate = optimizer, moments, approximate
        self._check(overwrite, tokens, provenance or {})
        seed = require_seed(seed)
        self.rows = choose_rows(self._weight.detach(), rows, dead, tracers, seed)
        self._index, self._dead = self._on_device(self.rows.ids), self._on_device(self.rows.dead)
        self._graded = self._gradients_of(gradients)
        probes = self._on_device(_probes(self.rows, len(self._weight), seed))
        about = self._dead if len(self._dead) else self._index
        self._field = FieldWatch(
            model, self.matrices, self._cadence, probes, self._index, about, approximate=approximate
        )
        live = self._live_group(gradients, parts)
        if live is not None:
            ids = self._index[self._on_device(self.rows.members(live))]
            self._field.follow(model, ids, in_parts=parts is not None)
        self._law = LawWatch(optimizer, self._weight, probes)
        self._received, self._noted, self._autocast = Received(), False, ""
        self._patience, self._last_given = patience, time.monotonic()
        graded = None if gradients is False else "" if gradients is True else gradients
        self._layout = Layout(self._cadence, self.rows, graded, hidden_bits, survey_bits, live)
        self._worker = self._open(model, tokens, seed, provenance or {}, queue) if is_writer() else None
        self._law.listen()
        self._field.listen()
        self._arm()
        atexit.register(self.close)

    # ----------------------------------------------------------------------------------------------------- a step

    def step(self, loss: float | Tensor | None = None) -> None:
        """Records the update just made. Call it after `optimizer.step()`, and before `zero_grad()` unless the optimiser
        is known (`optimizer=`): then the gradient was read at the update.

        Args:
            loss: of this step, if it is to be recorded.

        Raises:
            InputError: at the first step, if the field cannot be recorded as requested.
        """
        step, self.updates = self.updates, self.updates + 1
        if self._worker is not None and self._worker.failure is not None:
            self._give_up()
        if self._worker is None and not self._field.is_shared:
            return
        law = self._law.take()
        record = StepRecord(step, law=law)
        self._received = law.received
        self._note_on_moments(law)
        if self._field.autocast != self._autocast:
            record.news["autocast"] = self._autocast = self._field.autocast
        with torch.no_grad():
            record.field, record.parts = self._field.take(step, self._gradient, law.received.ratio)
            if self._graded is not None and self._cadence.is_frame(step):
                record.gradients = AsyncCopy(self._gradient("graded", self._graded))
            if loss is not None:
                record.loss = AsyncCopy(loss.clone()) if isinstance(loss, Tensor) else float(loss)
            record.after = self._state()
        self._give(record)
        self._arm()

    @property
    def failure(self) -> Exception | None:
        """The error that stopped the writing, or None."""
        return self._failure if self._worker is None else self._worker.failure

    def _state(self) -> State | None:
        """The parts of the current matrix that are kept."""
        step, weight = self.updates, self._weight.detach()
        is_frame = self._cadence.is_frame(step)
        looks = bool(len(self._dead)) and self._cadence.looks_at_dead(step)
        if not (is_frame or looks):
            return None
        moments = self._law.moments()
        keeps = self._keeps_moments or (step == 0 and bool(moments))  # of a training that goes on: needed to replay it
        return State(
            step=step,
            rows=AsyncCopy(weight.index_select(0, self._index)) if is_frame else None,
            dead=AsyncCopy(weight.index_select(0, self._dead)) if looks else None,
            dead_moments=self._means(moments) if looks else {},
            moments=self._of_rows(moments) if is_frame and keeps else {},
        )

    def _means(self, moments: Mapping[str, Tensor]) -> dict[str, AsyncCopy]:
        dead = self._dead
        return {name: AsyncCopy(each.index_select(0, dead).float().mean(dim=0)) for name, each in moments.items()}

    def _of_rows(self, moments: Mapping[str, Tensor]) -> dict[str, AsyncCopy]:
        if not moments and self.updates:
            known = ", ".join(schema.MOMENTS.values())
            raise InputError(f"the optimiser keeps no moments ({known}).", parameter="moments", value=True)
        return {name: AsyncCopy(each.index_select(0, self._index)) for name, each in moments.items()}

    def _gradient(self, name: str, index: Tensor) -> Tensor:
        """The gradient of some rows as the optimiser received it; as it is now if that was not seen."""
        if name in self._received.rows:
            return self._received.rows[name]
        gradient = self._weight.grad
        if gradient is None and self._law.skipped:
            return self._weight.new_zeros((len(index), self._weight.shape[1]))
        if gradient is None:
            raise InputError(
                "recorder.step(): the matrix has no gradient; call it after optimizer.step() and before zero_grad()."
            )
        if gradient.is_sparse:
            raise InputError(
                "recorder.step(): sparse gradients are not recorded; build the embedding with sparse=False."
            )
        return gradient.detach().index_select(0, index)

    def _arm(self) -> None:
        """Prepares the next step: what of it must be taken before the update, or read at it."""
        step = self.updates
        wanted = self._field.arm(step)
        if self._graded is not None and self._cadence.is_frame(step):
            wanted["graded"] = self._graded
        self._law.gradient.wanted = wanted

    def _note_on_moments(self, law: LawAtUpdate) -> None:
        """Says once that a second moment cannot decay in its precision."""
        if not self._noted and (note := law.never_forgets) is not None:
            self._noted = True
            warnings.warn(Note(note), stacklevel=3)

    # ------------------------------------------------------------------------------------------------ to the file

    def _open(
        self, model: nn.Module, tokens: Sequence[str] | None, seed: int, provenance: Mapping[str, Any], queue: int
    ) -> Worker:
        lattice = _LATTICES.get(self._weight.dtype, "float32")
        remove(self.path)
        with writing(self.path):
            writer = self._layout.open(
                self.path, self._gas(tokens), lattice, self._provenance(model, seed) | dict(provenance)
            )
            self._layout.write(writer, StepRecord(step=0, after=self._state()))
            writer.flush()  # so that the file has a frame from the start
        return Worker(writer, queue)

    def _give(self, record: StepRecord) -> None:
        """Queues a step. If the queue is full, the training waits for the duration of a step and no longer."""
        if self._worker is None:
            return
        patience = max(time.monotonic() - self._last_given, _LEAST_PATIENCE)
        if not self._worker.give(
            lambda writer: self._layout.write(writer, record), patience if self._patience is None else self._patience
        ):
            self.lost.append(record.step)
            if len(self.lost) == 1:
                self._warn(
                    f"step {record.step} is not recorded: the disk is slower than the training, and the queue is full. "
                    "Record fewer rows, or increase every"
                )
        self._last_given = time.monotonic()

    def _give_up(self) -> None:
        """Stops recording after a failed write: warns once and lets the training continue."""
        self._let_go()
        self._warn(
            f"recording stopped before step {self.updates}: {self.path} cannot be written ({self.failure}). "
            "The training continues; the file holds the steps before"
        )

    def close(self) -> None:
        """Writes the queued steps and closes the file; warns if that fails. Further calls have no effect."""
        was_open = self._worker is not None
        if (failure := self.finish()) is not None and was_open:
            self._warn(f"{self.path} could not be completed ({failure}); it holds the steps flushed before")

    def finish(self) -> Exception | None:
        """As `close`, but returns the error that stopped the writing instead of warning; None if there was none."""
        atexit.unregister(self.close)
        self._let_go()
        if self._layout.left_out:
            self._warn(
                f"{len(self._layout.left_out)} exact fields are not in {self.path}, the first of them at step "
                f"{self._layout.left_out[0]}: their batches had more positions than the first"
            )
            self._layout.left_out.clear()
        if self.lost:
            self._warn(f"{len(self.lost)} steps are not in {self.path}, the first of them {self.lost[0]}")
            self.lost.clear()
        return self.failure

    def _let_go(self) -> None:
        self._field.release()
        self._law.release()
        worker, self._worker = self._worker, None
        if worker is not None:
            self._failure = worker.finish()

    def _warn(self, text: str) -> None:
        warnings.warn(f"gasfield: {text}.", RecordingWarning, stacklevel=3)

    # --------------------------------------------------------------------------------------------------- helpers

    def _on_device(self, ids: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(ids).to(self._weight.device)

    def _gradients_of(self, group: bool | str) -> Tensor | None:
        if group is False:
            return None
        if group is True:
            return self._index
        return self._index[self._on_device(self.rows.members(self._known(str(group), "gradients")))]

    def _live_group(self, gradients: bool | str, parts: str | None) -> str | None:
        """The group whose occurrences are counted: the one kept in parts, or the one whose gradients are kept."""
        if parts is not None and not self._field.follows:
            raise InputError("needs the field, and a single process.", parameter="parts", value=parts)
        counted = gradients if isinstance(gradients, str) and self._field.follows else None
        return counted if parts is None else self._known(parts, "parts")

    def _known(self, group: str, parameter: str) -> str:
        if group not in self.rows.names:
            raise InputError(f"the groups are {', '.join(self.rows.names)}.", parameter=parameter, value=group)
        return group

    def _check(self, overwrite: bool, tokens: Sequence[str] | None, provenance: Mapping[str, Any]) -> None:
        layer = self.matrices.layer
        if self._cadence.field != "none":
            if self._weight is not self.matrices.output:
                message = "the field moves rows of the output matrix; set field='none'."
                raise InputError(message, parameter="matrix", value="embedding")
            if layer is not None and layer.bias is not None and not self._approximate:
                raise InputError(
                    f"{self.matrices.output_name.removesuffix('.weight')} has a bias: the field is not of the form "
                    "exp(w . h). Set approximate=True (which marks the file), or field='none'."
                )
        if self._keeps_moments and self._optimizer is None:
            raise InputError("needs the optimiser (optimizer=).", parameter="moments", value=True)
        if hasattr(self._weight, "placements"):
            raise InputError("the matrix is sharded over processes (FSDP, tensor parallelism), which is not supported.")
        for name, value in provenance.items():
            if not isinstance(value, str | int | float | bool) and np.asarray(value).dtype.kind not in "biuf":
                message = f"{name} is of type {type(value).__name__}; only text and numbers can be kept."
                raise InputError(message, parameter="provenance")
        if tokens is not None and len(tokens) != len(self._weight):
            raise InputError(f"{len(tokens)} strings for {len(self._weight)} rows.", parameter="tokens")
        if not is_writer():
            return
        check_output(self.path, overwrite=overwrite, parameter="path")

    def _gas(self, tokens: Sequence[str] | None) -> Gas:
        return Gas(
            positions=AsyncCopy(self._weight.index_select(0, self._index)).array(),
            species=self.rows.species,
            names=self.rows.names,
            token_ids=self.rows.ids,
            tokens=[tokens[i] if tokens is not None else "" for i in self.rows.ids],
            bonds=self.rows.bonds,
        )

    def _provenance(self, model: nn.Module, seed: int) -> dict[str, Any]:
        name = self.matrices.output_name if self._weight is self.matrices.output else self.matrices.embedding_name
        return {
            "source": "recording",
            "title": f"{type(model).__name__}, {name}",
            "model": type(model).__name__,
            "matrix": name,
            "tied": self.matrices.tied,
            "vocabulary": len(self._weight),
            "seed": seed,
            "field_is_approximate": self._approximate,
            "processes": world_size(),
            "torch": str(torch.__version__),
            **self._law.at_start(),
        }


def _probes(rows: Rows, count: int, seed: int) -> NDArray[np.int64]:
    """Rows that determine the strength of a position: dead ones if enough are known."""
    pool = rows.dead if len(rows.dead) >= PROBES else np.arange(count)
    chosen = generator(seed, Stream.PROBES).choice(pool, min(PROBES, len(pool)), replace=False)
    return np.sort(chosen).astype(np.int64)
