"""The process in which a simulation is played: `python -m gasfield.playing.engine`, fed by the server.

Parcels come from the standard input, and go to what was the standard output; whatever libraries print goes to the
standard error. Where the input ends without a word, the server is gone: what was played is kept, and can be resumed.

    to it      {"begin": {...}}, {"ask": text of a message, "from": page}, {"want": true}, {"end": true}
    from it    {"begun": {...}} or {"fault": ...}, {"note": text}, {"to": page, "answer": {...}}, {"all": {...}},
               {"frame": header, "blobs", "who", "under"} with arrays, {"ended": {...}}
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time as clock
import warnings
from typing import Any, BinaryIO

from gasfield.errors import GasfieldError, InputError, Note
from gasfield.kernels.cache import key_by_sources
from gasfield.playing.channel import Broken, Parcel, receive, send
from gasfield.playing.messages import number_of, read_message
from gasfield.playing.pace import Pace
from gasfield.playing.session import Session

_LOOKING = 0.5
"""Seconds after which nobody looks who has asked for no frame."""


class Engine:
    """Steps a session, and does in between what pages ask for."""

    def __init__(self, session: Session, out: BinaryIO, *, unpaced: bool = False) -> None:
        """Plays a session.

        Args:
            session: what is played.
            out: where parcels go.
            unpaced: whether it steps as fast as it can.
        """
        self._session, self._out = session, out
        self._queue: queue.SimpleQueue[Parcel | None] = queue.SimpleQueue()
        self._pace = Pace(unpaced=unpaced)
        self._wanted = self._over = self.lost = False
        self._watched = 0.0
        self._shown: tuple[Any, ...] | None = None
        self._waiting: tuple[int, int] | None = None
        self._hello: dict[str, Any] | None = None
        self._state: dict[str, Any] | None = None
        self._generation = self._under = -1
        self._version = 0

    def listen(self, stream: BinaryIO) -> None:
        """Reads parcels in a thread of its own."""
        threading.Thread(target=self._listen, args=(stream,), name="gasfield-listen", daemon=True).start()

    def _listen(self, stream: BinaryIO) -> None:
        parcel: Parcel | None = Parcel({})
        while parcel is not None:
            try:
                parcel = receive(stream)
            except Broken:
                parcel = None
            self._queue.put(parcel)
            if parcel is None or "want" not in parcel.data:
                self._session.simulation.stop()

    def play(self) -> None:
        """Plays until the end is asked for, or nobody is there any more.

        Raises:
            GasfieldError: if a file cannot be written.
        """
        try:
            self._tell_changes()
            while not self._over:
                self._take_what_came(self._patience())
                if not self._over and not self._session.course.paused and self._pace.is_due(clock.monotonic()):
                    self._step()
                self._answer_steps()
                self._tell_changes()
                self._show()
        except Broken:
            self.lost = True

    # --- what comes in -----------------------------------------------------------------------------------------------

    def _patience(self) -> float | None:
        """Seconds to wait for a parcel; None where nothing else is to be done."""
        now = clock.monotonic()
        if not self._session.course.paused:
            return self._pace.wait(now)
        return self._pace.until_frame(now) if self._wanted and self._is_new() else None

    def _take_what_came(self, patience: float | None) -> None:
        try:
            parcel = self._queue.get(timeout=patience) if patience != 0.0 else self._queue.get_nowait()
            while True:
                self._take(parcel)
                parcel = self._queue.get_nowait()
        except queue.Empty:
            return

    def _take(self, parcel: Parcel | None) -> None:
        if parcel is None:
            self._over = self.lost = True
        elif "ask" in parcel.data:
            self._do(str(parcel.data["ask"]), int(parcel.data["from"]))
        elif "want" in parcel.data:
            self._wanted, self._watched = True, clock.monotonic()
        elif "end" in parcel.data:
            self._over = True

    def _do(self, text: str, page: int) -> None:
        """Does what a message asks for, and answers."""
        try:
            message = read_message(text)
            answer = self._session.take(message)
        except InputError as fault:
            refused = {"id": number_of(text), "message": str(fault)}
            send(self._out, {"to": page, "answer": {"refused": refused}})
            return
        self._version += 1
        self._answer_steps(superseded=message.verb in ("pause", "step", "undo", "restart"))
        if message.verb == "step":
            self._waiting = (page, message.number)
            return
        send(self._out, {"to": page, "answer": {"done": answer}})

    def _answer_steps(self, *, superseded: bool = False) -> None:
        """Answers a message that asked for steps when they are done, or will not be."""
        if self._waiting is None or (self._session.course.left is not None and not superseded):
            return
        page, number = self._waiting
        self._waiting = None
        send(self._out, {"to": page, "answer": {"done": self._session.answer(number)}})

    # --- what goes out -----------------------------------------------------------------------------------------------

    def _step(self) -> None:
        session = self._session
        begun = clock.monotonic()
        steps = self._pace.steps(
            session.course.speed, hurry=session.course.left is not None, watched=begun - self._watched < _LOOKING
        )
        done = session.advance(steps)
        self._pace.note(done, begun, clock.monotonic(), session.course.speed)

    def _tell_changes(self) -> None:
        """Says what is different now."""
        state = self._session.state()
        if self._state is None or {**state, "step": 0} != {**self._state, "step": 0}:
            self._state = state
            send(self._out, {"all": {"state": state}})
        key = (self._version, self._session.view.generation)
        if self._hello is None or key != self._told:
            self._told = key
            hello = self._session.hello()
            if hello != self._hello:
                self._hello = hello
                send(self._out, {"all": {"hello": hello}})

    _told: tuple[int, int] = (-1, -1)

    def _is_new(self) -> bool:
        """Whether there is something that no frame has shown."""
        return self._shown != self._key()

    def _key(self) -> tuple[Any, ...]:
        return (self._session.simulation.gas.step, self._version)

    def _show(self) -> None:
        """Sends a frame, if one is wanted and there is something new."""
        now = clock.monotonic()
        if not self._wanted or not self._is_new() or self._pace.until_frame(now) > 0.0:
            return
        self._wanted = False
        self._pace.frame_at(now)
        self._shown = self._key()
        shot = self._session.view.shot(self._session.touches)
        blobs = list(shot.blobs)
        data: dict[str, Any] = {"frame": shot.header, "blobs": [blob.described() for blob in shot.blobs]}
        if shot.header["generation"] != self._generation:
            self._generation = shot.header["generation"]
            data["who"] = [blob.described() for blob in shot.who]
            blobs += shot.who
        if shot.under_number != self._under:
            self._under = shot.under_number
            data["under"] = {"header": shot.under_header, "blobs": [blob.described() for blob in shot.under]}
            blobs += shot.under
        send(self._out, data, [blob.content for blob in blobs])


def main() -> None:
    """Plays what the first parcel asks for."""
    stream, out = _streams()
    key_by_sources()
    try:
        request = receive(stream).data["begin"]
    except (Broken, KeyError):
        return
    with warnings.catch_warnings():
        _send_notes(out)
        try:
            _play(request, stream, out)
        except GasfieldError as fault:
            _send_fault(out, fault)
        except Broken:
            return


def _play(request: dict[str, Any], stream: BinaryIO, out: BinaryIO) -> None:
    from gasfield.playing.beginning import begin

    playing = begin(request, lambda data: send(out, {"all": data}))
    engine = Engine(playing.session, out, unpaced=bool(request.get("unpaced")))
    send(out, {"begun": {"particles": playing.session.simulation.everyone.count}})
    engine.listen(stream)
    try:
        engine.play()
    except BaseException:
        playing.abandon()
        raise
    if engine.lost:
        playing.abandon()
        return
    send(out, {"ended": playing.end()})


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """Where parcels come from and go to; prints go to the standard error from now on."""
    stream, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout = sys.stderr
    return stream, out


def _send_notes(out: BinaryIO) -> None:
    """Notes go to the server."""
    warnings.simplefilter("always", Note)
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        if issubclass(category, Note):
            send(out, {"note": str(message)})
        else:
            before(message, category, *rest, **more)

    warnings.showwarning = show


def _send_fault(out: BinaryIO, fault: GasfieldError) -> None:
    if isinstance(fault, InputError):
        faults = [
            {"message": each.message, "location": each.location, "parameter": each.parameter, "value": each.value}
            for each in fault.faults
        ]
        send(out, {"fault": {"faults": faults}})
    else:
        send(out, {"fault": {"message": str(fault), "exit_code": fault.exit_code}})


if __name__ == "__main__":
    main()
