"""A simulation as its state is kept: to go on later, bit for bit, or to go back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.operations import Operation, StabilityMonitor
from gasfield.simulation.events import Events
from gasfield.simulation.parts import parts_of
from gasfield.simulation.planting import PlantTracers
from gasfield.simulation.snapshot import Snapshot
from gasfield.simulation.state import restore_gas, state_of, under
from gasfield.simulation.stepping import FIRST, Stepping


class Restorable(Stepping):
    """The part of a simulation that gives its state, and goes back to one."""

    _monitor: StabilityMonitor
    _planting: PlantTracers
    _events: Events

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that is needed to go on, bit for bit: arrays by name, as copies."""
        return self._arrangement.state() | self._moving_state(self._own_operations())

    def _moving_state(self, operations: Sequence[Operation]) -> dict[str, NDArray[Any]]:
        """The same without the list of events, and with the state of some operations only."""
        arrays = state_of(self.gas)
        arrays |= {f"law/{name}": array for name, array in self.dynamics.state().items()}
        arrays |= self._monitor.state()
        if self.events:
            arrays["events/work"] = np.array(self._events.work)
        for number, operation in enumerate(self._own_operations()):
            if operation in operations:
                arrays |= {f"operation/{number}/{name}": array for name, array in operation.state().items()}
        return arrays

    def snapshot(self) -> Snapshot:
        """The present state in memory, for `restore`: afterwards everything is as if what has been done since had not
        been, ids and random numbers of planted particles included. A trajectory that is being written is cut back;
        other files stay."""
        rewinding = [operation for operation in self._own_operations() if operation.rewinds]
        return Snapshot(self._moving_state(rewinding), self._arrangement, self._restored, self._waiting)

    def restore(self, state: Mapping[str, NDArray[Any]] | Snapshot, *, further: bool = False) -> None:
        """Goes back, or on, to what `state` or `snapshot` gave: of this simulation, or of one built in the same way.

        Args:
            state: what it gave.
            further: whether the events are those of this simulation, also such as the state does not list, and not
                those that the state lists.

        Raises:
            InputError: if it is the state of another one.
        """
        arrays = state.arrays if isinstance(state, Snapshot) else state
        try:
            known = self._arrangement
            found = state.arrangement if isinstance(state, Snapshot) else known.of_state(arrays, further=further)
            ids = np.asarray(arrays["gas/ids"], np.int64)
            self._take(found, parts_of(ids, found, self.law, self.seed, self._parts.built))
            self._planting.wait_for(self._tracers_to_come(ids))
            self._events.work = float(arrays.get("events/work", 0.0))
            self._events.look()
            restore_gas(self.gas, self.space, arrays)
            self.dynamics.restore(under("law/", arrays))
            if "watch/scale" in arrays:
                self._monitor.restore(arrays)
            for number, operation in enumerate(self._own_operations()):
                own = under(f"operation/{number}/", arrays)
                if own and (operation.rewinds or not self._begun):
                    operation.restore(own)
        except (KeyError, ValueError, IndexError, RecursionError) as fault:
            raise InputError(f"the state is that of another simulation ({fault}).") from None
        self._restored = True
        self._waiting = False
        if isinstance(state, Snapshot):
            self._restored, self._waiting = state.restored or self._begun, state.waiting
        if self._begun:
            for operation in self.operations:
                operation.set_back(self._itself, waiting=self._waiting)

    def leads_on(self, state: Mapping[str, NDArray[Any]]) -> bool:
        """Whether the events of this simulation are those that have led to a state, and others after it."""
        try:
            self._arrangement.of_state(state, further=True)
        except (InputError, KeyError, ValueError):
            return False
        return True

    def _own_operations(self) -> list[Operation]:
        return [operation for operation in self.operations if operation not in self.operations[:FIRST]]
