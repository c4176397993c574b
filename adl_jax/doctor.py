"""What this machine runs, and whether it can be trusted."""

import csv
import itertools
import platform
from collections.abc import Iterable
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import jax
import numpy as np
from packaging.version import Version

from adl_jax import config as config  # Its registry is one that plug-ins add to.
from adl_jax.allocator import ProRata
from adl_jax.event import october10
from adl_jax.loop import replay
from adl_jax.policy import Policy
from adl_jax.registry import installed_plugins
from adl_jax.severity import ProjectedGradient


_PACKAGES = ("adl-jax", "jax", "jaxlib", "equinox", "optax", "chex", "numpy")


def examine() -> dict[str, Any]:
    """Versions, devices, known-bad releases, the guard computation, precision, plug-ins.

    **Returns:** plain values; `healthy` is false where results cannot be trusted. Plug-ins
    are all tried; one that cannot be used has a `problem` and harms nothing else.
    """
    versions = {name: version(name) for name in _PACKAGES}
    bad = known_bad(versions["jaxlib"])
    wrong = wrong_sizes()
    error = float32_error()
    return {
        "healthy": not bad and not wrong and error < 1e-5,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
        "backend": jax.default_backend(),
        "devices": [str(device) for device in jax.devices()],
        "known_bad": bad,
        "guard_wrong_sizes": wrong,
        "float32_relative_error": error,
        "plugins": [plugin._asdict() for plugin in installed_plugins()],
    }


def known_bad(jaxlib_version: str) -> list[str]:
    """Reasons not to use this jaxlib; empty where none is known."""
    table = (files("adl_jax") / "data" / "known_bad_releases.csv").read_text("utf-8")
    return [
        f"jaxlib {row['version']} ({row['where']}): {row['reason']} [{row['source']}]"
        for row in csv.DictReader(table.splitlines())
        if Version(row["version"]) == Version(jaxlib_version)
    ]


def wrong_sizes(
    widths: Iterable[int] = (3, 5, 7), powers: Iterable[int] = (4, 8, 14, 15)
) -> list[tuple[int, int]]:
    """Sizes at which a jitted, vmapped product and reduction differs from NumPy.

    jaxlib 0.10.2 returned wrong last rows, silently, at some sizes 2^k + 1, among them
    2^14 + 1 in float64 and 2^15 + 1 in float32. All numbers are small integers, so that
    every order of summation is exact.

    **Arguments:** `widths`: of the square matrices; `powers`: k of the batch sizes.

    **Returns:** (batch, width) of every wrong result; empty on a good release.
    """
    wrong = []
    for width, power in itertools.product(widths, powers):
        batch = 2**power + 1
        matrix = np.arange(1, width * width + 1).reshape(width, width) % 3
        rows = np.arange(batch * width).reshape(batch, width) % 5
        product = rows @ matrix.T
        expected = product.sum(axis=1), (product**2).sum(axis=1)
        for dtype in (np.float32, np.float64):
            with jax.enable_x64(dtype is np.float64):
                got = _row_sums(matrix.astype(dtype), rows.astype(dtype))
            if not all(map(np.array_equal, map(np.asarray, got), expected)):
                wrong.append((batch, width))
    return wrong


def _row_sums(matrix: np.ndarray, rows: np.ndarray) -> tuple[jax.Array, jax.Array]:
    return _sum_of_rows(matrix, rows), _sum_of_squares(matrix, rows)


# Two programs: the compiler treats each reduction in its own way.
_sum_of_rows = jax.jit(jax.vmap(lambda matrix, row: (matrix @ row).sum(), (None, 0)))
_sum_of_squares = jax.jit(
    jax.vmap(lambda matrix, row: ((matrix @ row) ** 2).sum(), (None, 0))
)


def float32_error() -> float:
    """Largest relative error of executed budgets in float32 on the real rounds.

    Against the same replay in float64, relative to each round's deficit.
    """

    def executed(*, x64: bool) -> np.ndarray:
        with jax.enable_x64(x64):
            policy = Policy(ProjectedGradient(), ProRata())
            records = replay(october10().rounds, policy).records
            return np.asarray(records.executed, np.float64)

    with jax.enable_x64(True):
        deficit = np.asarray(october10().rounds.deficit)
    return float(np.max(np.abs(executed(x64=False) - executed(x64=True)) / deficit))
