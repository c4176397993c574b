"""Names of what can be chosen: what is built in, and what installed plug-ins add."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from adl_jax.inert import quoted, shown
from adl_jax.result import InputError


T = TypeVar("T")


class PluginError(InputError):
    """A plug-in that cannot be used; the message names it, the reason and the fix."""

    def __init__(self, problem: str, fix: str):
        """Keeps both halves of the message."""
        super().__init__(f"{problem}; fix: {fix}")
        self.problem, self.fix = problem, fix


class Plugin(NamedTuple):
    """An entry point that an installed distribution has for us."""

    group: str
    name: str
    distribution: str
    version: str
    value: str
    problem: str
    """Why it cannot be used and what to do; empty where it can."""


class Registry(Mapping[str, Callable[..., T]], Generic[T]):
    """Named constructors of one kind of part, each with defaults that need no tuning.

    Names that are built in come first and always win. Others are asked of installed
    distributions, by their entry points, when a name is not built in or names are listed;
    a plug-in is imported when it is looked up and not before.

    **Arguments:**

    - `kind`: what the parts are, for the error messages.
    - `base`: the class of every part; plug-ins are held to it.
    - `group`: the group of entry points that add parts; none do if not given.
    - `takes`: arguments that every constructor has to take.
    """

    def __init__(
        self,
        kind: str,
        base: type[T] | None = None,
        group: str | None = None,
        *,
        takes: Sequence[str] = (),
    ):
        """Starts empty."""
        self._kind, self._base, self._takes = kind, base, takes
        self._constructors: dict[str, Callable[..., T]] = {}
        self._loaded: dict[str, Callable[..., T]] = {}
        self._group = group
        if group is not None:
            _OPEN[group] = self

    def register(self, name: str, constructor: Callable[..., T]) -> None:
        """Adds a part under a name that nothing else has."""
        if name in self._constructors:
            raise ValueError(f"there is a {self._kind} named {name!r} already")
        self._constructors[name] = constructor

    @property
    def built_in(self) -> Mapping[str, Callable[..., T]]:
        """Those that no plug-in added."""
        return MappingProxyType(self._constructors)

    def __getitem__(self, name: str) -> Callable[..., T]:
        """The constructor of that name.

        **Raises:** `KeyError` that lists the names there are; `PluginError`, an
        `InputError`, where a plug-in has the name and cannot be used.
        """
        for known in (self._constructors, self._loaded):
            if name in known:
                return known[name]
        if name in self._added():
            self._loaded[name] = self._load(name)
            return self._loaded[name]
        names = ", ".join(map(shown, self))
        raise KeyError(f"no {self._kind} named {quoted(name)}; there are: {names}")

    def __contains__(self, name: object) -> bool:
        """Whether the name is known; a plug-in is not imported for that."""
        return name in self._constructors or name in self._added()

    def __iter__(self) -> Iterator[str]:
        """Names in the order they were registered, then those of plug-ins."""
        yield from self._constructors
        yield from (name for name in self._added() if name not in self._constructors)

    def __len__(self) -> int:
        """How many there are."""
        return sum(1 for _ in self)

    def plugins(self) -> list[Plugin]:
        """What distributions add or try to add, each of them loaded."""
        return [
            _described(one, self._problem(one))
            for ones in self._added().values()
            for one in ones
        ]

    def _added(self) -> dict[str, list[EntryPoint]]:
        if self._group is None:
            return {}
        found: dict[str, list[EntryPoint]] = {}
        for one in _declared(self._group):
            found.setdefault(one.name, []).append(one)
        return found

    def _problem(self, one: EntryPoint) -> str:
        try:
            if one.name in self._constructors:
                raise _refusal(
                    self._kind,
                    one,
                    f"a {self._kind} that is built in has that name, and wins",
                    "give the entry point another name",
                )
            self._load(one.name)
        except PluginError as error:
            return str(error)
        return ""

    def _load(self, name: str) -> Callable[..., T]:
        one, *others = self._added()[name]
        if others:
            both = " and ".join(_distribution(each) for each in (one, *others))
            why = f"{both} both have one of that name"
            raise _refusal(self._kind, one, why, f"uninstall one of {both}")
        try:
            constructor = one.load()
            self._check(constructor)
        except (Exception, SystemExit) as error:
            why = f"{type(error).__name__}: {shown(str(error), 300)}"
            fix = f"repair it, or pip uninstall {_distribution(one)}"
            raise _refusal(self._kind, one, why, fix) from error
        return constructor

    def _check(self, constructor: Any) -> None:
        """Makes one, so that what is wrong is found where it can be explained."""
        if not callable(constructor):
            raise TypeError(f"it is {type(constructor).__name__}, no class or function")
        part = constructor()
        if self._base is not None and not isinstance(part, self._base):
            raise TypeError(f"it made {type(part).__name__}, no {self._base.__name__}")
        inspect.signature(constructor).bind_partial(**dict.fromkeys(self._takes))


def installed_plugins() -> list[Plugin]:
    """Every entry point for us, usable or not, those of groups that do not exist too."""
    found = [plugin for registry in _OPEN.values() for plugin in registry.plugins()]
    groups = ", ".join(_OPEN)
    lost = [
        _described(one, f"there is no group {shown(one.group)}; fix: use {groups}")
        for group in sorted(entry_points().groups)
        if group.startswith("adl_jax.") and group not in _OPEN
        for one in _declared(group)
    ]
    return found + lost


def plugin_versions(*parts: Any) -> dict[str, str]:
    """Distributions with plug-ins whose classes or functions the parts are made of.

    Numbers alone, such as those of a preset that fills in a class of ours, are in the
    part itself.
    """
    packages = {module.partition(".")[0] for part in parts for module in _modules(part)}
    used = {
        _distribution(one): _version(one)
        for group in _OPEN
        for one in _declared(group)
        if one.module.partition(".")[0] in packages
    }
    return dict(sorted(used.items()))


def _modules(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        part = tuple(part.values())
    if isinstance(part, list | tuple):
        for one in part:
            yield from _modules(one)
    elif dataclasses.is_dataclass(part):
        for kind in type(part).__mro__:
            yield kind.__module__
        for field in dataclasses.fields(part):
            yield from _modules(getattr(part, field.name))
    elif callable(part):
        yield getattr(part, "__module__", None) or type(part).__module__


_OPEN: dict[str, Registry[Any]] = {}
"""Registries that plug-ins can add to, by group."""


@functools.cache
def _declared(group: str) -> EntryPoints:
    return entry_points(group=group)


def _distribution(one: EntryPoint) -> str:
    return "an unnamed distribution" if one.dist is None else shown(one.dist.name)


def _version(one: EntryPoint) -> str:
    return "" if one.dist is None else shown(one.dist.version)


def _described(one: EntryPoint, problem: str) -> Plugin:
    texts = (one.group, one.name, _distribution(one), _version(one), one.value)
    return Plugin(*map(shown, texts), problem=problem)


def _refusal(kind: str, one: EntryPoint, why: str, fix: str) -> PluginError:
    where = f"entry point {shown(one.value)} of {_distribution(one)} {_version(one)}"
    return PluginError(
        f"{kind} {quoted(one.name)}, {where}, cannot be used: {why}", fix
    )
