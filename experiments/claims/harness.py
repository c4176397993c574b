"""How a claim is tried on many instances, and counted so that no failure hides.

A check returns, for one instance, what was measured, what the claim allows, and how far
rounding alone may carry one past the other. An instance counts as held only where
`measured <= bound + tolerance` is true, so that a NaN on either side is a violation.
"""

import dataclasses
import enum
import math
import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from adl_jax._types import Scalar
from claims.instances import Draw


EPS = float(jnp.finfo(jnp.float64).eps)
SAFETY = 16.0
"""Roundings of half an ulp add up to `operations * EPS * scale / 2` at most; a factor of
16 above that leaves room for the operations inside a kernel that nobody counts."""
BATCH = 10_000


class Margin(NamedTuple):
    """One instance of a claim `measured <= bound`. Shape `()` each."""

    measured: Scalar
    bound: Scalar
    tolerance: Scalar
    applies: Bool[Array, ""]
    """Whether the instance meets the claim's assumptions; others are not counted."""


Check: TypeAlias = Callable[[Draw, tuple[int, ...]], dict[str, Margin]]


def at_most(
    measured: Scalar,
    bound: Scalar,
    *,
    scale: Scalar | float,
    operations: int,
    applies: Bool[Array, ""] | bool = True,
) -> Margin:
    """`measured <= bound`, up to rounding of `operations` numbers of size `scale`."""
    tolerance = SAFETY * operations * EPS * jnp.asarray(scale, jnp.float64)
    return Margin(measured, bound, tolerance, jnp.asarray(applies))


def equal(
    left: Float[Array, "..."],
    right: Float[Array, "..."],
    *,
    scale: Scalar | float,
    operations: int,
    applies: Bool[Array, ""] | bool = True,
) -> Margin:
    """`left == right` in every entry, up to rounding."""
    return at_most(
        jnp.abs(left - right).max(),
        jnp.zeros(()),
        scale=scale,
        operations=operations,
        applies=applies,
    )


def true(
    condition: Bool[Array, ""], *, applies: Bool[Array, ""] | bool = True
) -> Margin:
    """A yes or no claim, with no tolerance."""
    return at_most(
        jnp.where(condition, 0.0, 1.0),
        jnp.zeros(()),
        scale=0.0,
        operations=0,
        applies=applies,
    )


class Form(enum.Enum):
    """Whose words a claim is in."""

    printed = "printed"
    corrected = "corrected"
    added = "added"
    """Not in the papers: what we found beside them."""
    self_test = "self-test"


@dataclasses.dataclass(frozen=True)
class Claim:
    """One row to be.

    **Fields:**

    - `label`: where it stands, such as `Prop. 1 (17)`; C- for the companion.
    - `statement`: in a few words.
    - `form`: printed, corrected, added, or a self-test of this harness.
    - `fails`: whether it is known to fail; then a run without violations is an error.
    - `rare`: whether it fails on so few instances that a short run may find none.
    """

    label: str
    statement: str
    form: Form = Form.printed
    fails: bool = False
    rare: bool = False


@dataclasses.dataclass(frozen=True)
class Suite:
    """Claims that are checked on the same instances.

    **Fields:**

    - `check`: an instance's random numbers and size to one `Margin` a claim, by name.
    - `claims`: what each name claims.
    - `sizes`: static sizes.
    - `shares`: of the instances asked for, one for each size; `None` for equal ones. They
        sum to less than 1 only where an instance is a whole program.
    """

    check: Check
    claims: dict[str, Claim]
    sizes: tuple[tuple[int, ...], ...]
    shares: tuple[float, ...] | None = None


@dataclasses.dataclass
class Tally:
    """What came of a claim: counts, the tightest ratio and the first failure."""

    claim: Claim
    tried: int = 0
    violations: int = 0
    ratio: float = float("-inf")
    excess: float = float("-inf")
    first_violation: str = ""
    seconds: float = 0.0

    @property
    def as_expected(self) -> bool:
        """Whether it held, or failed where it is known to fail; never if untried."""
        found = (self.violations > 0) == self.claim.fails
        return self.tried > 0 and (found or self.claim.rare)


class _Counts(NamedTuple):
    tried: Array
    violations: Array
    ratio: Array
    excess: Array
    first: Array


def run(suite: Suite, instances: int, seed: int) -> list[Tally]:
    """Tries a suite's claims, the same instances for the same seed.

    **Returns:** one `Tally` a claim. `ratio` is the largest measured / bound, where the
    bound is above its tolerance; `excess` the largest (measured - bound) in tolerances.
    """
    started = time.perf_counter()
    tallies = {name: Tally(claim) for name, claim in suite.claims.items()}
    equally = (1 / len(suite.sizes),) * len(suite.sizes)
    for size, share in zip(suite.sizes, suite.shares or equally, strict=True):
        count = max(1, math.ceil(instances * share - 1e-6))
        # The size tells the streams apart, and stays in the message of a failure.
        name = f"{seed}/{suite.check.__name__}/{size}"
        stream = zlib.crc32(name.encode())
        batch = min(BATCH, count)
        for start in range(0, count, batch):
            counts = _try(suite.check, size, batch, stream, start, count)
            if set(counts) != set(tallies):
                raise ValueError(f"{name} checks {set(counts)}, not {set(tallies)}")
            for claim, part in jax.device_get(counts).items():
                _add(tallies[claim], part, size)
    seconds = (time.perf_counter() - started) / len(tallies)
    for tally in tallies.values():
        tally.seconds = seconds
    return list(tallies.values())


def _add(tally: Tally, part: _Counts, size: tuple[int, ...]) -> None:
    tally.tried += int(part.tried)
    if part.violations and not tally.first_violation:
        tally.first_violation = f"size {size}, instance {int(part.first)}"
    tally.violations += int(part.violations)
    tally.ratio = max(tally.ratio, float(part.ratio))
    tally.excess = max(tally.excess, float(part.excess))


@partial(jax.jit, static_argnames=("check", "size", "batch"))
def _try(
    check: Check, size: tuple[int, ...], batch: int, stream: int, start: int, count: int
) -> dict[str, _Counts]:
    index = start + jnp.arange(batch)
    margins = jax.vmap(lambda i: check(Draw(stream, i), size))(index)
    live = index < count
    return {name: _count(margin, live, index) for name, margin in margins.items()}


def _count(margin: Margin, live: Array, index: Array) -> _Counts:
    counted = live & margin.applies
    held = margin.measured <= margin.bound + margin.tolerance
    violated = counted & ~held
    positive = counted & (margin.bound > margin.tolerance)
    safe = jnp.where(positive, margin.bound, 1)
    ratio = jnp.where(positive, margin.measured / safe, -jnp.inf)
    unit = jnp.where(margin.tolerance > 0, margin.tolerance, 1)
    excess = jnp.where(counted, (margin.measured - margin.bound) / unit, -jnp.inf)
    return _Counts(
        counted.sum(),
        violated.sum(),
        ratio.max(),
        excess.max(),
        jnp.where(violated, index, jnp.iinfo(index.dtype).max).min(),
    )
