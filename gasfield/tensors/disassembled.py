"""What a pickle describes, without unpickling it.

`pickletools` disassembles the pickle; the instructions are followed on data only. A global is a name. A call of a name
for which the caller has a rule gives what the rule makes of its arguments; any other name is refused. Nothing is
imported, and no code of the pickle is ever run.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gasfield.errors import InputError
from gasfield.printable import shortened

_MOST = 5_000_000
"""Instructions that are followed: some seconds."""
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
"""Instructions that push their argument."""
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
Rule = Callable[..., Any]


@dataclass(frozen=True)
class Global:
    """A name that a pickle refers to: "torch.float32"."""

    name: str


@dataclass(eq=False)
class Record:
    """An object of a class without a rule of its own: what its constructor was called with, and its state."""

    name: str
    arguments: tuple[Any, ...]
    state: Any = None


_KEYS = (str, bytes, int, float, type(None), Global, Record)


class UnknownGlobal(InputError):  # noqa: N818
    """A pickle refers to a name that is not allowed."""


def disassemble(
    content: bytes,
    origin: str,
    *,
    rules: Mapping[str, Rule],
    allowed: Callable[[str], bool] = lambda name: False,
    persistent: Rule | None = None,
) -> Any:
    """The data that a pickle describes.

    Args:
        content: the pickle.
        origin: what it is, for messages.
        rules: name of a function or class -> what is made of the arguments of a call.
        allowed: whether a name without a rule may be referred to; it cannot be called.
        persistent: makes a value of a persistent id; without it there must be none.

    Returns:
        Plain data, with `Global`, and what rules and `persistent` return.

    Raises:
        UnknownGlobal: if another name is referred to.
        InputError: if the pickle is too long, or has instructions that no such pickle has.
        Exception: of any type, if it is damaged.
    """
    machine = _Machine(origin, rules, allowed, persistent)
    for count, (code, argument, _) in enumerate(pickletools.genops(content)):
        if count > _MOST:
            raise InputError(
                f"{origin} holds more than {_MOST:,} values beside its tensors; save the state dict of the model alone."
            )
        if code.name == "STOP":
            return machine.stack.pop()
        machine.follow(code.name, argument)
    raise EOFError


def dictionary(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """A dictionary whose keys are plain values, records, or tuples of plain values.

    Python takes the hash of nested tuples by recursion without a limit, which ends the process.

    Raises:
        TypeError: if a key is another value.
    """
    found = {}
    for key, value in pairs:
        flat = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(part, _KEYS) for part in flat):
            raise TypeError
        found[key] = value
    return found


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(
        self, origin: str, rules: Mapping[str, Rule], allowed: Callable[[str], bool], persistent: Rule | None
    ) -> None:
        self.stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._origin, self._rules, self._allowed, self._persistent = origin, rules, allowed, persistent

    def follow(self, name: str, argument: Any) -> None:
        """Follows one instruction."""
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _INSTRUCTIONS:
            _INSTRUCTIONS[name](self, argument)
        else:
            raise InputError(f"{self._origin}: its pickle has the instruction {name}, which is refused.")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def find(self, name: str) -> Global:
        """A global.

        Raises:
            UnknownGlobal: if it is not allowed.
        """
        if name not in self._rules and not self._allowed(name):
            raise UnknownGlobal(
                f"{self._origin}: this is a pickle that refers to {shortened(name)}, beside tensors and plain values; "
                "opening it would run any code that it contains, which gasfield never does."
            )
        return Global(name)

    def call(self, function: Any, arguments: Any) -> None:
        """Pushes what the rule of a function makes of its arguments."""
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise TypeError
        if function.name not in self._rules:
            raise InputError(f"{self._origin}: its pickle calls {shortened(function.name)}, which is refused.")
        self.stack.append(self._rules[function.name](*arguments))

    def marked(self) -> list[Any]:
        """The values since the last mark."""
        values, self.stack = self.stack, self._marked.pop()
        return values

    def mark(self) -> None:
        self._marked.append(self.stack)
        self.stack = []

    def keep(self, index: int | None) -> None:
        """Stores the last value, by default under the next number."""
        self._memo[len(self._memo) if index is None else index] = self.stack[-1]

    def recall(self, index: int) -> None:
        self.stack.append(self._memo[index])

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError
        target.extend(values)

    def update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise TypeError
        target.update(dictionary(zip(values[::2], values[1::2], strict=True)))

    def build(self) -> None:
        """Gives an object its state; what a dictionary or a tensor carries beside its values is left out."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Record):
            self.stack[-1].state = state

    def resolve(self, identity: Any) -> None:
        if self._persistent is None:
            raise InputError(f"{self._origin}: its pickle refers to data outside of it, which is refused.")
        self.stack.append(self._persistent(identity))

    def pop(self, count: int = 1) -> tuple[Any, ...]:
        """The last values, removed."""
        if len(self.stack) < count:
            raise IndexError
        values = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return values


def _qualified(module: str, name: str) -> str:
    return f"{_OLD_MODULES.get(module, module)}.{name}"


def _global(machine: _Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.stack.append(machine.find(_qualified(module, name)))


def _stack_global(machine: _Machine, argument: None) -> None:
    module, name = machine.pop(2)
    if not isinstance(module, str) or not isinstance(name, str):
        raise TypeError
    machine.stack.append(machine.find(_qualified(module, name)))


def _dict(machine: _Machine) -> None:
    values = machine.marked()
    machine.push(dictionary(zip(values[::2], values[1::2], strict=True)))


def _discard(machine: _Machine, argument: None) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.marked()


_INSTRUCTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "MARK": lambda machine, _: machine.mark(),
    "POP": _discard,
    "POP_MARK": lambda machine, _: machine.marked().clear(),
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_SET": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push(machine.marked()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.marked())),
    "FROZENSET": lambda machine, _: machine.push(tuple(machine.marked())),
    "DICT": lambda machine, _: _dict(machine),
    "TUPLE1": lambda machine, _: machine.push(machine.pop(1)),
    "TUPLE2": lambda machine, _: machine.push(machine.pop(2)),
    "TUPLE3": lambda machine, _: machine.push(machine.pop(3)),
    "APPEND": lambda machine, _: machine.extend(list(machine.pop(1))),
    "APPENDS": lambda machine, _: machine.extend(machine.marked()),
    "ADDITEMS": lambda machine, _: machine.extend(machine.marked()),
    "SETITEM": lambda machine, _: machine.update(list(machine.pop(2))),
    "SETITEMS": lambda machine, _: machine.update(machine.marked()),
    "PUT": _Machine.keep,
    "BINPUT": _Machine.keep,
    "LONG_BINPUT": _Machine.keep,
    "MEMOIZE": _Machine.keep,
    "GET": _Machine.recall,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": lambda machine, _: machine.call(*machine.pop(2)),
    "NEWOBJ": lambda machine, _: machine.call(*machine.pop(2)),
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": lambda machine, _: machine.resolve(machine.pop(1)[0]),
}
"""Instruction -> what it does to the machine, given its argument."""
