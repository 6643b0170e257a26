"""Common behaviour of commands: error messages, renamed options, sections of the help."""

from __future__ import annotations

import inspect
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from gasfield.cli.environment import check_environment
from gasfield.cli.system import say, system_faults
from gasfield.errors import GasfieldError, InputError, Note
from gasfield.renames import RenamedWarning

_KEYS = {"--steps": "run.steps", "--seed": "seed", "--temperature": "temperature"}
"""Options that one may expect -> the key of a scenario by which a command that has `--set` takes the same."""


class Command(TyperCommand):
    """A command that turns errors of gasfield into messages and an exit code.

    Errors name parameters of the library; they are translated into options only here.
    """

    renamed: dict[str, str] = {}  # noqa: RUF012 (a table, replaced by subclasses)
    """Former option -> current option; the former one is accepted with a note."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As in Typer, after replacing former names of options; for a key of a scenario that is no option the message
        says how it is set."""
        self._refuse_keys(self.get_params(ctx), args)
        return super().parse_args(ctx, [self._current(arg) for arg in args])

    def invoke(self, ctx: Any) -> Any:
        """As in Typer; an error of gasfield or of the system ends the command with its exit code."""
        try:
            check_environment()
            with system_faults(), _notes():
                return super().invoke(ctx)
        except InputError as error:
            say(*(self._line(fault) for fault in error.faults))
            raise typer.Exit(error.exit_code) from None
        except GasfieldError as error:
            say(*str(error).splitlines())
            raise typer.Exit(error.exit_code) from None

    def _refuse_keys(self, params: Sequence[Any], args: Sequence[str]) -> None:
        """Ends the command where a key of a scenario is given as an option."""
        own = {option for param in params for option in param.opts}
        for place, arg in enumerate(args):
            name, equals, value = arg.partition("=")
            if name in _KEYS and name not in own and "--set" in own:
                value = value if equals else " ".join(args[place + 1 : place + 2])
                say(f"there is no option {name} here; write --set {_KEYS[name]}={value or 'VALUE'}")
                raise typer.Exit(InputError.exit_code)

    def _current(self, arg: str) -> str:
        name, equals, value = arg.partition("=")
        if name not in self.renamed:
            return arg
        say(f"note: {name} has been renamed {self.renamed[name]}")
        return f"{self.renamed[name]}{equals}{value}"

    def _line(self, fault: InputError) -> str:
        """A fault as a line, with where its keys are described; a parameter without a location in a document belongs to
        this command."""
        line = fault.text(fault.parameter if fault.location else self._option(fault.parameter))
        return line if fault.reference is None else f"{line} See {fault.reference}"

    def _option(self, parameter: str | None) -> str | None:
        """The option of a parameter, matched by its full name or its last part; None for an argument."""
        if parameter is None:
            return None
        for param in self.params:
            if param.name in (parameter, parameter.rpartition(".")[2]):
                return next((option for option in param.opts if option.startswith("--")), None)
        return parameter


@contextmanager
def _notes() -> Iterator[None]:
    """Notes, also of former names of keys and kinds, are printed on stderr, each once."""
    with warnings.catch_warnings():
        for category in (Note, RenamedWarning):
            warnings.simplefilter("always", category)
        show, shown = warnings.showwarning, set[str]()

        def report(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if not issubclass(category, Note | RenamedWarning):
                show(message, category, *rest, **more)
            elif str(message) not in shown:
                shown.add(str(message))
                say(f"note: {message}")

        warnings.showwarning = report
        yield


class Deferred(Command):
    """A command whose options are created on first use, because they depend on imports of the library."""

    _made = False

    @staticmethod
    @abstractmethod
    def make() -> Callable[..., None]:
        """The function, with all options in its signature."""

    def get_params(self, ctx: Any) -> Any:
        """As in Typer; creates the options on the first call."""
        if not self._made:
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command()(self.make())
            made = typer.main.get_command(app)
            self.params, self.callback, self._made = made.params, made.callback, True
        return super().get_params(ctx)


LIBRARY: Any = object()
"""Placeholder for a default that is taken from the function which the command calls."""


def mirror(command: Callable[..., None], source: str) -> type[Deferred]:
    """The class of a command whose defaults are taken from a function.

    Args:
        command: its parameters with the default `LIBRARY` take the default of the parameter of the same name.
        source: "module:function".
    """

    class Mirror(Deferred):
        @staticmethod
        def make() -> Callable[..., None]:
            module, _, name = source.partition(":")
            theirs = inspect.signature(getattr(import_module(module), name)).parameters

            def with_default(own: inspect.Parameter) -> inspect.Parameter:
                mirrored = own.default is LIBRARY and own.name in theirs
                return own.replace(default=theirs[own.name].default) if mirrored else own

            return with_signature(command, [with_default(own) for own in parameters_of(command)])

    return Mirror


def parameters_of(command: Callable[..., None]) -> list[inspect.Parameter]:
    """The parameters of a command with their types, except `**` parameters."""
    hints = get_type_hints(command, include_extras=True)
    return [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]


def with_signature(command: Callable[..., None], parameters: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """The command with another signature for Typer."""

    def call(**options: Any) -> None:
        command(**options)

    call.__doc__ = command.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    return call


class Group(TyperGroup):
    """The program: its help lists the commands in sections."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """A section for each help panel, in the order of the commands."""
        sections: dict[str, list[tuple[str, str]]] = {}
        widest = max(map(len, self.commands))
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            sections.setdefault(panel, []).append((name.ljust(widest), command.get_short_help_str(limit=200)))
        for panel, rows in sections.items():
            with formatter.section(panel):
                formatter.write_dl(rows)
