"""Registries of the components that a scenario or a command can name: forces, dynamics, spaces, shapes, gas sources,
diagnostics, operations, importers.

A component is a `Spec` with a field `kind`; `@register` adds it to the registry of its base class. The modules of a
registry's own package are imported at the first lookup, so that adding a component means adding one file. Plug-ins
register theirs in the same way: a Python file given by the user, or an installed package with an entry point (see
`plugins`).

    class ForceLaw(Spec):
        kind: str

    FORCES = Registry("force", ForceLaw, package="gasfield.forces")
    ForceSpec = Annotated[ForceLaw, FORCES.by_kind]                       # a field of a specification

    @register
    class Harmonic(ForceLaw):
        kind: Literal["harmonic"] = "harmonic"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import walk_packages
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gasfield.plugins import import_installed
from gasfield.printable import did_you_mean
from gasfield.renames import former_name
from gasfield.spec import Spec

S = TypeVar("S", bound=Spec)
C = TypeVar("C", bound=type[Spec])

_REGISTRIES: list[Registry[Any]] = []


class Registry(Mapping[str, type[S]], Generic[S]):
    """Specifications of one type of component by their `kind`; a mapping in alphabetical order.

    Attributes:
        noun: the name of the component in messages: "force".
        base: the class from which all of them derive.
        shorthand: whether the bare name of a kind is accepted for a mapping with only that kind ("motion").
    """

    def __init__(
        self,
        noun: str,
        base: type[S],
        *,
        package: str,
        shorthand: bool = False,
        former_kinds: Mapping[str, str] | None = None,
    ) -> None:
        """An empty registry.

        Args:
            noun: as above.
            base: as above.
            package: dotted name of the package whose modules register the built-in components.
            shorthand: as above.
            former_kinds: former name of a kind -> its present name.
        """
        self.former_kinds = dict(former_kinds or {})
        self.noun, self.base, self.shorthand = noun, base, shorthand
        self._package, self._discovered = package, False
        self._kinds: dict[str, type[S]] = {}
        _REGISTRIES.append(self)

    # --- a mapping ---------------------------------------------------------------------------------------------------

    def __getitem__(self, kind: str) -> type[S]:
        self._discover()
        return self._kinds[kind]

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._kinds))

    def __len__(self) -> int:
        self._discover()
        return len(self._kinds)

    # --- registration ------------------------------------------------------------------------------------------------

    def add(self, spec: type[S]) -> None:
        """Adds a specification under its kind. A class that is redefined, as by an edited notebook cell or plug-in
        file, replaces its previous version.

        Raises:
            ValueError: if it has no kind, or the kind belongs to another class.
        """
        kind = kind_of(spec)
        if not spec.__module__.startswith(f"{self._package}."):
            self._discover()  # so that a plug-in with a built-in kind is refused, not the built-in
        taken = self._kinds.get(kind)
        if taken is not None and _name_of(taken) != _name_of(spec):
            raise ValueError(f"there is already a {self.noun} of kind '{kind}': {_name_of(taken)}")
        self._kinds[kind] = spec

    def remove(self, kind: str) -> None:
        """Removes a specification, for tests of plug-ins."""
        del self._kinds[kind]

    def with_installed(self) -> Registry[S]:
        """The registry itself, after importing installed plug-ins. The lookup of an unknown kind does so
        automatically; an iteration over all kinds needs this call.

        Raises:
            InputError: if one of them fails.
        """
        import_installed()
        return self

    def _discover(self) -> None:
        """Imports every module of the package once."""
        if self._discovered:
            return
        self._discovered = True
        for module in walk_packages(import_module(self._package).__path__, f"{self._package}."):
            import_module(module.name)

    # --- validation --------------------------------------------------------------------------------------------------

    @property
    def by_kind(self) -> _ByKind[S]:
        """The annotation by which a field of a specification accepts any registered kind."""
        return _ByKind(self)

    def validate(self, data: Any) -> S:
        """Validates a mapping by the specification of its `kind`.

        Raises:
            PydanticCustomError: if there is no such kind; the errors are those of a tagged union.
            ValidationError: if its other keys are invalid.
        """
        if isinstance(data, self.base):
            return data
        if self.shorthand and isinstance(data, str):
            data = {"kind": data}
        if not isinstance(data, Mapping):
            wanted = "the name of a kind, or a mapping" if self.shorthand else "a mapping"
            raise PydanticCustomError("dict_type", "Input should be {wanted} with the key 'kind'", {"wanted": wanted})
        if "kind" not in data:
            raise PydanticCustomError("union_tag_not_found", "the key 'kind' is missing")
        data = dict(data)
        data["kind"] = self._present(data["kind"])
        return self._named(data["kind"]).model_validate(data)

    def _present(self, kind: Any) -> Any:
        """The present name of a kind."""
        new = self.former_kinds.get(kind) if isinstance(kind, str) else None
        return new if new is not None and former_name(kind, new) else kind

    def parse(self, given: S | Mapping[str, Any]) -> S:
        """The specification of a mapping, or a specification unchanged: the validation of a field annotated with
        `by_kind`, for use from Python.

        Raises:
            ValidationError: if there is no such kind, or its keys are invalid.
        """
        parsed: S = TypeAdapter(Annotated[Any, self.by_kind]).validate_python(given)
        return parsed

    def _named(self, kind: Any) -> type[S]:
        self._discover()
        if isinstance(kind, str):
            if kind not in self._kinds:
                import_installed()
            if kind in self._kinds:
                return self._kinds[kind]
        raise PydanticCustomError(
            "union_tag_invalid",
            "there is no {noun} of kind '{tag}'; there are {expected_tags}",
            {
                "noun": self.noun,
                "tag": str(kind),
                "expected_tags": ", ".join(f"'{known}'" for known in self),
                "hint": f"{did_you_mean(str(kind), self._kinds)} A plug-in can add others.",
            },
        )


class _ByKind(Generic[S]):
    """Pydantic's view of a registry: validation by `kind`, and a JSON Schema with one alternative for each kind."""

    def __init__(self, registry: Registry[S]) -> None:
        self._registry = registry

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._registry.validate,
            serialization=core_schema.plain_serializer_function_ser_schema(self._dump, info_arg=True),
        )

    def _dump(self, spec: Spec, info: core_schema.SerializationInfo) -> Any:
        """The mapping; the bare name of the kind if all other keys have their defaults."""
        if self._registry.shorthand and not spec.model_dump(exclude_defaults=True):
            return kind_of(type(spec))
        return spec.model_dump(mode=info.mode, by_alias=bool(info.by_alias), exclude_none=info.exclude_none)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        kinds = self._registry
        alternatives = [handler(spec.__pydantic_core_schema__) for spec in kinds.values()]
        if kinds.shorthand:
            alternatives.insert(0, {"enum": list(kinds)})
        return {"oneOf": alternatives, "description": f"Any {kinds.noun}, selected by `kind`."}


def register(spec: C) -> C:
    """Adds a specification to the registry of its base class; a class decorator.

    Raises:
        ValueError: if it derives from no base of a registry, has no kind, or its kind belongs to another class.
    """
    for registry in _REGISTRIES:
        if issubclass(spec, registry.base):
            registry.add(spec)
            return spec
    bases = ", ".join(registry.base.__name__ for registry in _REGISTRIES)
    raise ValueError(f"{spec.__name__} derives from none of {bases}")


def _name_of(spec: type[Spec]) -> str:
    return f"{spec.__module__}.{spec.__qualname__}"


def kind_of(spec: type[Spec]) -> str:
    """The value of the field `kind` of a specification.

    Raises:
        ValueError: if it has no such field, or the field does not have exactly one value.
    """
    field = spec.model_fields.get("kind")
    values = get_args(field.annotation) if field else ()
    if len(values) != 1 or not isinstance(values[0], str):
        raise ValueError(f'{spec.__name__} needs a field such as  kind: Literal["name"] = "name"')
    return values[0]
