"""What the samplers are calibrated to: every constant once, with its source."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, NamedTuple

import equinox as eqx

from adl_jax._types import as_float


class Fact(NamedTuple):
    """A calibration constant, where it is from, and what it is."""

    value: float
    source: str
    note: str


@cache
def facts() -> Mapping[str, Fact]:
    """Every constant by name, from `adl_jax/data/calibration.csv`.

    ```python
    >>> facts()["hawkes.branching"].value
    0.66

    ```
    """
    table = files("adl_jax") / "data" / "calibration.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return MappingProxyType(
        {
            row["name"]: Fact(float(row["value"]), row["source"], row["note"])
            for row in rows
        }
    )


def value(name: str) -> float:
    """The constant of that name."""
    return facts()[name].value


def group(prefix: str) -> dict[str, float]:
    """The constants whose names start with `prefix` and a dot, in order."""
    start = f"{prefix}."
    return {
        name.removeprefix(start): fact.value
        for name, fact in facts().items()
        if name.startswith(start)
    }


def calibrated(name: str) -> Any:
    """A field of a module whose default is the constant of that name."""
    return eqx.field(default_factory=lambda: value(name), converter=as_float)
