"""What a thing is, in a line: for people who print it."""

import dataclasses
import enum
from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer

from adl_jax.inert import shown


_MOST = 400
_MOST_NAMES = 5


def brief(thing: Any, array: Any, ndim: int, parts: Callable[[], Iterable[str]]) -> str:
    """`Name(part, part)`; or the fields' shapes, where there are no numbers to show.

    That is where arrays are traced, are shapes alone, were taken out or deleted, or are a
    batch of many such things.

    **Arguments:** `array`: one of the thing's arrays, which has `ndim` axes where the
    thing is no batch; `parts`: computes what is said.
    """
    leaves = jax.tree.leaves(thing)
    if np.ndim(array) == ndim and all(map(_is_concrete, leaves)):
        try:
            return shown(f"{type(thing).__name__}({', '.join(parts())})", _MOST)
        except (AttributeError, TypeError, RuntimeError):
            pass
    return eqx.tree_pformat(thing)


def settings(part: Any) -> str:
    """A module with its numbers, modules inside of it too."""
    return shown(_settings(part), _MOST)


def _settings(part: Any) -> str:
    if isinstance(part, eqx.Module):
        fields = [
            # A part that is printed from its own `__init__` has not all fields yet.
            f"{field.name}={_settings(getattr(part, field.name, None))}"
            for field in dataclasses.fields(part)
        ]
        return f"{type(part).__name__}({', '.join(fields)})"
    if isinstance(part, tuple | list):
        inside = ", ".join(map(_settings, part))
        return f"({inside})" if isinstance(part, tuple) else f"[{inside}]"
    if isinstance(part, enum.Enum):
        return part.name
    if _is_concrete(part) and part.ndim == 0:
        return f"{part:.6g}" if eqx.is_inexact_array(part) else str(part)
    if callable(part):
        return getattr(part, "__name__", type(part).__name__)
    return eqx.tree_pformat(part, width=_MOST)


def count(number: int, what: str) -> str:
    """`1 account`, `1,000 accounts`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def usd(amount: Any) -> str:
    """USD, summed where there are many."""
    return f"{float(np.asarray(amount, np.float64).sum()):,.0f} USD"


def named(names: Iterable[str]) -> str:
    """Names, harmless, and not all of many."""
    names = list(names)
    more = len(names) - _MOST_NAMES
    first = ", ".join(map(shown, names[:_MOST_NAMES]))
    return f"{first} and {more} more" if more > 0 else first


def _is_concrete(leaf: Any) -> bool:
    if isinstance(leaf, Tracer):
        return False
    return isinstance(leaf, np.ndarray) or (
        isinstance(leaf, jax.Array) and not leaf.is_deleted()
    )
