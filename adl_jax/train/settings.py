"""How long, how fast and how carefully a policy is trained."""

import dataclasses
from typing import get_args

from adl_jax.remember import Remember
from adl_jax.result import InputError


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a training depends on besides its policy, scenarios and objective.

    **Fields:**

    - `steps`: optimiser steps at most.
    - `batch_size`: scenarios of a step, the families in equal parts.
    - `learning_rate`: Adam's, at the start; it falls to a tenth along a half cosine.
    - `largest_gradient`: gradients with a larger norm are scaled down to it.
    - `validate_every`: steps between validations, which are also when a checkpoint is
        written and the loss is read.
    - `validation_scenarios`: in each validation family, the same ones every time.
    - `patience`: validations without an improvement after which training stops.
    - `largest_skipped`: share of steps whose gradient may be non-finite; more is an error.
    - `remember`: what the reverse pass keeps, see `adl_jax.remember`.
    """

    steps: int = 200
    batch_size: int = 32
    learning_rate: float = 0.02
    largest_gradient: float = 1.0
    validate_every: int = 20
    validation_scenarios: int = 256
    patience: int = 5
    largest_skipped: float = 0.05
    remember: str = "blocks"

    def __post_init__(self):
        """Refuses settings that train nothing."""
        for name in (
            *("steps", "batch_size", "validate_every"),
            *("validation_scenarios", "patience"),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise InputError(f"Settings.{name} is {value!r}: give 1 or more, whole")
        for name in ("learning_rate", "largest_gradient"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise InputError(f"Settings.{name} is {value!r}: give more than 0")
        if not 0 <= self.largest_skipped <= 1:
            raise InputError(
                f"Settings.largest_skipped is {self.largest_skipped!r}: give 0 to 1"
            )
        if self.remember not in get_args(Remember):
            raise InputError(
                f"Settings.remember is {self.remember!r}: give one of "
                f"{', '.join(get_args(Remember))}"
            )
