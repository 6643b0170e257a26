"""Particles from a trajectory, recorded or simulated."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.scenario.sources.base import GasSource, SourceContext
from gasfield.trajectory import SURVEYED, Trajectory


@register
class FromRecording(GasSource):
    """The rows of one group of a recording, where they were at a step. Bonds come along."""

    kind: Literal["recording"] = "recording"
    file: str
    """A trajectory, recorded or simulated."""
    group: str
    """Name of the group in that file; `survey` for all dead rows, at one of the steps at which all were kept."""
    step: Annotated[int, Field(ge=0)] = 0
    """At which step of the file the rows are taken."""

    def gas(self, context: SourceContext) -> Gas:
        """The rows with their token ids, at the step and time of their frame.

        Raises:
            InputError: if the recording lacks the group or the step, or has other dimensions.
        """
        with Trajectory(context.find(self.file)) as recording:
            context.require_dimensions(recording.dimensions, recording.path)
            if self.group == SURVEYED and SURVEYED not in recording.names and recording.has_survey:
                return self._surveyed(recording, context.name)
            return self._members(recording, context.name)

    def _members(self, recording: Trajectory, name: str) -> Gas:
        members = recording.members(self.group)
        everything = recording.gas(self.step)
        number = np.full(everything.count, -1)
        number[members] = np.arange(len(members))
        bonds = everything.bonds.get(self.group)
        return Gas(
            positions=everything.positions[members],
            names=[name],
            token_ids=everything.token_ids[members],
            tokens=[everything.tokens[i] for i in members],
            bonds={} if bonds is None else {name: number[bonds]},
            step=everything.step,
            time=everything.time,
        )

    def _surveyed(self, recording: Trajectory, name: str) -> Gas:
        survey = recording.survey()
        found = np.flatnonzero(survey.steps == self.step)
        if not len(found):
            steps = ", ".join(map(str, survey.steps))
            raise InputError(f"{recording.path}: no survey at step {self.step}; there are {steps}.")
        positions = survey.values[found[0]]
        return Gas(positions, names=[name], token_ids=recording.survey_ids, step=self.step, time=float(self.step))
