"""The table `[train]`: what is learned, on which crashes, and what for."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from adl_jax.config.problems import Fault, faults, listed
from adl_jax.config.sections import (
    Amount,
    BelowOne,
    Name,
    Positive,
    Section,
    Share,
    key,
)
from adl_jax.remember import Remember


KEYS = {
    "mean": ("figure", "unit"),
    "cvar": ("figure", "unit", "level", "threshold"),
    "asymmetric": ("under", "over", "fair", "unit"),
    "weighted": ("solvency", "fairness", "revenue", "unit"),
    "chance": (
        *("figure", "unit", "tolerance", "limit"),
        *("smoothing", "ascent", "price"),
    ),
}
"""The keys of each kind of objective."""


class ObjectiveSection(Section):
    """What training makes small; see docs/training.md. Each kind has its own keys."""

    kind: Literal["mean", "cvar", "asymmetric", "weighted", "chance"] = key(
        "which objective", "mean"
    )
    figure: str | None = key("name of a figure; `tracking` if not given", None)
    unit: Positive | None = key("USD that count as 1", None)
    level: BelowOne | None = key("of the tail: 0.9 is the worst tenth", None)
    threshold: Literal["batch", "trained"] | None = key("of the tail", None)
    under: Amount | None = key("weight of a USD needed and not raised", None)
    over: Amount | None = key("weight of a USD raised and not needed", None)
    fair: Amount | None = key("USD for the sum of largest haircut fractions", None)
    solvency: Amount | None = key("weight of a USD needed and not raised", None)
    fairness: Amount | None = key("USD for the sum of largest haircut fractions", None)
    revenue: Amount | None = key("weight of a USD that the venue earns", None)
    tolerance: Amount | None = key("USD of undershoot that is allowed", None)
    limit: Share | None = key("how often undershoot may be above it", None)
    smoothing: Positive | None = key("USD, width of the smooth probability", None)
    ascent: Amount | None = key("how fast the multiplier rises", None)
    price: Amount | None = key("of probability above the limit, in validations", None)

    @model_validator(mode="after")
    def _has_its_keys(self) -> "ObjectiveSection":
        known = KEYS[self.kind]
        given = self.model_dump(exclude_none=True, exclude={"kind"})
        found = [
            Fault((name,), f"no key of kind {self.kind!r}", f"use {listed(known)}")
            for name in given
            if name not in known
        ]
        if found:
            raise faults(found)
        return self

    def numbers(self) -> dict[str, Any]:
        """What is given besides the kind."""
        return self.model_dump(exclude_none=True, exclude={"kind"})


class FamilySection(Section):
    """A family of scenarios: the file's, with some keys changed."""

    name: Name = key("the family's name, once")
    changes: dict[str, Any] = key("tables and keys of this file, as changed", {})


class TrainSection(Section):
    """What `adl-jax train` learns."""

    policy: Name = key("which of the policies is trained")
    leaves: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = key(
        "paths of the numbers that are trained; `*` stands for anything", ("*",)
    )
    steps: Annotated[int, Field(ge=1, le=10_000_000)] = key("steps at most", 200)
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = key(
        "crashes of a step, the families in equal parts", 32
    )
    learning_rate: Annotated[float, Field(ge=1e-8, le=100)] = key(
        "Adam's at the start", 0.02
    )
    largest_gradient: Positive = key("norm to which gradients are limited", 1.0)
    validate_every: Annotated[int, Field(ge=1, le=1_000_000)] = key(
        "steps between validations and checkpoints", 20
    )
    validation_scenarios: Annotated[int, Field(ge=1, le=1_000_000)] = key(
        "in each validation family", 256
    )
    patience: Annotated[int, Field(ge=1, le=1_000_000)] = key(
        "validations without an improvement before it stops", 5
    )
    largest_skipped: Share = key("of the steps that may lack a finite gradient", 0.05)
    remember: Remember = key(
        "what the reverse pass keeps; see docs/training.md", "blocks"
    )
    objective: ObjectiveSection = key("what is made small", ObjectiveSection())
    families: Annotated[
        tuple[FamilySection, ...], Field(strict=False, min_length=1)
    ] = Field(
        default_factory=lambda: (FamilySection(name="as_given"),),
        description="what is trained on; the file's own crash if not given",
    )
    validation: Annotated[
        tuple[FamilySection, ...], Field(strict=False, min_length=1)
    ] = Field(
        default_factory=lambda: (FamilySection(name="as_given"),),
        description="what the best step is chosen by; the file's own crash, in other "
        "draws, if not given",
    )

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> "TrainSection":
        found = []
        for section in ("families", "validation"):
            names = [family.name for family in getattr(self, section)]
            found += [
                Fault((section, index, "name"), "there already", "give another name")
                for index, name in enumerate(names)
                if name in names[:index]
            ]
        if found:
            raise faults(found)
        return self
