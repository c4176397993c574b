"""A number that was estimated, with how well it is known."""

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri


CONFIDENCE = 0.95
"""The probability with which every interval here is meant to cover the truth."""
NORMAL = float(ndtri((1 + CONFIDENCE) / 2))
"""Standard errors on each side of a normal interval, 1.96."""

Number: TypeAlias = float | Float[np.ndarray, " estimates"]
Count: TypeAlias = int | Int[np.ndarray, " estimates"]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """An estimate and its 95 % interval, in the unit of the values.

    Fields are numbers, or arrays of shape `(estimates,)` where there is one estimate a
    policy, threshold or number of scenarios; `estimate[i]` is then one of them.
    """

    value: Number
    low: Number
    """The lower end of the 95 % interval."""
    high: Number
    """The upper end of the 95 % interval."""
    standard_error: Number
    """Estimated standard deviation of `value` over repeated experiments."""
    count: Count
    """Scenarios it was made from."""

    @property
    def half_width(self) -> Number:
        """Half the length of the interval."""
        return (self.high - self.low) / 2

    def __len__(self) -> int:
        """How many estimates; a single one has no length."""
        return len(np.asarray(self.value))

    def __getitem__(self, index: int) -> "Estimate":
        """One of several estimates."""
        return Estimate(
            **{name: np.asarray(getattr(self, name))[index].item() for name in _NAMES}
        )

    def shifted(self, by: float) -> "Estimate":
        """The estimate of the same thing plus a known number."""
        return dataclasses.replace(
            self, value=self.value + by, low=self.low + by, high=self.high + by
        )

    def __repr__(self) -> str:
        """Value, interval, standard error and scenarios; a line for each of several."""
        if np.ndim(self.value):
            rows = "\n".join(f"  {self[i]!r}," for i in range(len(self)))
            return f"Estimate(\n{rows}\n)"
        return (
            f"Estimate({self.value:,.6g} [{self.low:,.6g}, {self.high:,.6g}], "
            f"standard error {self.standard_error:,.4g}, {self.count:,} scenarios)"
        )


_NAMES = tuple(field.name for field in dataclasses.fields(Estimate))


def stack(estimates: Sequence[Estimate]) -> Estimate:
    """Several estimates as one, with arrays for fields."""
    return Estimate(
        **{
            name: np.array([getattr(each, name) for each in estimates])
            for name in _NAMES
        }
    )


def exact(value: float, count: int) -> Estimate:
    """An estimate without error, of values that are all the same."""
    return Estimate(value, value, value, 0.0, count)
