"""Policies in a configuration: names out of the registries, and their numbers."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from pydantic import field_validator, model_validator

from adl_jax import learned as learned  # Registers its policies.
from adl_jax.allocator import allocations
from adl_jax.config.problems import Fault, faults, listed, nearest, short
from adl_jax.config.sections import LARGEST, Name, Section, key, one_of
from adl_jax.inert import shown
from adl_jax.policy import AbstractPolicy, Policy
from adl_jax.registry import Registry
from adl_jax.severity import severities
from adl_jax.vector import vector_policies


class Parameter(NamedTuple):
    """What a parameter may be: least and most, and what it is."""

    low: float | int
    high: float | int
    text: str
    whole: bool = False


PARAMETERS = {
    "severity": Parameter(0, 1, "share of the deficit raised in every round"),
    "rate": Parameter(0, 1, "USD raised for a USD closed out"),
    "initial": Parameter(0, 1, "share of the deficit, or rate, in the first round"),
    "initial_rate": Parameter(0, 1, "USD for a USD closed out, in the first round"),
    "step_size": Parameter(0, LARGEST, "how far one round moves the next"),
    "exponent": Parameter(-10, 10, "how rates rise as leverage limits fall"),
    "discount": Parameter(1e-6, 1, "what a round's weight keeps a round later"),
    "trust": Parameter(0, LARGEST, "how fast a market's own past counts"),
    "decay": Parameter(0, 10, "steps fall as the number of rounds to this power"),
    "endowment": Parameter(1e-6, LARGEST, "what the bettor starts with"),
    "power": Parameter(0, 100, "haircuts rise as leverage to this power"),
    "doubt": Parameter(
        0, LARGEST, "rounds after which past residuals weigh as the rule"
    ),
    "width": Parameter(1, 1024, "units of a hidden layer", whole=True),
    "seed": Parameter(0, 2**31, "of a network's first weights", whole=True),
    "memory": Parameter(1, 10_000, "rounds that are remembered", whole=True),
    "levels": Parameter(1, 20, "2 to this power rounds are covered", whole=True),
    "horizon": Parameter(1, 10_000, "rounds that are planned for", whole=True),
}
"""Numbers of severities and allocations that a configuration may set."""

Numbers: TypeAlias = dict[str, float | int]


def parameters_of(constructor: Callable[..., Any]) -> dict[str, float | int | None]:
    """The numbers that a constructor takes, and their defaults."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(constructor).parameters.items()
        if name in PARAMETERS
    }


def _plugin_parameters(constructor: Callable[..., Any]) -> dict[str, Any]:
    """The numbers of a plug-in's own, and their defaults: arguments that have one."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(constructor).parameters.items()
        if type(parameter.default) in (int, float)
    }


def _checked(name: str | None, registry: Registry, given: dict[str, Any]) -> Numbers:
    """The numbers given, and the defaults of the others."""
    if name is None:
        defaults, allowed = {}, {}
    elif name in registry.built_in:
        defaults = parameters_of(registry[name])
        allowed = {other: PARAMETERS[other] for other in defaults}
    else:
        defaults = _plugin_parameters(registry[name])
        allowed = {
            other: Parameter(-LARGEST, LARGEST, "", whole=isinstance(value, int))
            for other, value in defaults.items()
        }
    found = [fault for item in given.items() for fault in _wrong(name, allowed, *item)]
    if found:
        raise faults(found)
    numbers = {other: value for other, value in defaults.items() if value is not None}
    numbers = {
        other: int(value) if allowed[other].whole else float(value)
        for other, value in (numbers | given).items()
    }
    if name is not None and name not in registry.built_in:
        try:
            registry[name](**numbers)
        except Exception as error:
            why = shown(f"{type(error).__name__}: {error}", 300)
            problem = f"{name!r} refuses them: {why}"
            raise faults([Fault((), problem, "change them")]) from error
    return numbers


def _wrong(
    owner: str | None, allowed: dict[str, Parameter], name: str, value: Any
) -> list[Fault]:
    given = f"value {short(value)}, "
    if name not in allowed:
        problem = f"no such parameter of {owner!r}"
        return [Fault((name,), given + problem, nearest(name, allowed))]
    low, high, _, whole = allowed[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (whole and not isinstance(value, int)):
        kind = "whole number" if whole else "number"
        return [
            Fault(
                (name,), f"{given}must be a {kind}", f"write a {kind}, without quotes"
            )
        ]
    if not low <= value <= high:
        problem = f"{given}must be between {low:g} and {high:g}"
        return [Fault((name,), problem, "write a number between them")]
    return []


class PolicySection(Section):
    """One policy: how much and who, or a joint one."""

    name: Name = key("what its rows are called; each name once")
    severity: one_of(severities) | None = key(  # pyright: ignore
        "how much to raise", None
    )
    severity_parameters: dict[str, Any] = key("its numbers, those below", {})
    allocation: one_of(allocations) | None = key(  # pyright: ignore
        'who pays; "pro_rata" if not given', None
    )
    allocation_parameters: dict[str, Any] = key("its numbers, those below", {})
    vector: one_of(vector_policies) | None = key(  # pyright: ignore
        "a policy that learns both, instead of severity and allocation", None
    )

    @model_validator(mode="before")
    @classmethod
    def _pays_pro_rata(cls, data: Any) -> Any:
        if isinstance(data, dict) and "severity" in data:
            return {"allocation": "pro_rata", **data}
        return data

    @field_validator("severity_parameters", "allocation_parameters")
    @classmethod
    def _are_its_own(cls, given: dict[str, Any], info: Any) -> Numbers:
        half = info.field_name.removesuffix("_parameters")
        if half not in info.data:
            return given  # The name is wrong, which says enough.
        registry = severities if half == "severity" else allocations
        return _checked(info.data[half], registry, given)

    @model_validator(mode="after")
    def _is_one_policy(self) -> "PolicySection":
        if self.vector is None and self.severity is None:
            fix = f"add severity, one of {listed(severities)}; or vector"
            raise faults([Fault((), "has no severity and no vector", fix)])
        if self.vector is not None:
            found = [
                Fault((half,), "vector says how much and who already", "remove one")
                for half in ("severity", "allocation")
                if getattr(self, half) is not None
            ]
            if found:
                raise faults(found)
        return self

    def build(self) -> AbstractPolicy:
        """The policy, in the default dtype."""
        if self.vector is not None:
            return vector_policies[self.vector]()
        assert self.severity is not None
        assert self.allocation is not None
        # Registries promise constructors without arguments; these have numbers too.
        severity: Callable[..., Any] = severities[self.severity]
        allocation: Callable[..., Any] = allocations[self.allocation]
        return Policy(
            severity(**self.severity_parameters),
            allocation(**self.allocation_parameters),
        )


def usual_policies() -> tuple[PolicySection, ...]:
    """What venues do, what is fair, and one learner of each kind."""
    return tuple(
        PolicySection.model_validate(fields)
        for fields in (
            {"name": "queue", "severity": "full", "allocation": "queue"},
            {"name": "pro_rata", "severity": "full", "allocation": "pro_rata"},
            {"name": "learner", "severity": "deficit_learner"},
            {"name": "mirror_descent", "vector": "vector_entropic"},
        )
    )
