"""Twelve digits that change with a configuration's parts and numbers."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np


def fingerprint(part: Any) -> str:
    """Twelve hexadecimal digits of a module, or of plain values.

    The same configuration has the same in float32 and in float64, in another process and
    on another machine.

    **Arguments:** `part`: an `eqx.Module` of arrays, numbers, functions and further
    modules; or what JSON can hold.
    """
    text = json.dumps(_described(part), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _described(part: Any) -> Any:
    if isinstance(part, eqx.Module):
        fields = {
            field.name: _described(getattr(part, field.name))
            for field in dataclasses.fields(part)
        }
        return {"class": type(part).__name__, **fields}
    if isinstance(part, tuple):
        return [_described(one) for one in part]
    if isinstance(part, dict):
        return {str(name): _described(value) for name, value in part.items()}
    if isinstance(part, Callable):
        # The same function in another process has another address.
        return f"{part.__module__}.{part.__qualname__}"
    if isinstance(part, jax.Array | np.ndarray):
        whole = not np.issubdtype(part.dtype, np.floating)
        return np.asarray(part, part.dtype if whole else np.float32).tolist()
    return repr(part)
