"""Given rounds: what happened in an event, one entry a round, ready to be replayed."""

from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Integer

from adl_jax._types import PerMarket, PerRound, as_float, check_range
from adl_jax.brief import brief, count, usd
from adl_jax.messages import Observation, Outcome


_PerRoundAccount = Float[Array, "rounds accounts"]
_PerRoundMarket = Float[Array, "rounds markets"]
_Milliseconds = Integer[Array, " rounds"] | Integer[np.ndarray, " rounds"]


def _optional(value: Any) -> Array | None:
    return None if value is None else as_float(value)


def _as_milliseconds(value: Any) -> Any:
    # Unix milliseconds do not fit 32 bits. They stay NumPy int64 on the host; a jitted
    # program without x64 wraps them, which keeps the differences it uses exact.
    return value if isinstance(value, jax.Array) else np.asarray(value, dtype=np.int64)


class Rounds(eqx.Module):
    """The rounds of one event, as arrays with a leading axis of rounds.

    The fixed trajectory of the paper's section 5: deficits, winners, capacities and
    close-outs do not depend on the policy. Money in USD. dtype follows the inputs
    (float64 inputs need `jax_enable_x64`).

    **Arguments:**

    - `deficit`: shape `(rounds,)`, D_t >= 0, eq. (4).
    - `needed`: shape `(rounds,)`, the ex post benchmark (6), >= 0.
    - `capacity_total`: shape `(rounds,)`, U_t >= 0, what all winners together could
        pay.
    - `start_ms`, `end_ms`: shape `(rounds,)`, Unix time in milliseconds, ascending.
    - `capacity`, `score`, `leverage`, `lot_value`: shape `(rounds, accounts)`,
        optional: the winners' capacities u_i (0 for an account that is no winner),
        ranks, leverage and USD a lot.
    - `closeout_quantity`, `closeout_price`: shape `(rounds, markets)`, optional:
        contracts closed out and USD a contract; 0 contracts where a market is not in
        the round.
    - `closeout_gap`: shape `(rounds, markets)`, optional: USD of `needed` by market.
    - `max_leverage`: shape `(markets,)`, optional: the venue's leverage limits.
    - `markets`: the markets' names, in order.
    - `deficit_basis`: `"stock"`, `"new"` or `"published"`, see `docs/data.md`.

    **Raises:** `ValueError` naming the field, the first bad round, its value and the
    fix.

    **Example:**

    ```python
    >>> import adl_jax
    >>> rounds = adl_jax.Rounds(
    ...     deficit=[10.0, 4.0], needed=[3.0, 2.0], capacity_total=[50.0, 40.0],
    ...     start_ms=[0, 10_000], end_ms=[500, 10_500],
    ... )
    >>> rounds.num_rounds
    2

    ```
    """

    deficit: PerRound = eqx.field(converter=as_float)
    needed: PerRound = eqx.field(converter=as_float)
    capacity_total: PerRound = eqx.field(converter=as_float)
    start_ms: _Milliseconds = eqx.field(converter=_as_milliseconds)
    end_ms: _Milliseconds = eqx.field(converter=_as_milliseconds)
    capacity: _PerRoundAccount | None = eqx.field(default=None, converter=_optional)
    score: _PerRoundAccount | None = eqx.field(default=None, converter=_optional)
    leverage: _PerRoundAccount | None = eqx.field(default=None, converter=_optional)
    lot_value: _PerRoundAccount | None = eqx.field(default=None, converter=_optional)
    closeout_quantity: _PerRoundMarket | None = eqx.field(
        default=None, converter=_optional
    )
    closeout_price: _PerRoundMarket | None = eqx.field(
        default=None, converter=_optional
    )
    closeout_gap: _PerRoundMarket | None = eqx.field(default=None, converter=_optional)
    max_leverage: PerMarket | None = eqx.field(default=None, converter=_optional)
    markets: tuple[str, ...] = eqx.field(default=(), static=True)
    deficit_basis: str = eqx.field(default="published", static=True)

    def __check_init__(self):
        """Refuses what cannot be replayed, before anything is traced."""
        if (self.closeout_quantity is None) != (self.closeout_price is None):
            raise ValueError("closeout_quantity and closeout_price come together")
        if self.deficit_basis not in ("stock", "new", "published"):
            raise ValueError(
                f"deficit_basis is {self.deficit_basis!r}: "
                "use 'stock', 'new' or 'published'"
            )
        _check_shapes(self)
        for name in _AXES:
            low = None if name in _SIGNED else 0
            check_range(f"Rounds.{name}", getattr(self, name), low)
        _check_times(self.start_ms, self.end_ms)
        _check_sums(self.capacity_total, self.capacity)

    def __repr__(self) -> str:
        """Sizes, deficits, what was needed, and dtype."""
        return brief(self, self.deficit, 1, self._said)

    def _said(self) -> Iterator[str]:
        yield count(self.num_rounds, "round")
        yield f"{np.count_nonzero(self.deficit)} with a deficit"
        if self.capacity is not None:
            yield count(self.capacity.shape[1], "account")
        if self.closeout_quantity is not None:
            yield count(self.closeout_quantity.shape[1], "market")
        yield f"deficit {usd(self.deficit)}"
        yield f"needed {usd(self.needed)}"
        yield str(self.deficit.dtype)

    @property
    def num_rounds(self) -> int:
        """How many rounds there are, T."""
        return self.deficit.shape[0]

    @property
    def closeout_notional(self) -> _PerRoundMarket | None:
        """USD closed out by round and market; `None` without close-outs."""
        if self.closeout_quantity is None or self.closeout_price is None:
            return None
        return self.closeout_quantity * self.closeout_price

    def observations(self) -> Observation:
        """Everything there is to see, with a leading axis of rounds.

        The loop hides from a policy what its information set does not hold.
        """
        notional = self.closeout_notional
        times = jnp.asarray(self.start_ms)
        markets, max_leverage = None, None
        if notional is not None:
            shape = notional.shape
            markets = jnp.broadcast_to(jnp.arange(shape[1]), shape)
            if self.max_leverage is not None:
                max_leverage = jnp.broadcast_to(self.max_leverage[None], shape)
        by_round = {
            "round": jnp.arange(self.num_rounds),
            "elapsed_ms": (times - times[:1]).astype(self.deficit.dtype),
            "deficit": self.deficit,
            "capacity_total": self.capacity_total,
            "capacity": self.capacity,
            "score": self.score,
            "leverage": self.leverage,
            "lot_value": self.lot_value,
            "market": markets,
            "max_leverage": max_leverage,
            "closeout_quantity": self.closeout_quantity,
            "closeout_notional": notional,
            "needed": self.needed,
        }
        return jax.vmap(lambda fields: Observation(**fields))(by_round)

    def outcomes(self) -> Outcome:
        """What each round reveals when it is over, with a leading axis of rounds."""
        return jax.vmap(Outcome)(self.needed, self.closeout_gap)


_AXES = {
    **dict.fromkeys(("deficit", "needed", "capacity_total"), ("rounds",)),
    **dict.fromkeys(("start_ms", "end_ms"), ("rounds",)),
    **dict.fromkeys(
        ("capacity", "score", "leverage", "lot_value"), ("rounds", "accounts")
    ),
    **dict.fromkeys(
        ("closeout_quantity", "closeout_price", "closeout_gap"), ("rounds", "markets")
    ),
    "max_leverage": ("markets",),
}
_SIGNED = {"score", "leverage", "start_ms", "end_ms"}


def _check_shapes(rounds: Rounds) -> None:
    sizes: dict[str, tuple[int, str]] = {}
    for name, axes in _AXES.items():
        value = getattr(rounds, name)
        if value is None:
            continue
        if value.ndim != len(axes):
            raise ValueError(
                f"Rounds.{name} has shape {value.shape}: it must be ({', '.join(axes)})"
            )
        for axis, size in zip(axes, value.shape, strict=True):
            known, first = sizes.setdefault(axis, (size, name))
            if size != known:
                raise ValueError(
                    f"Rounds.{name} has {size} {axis}, but {first} has {known}: "
                    "give every field the same number"
                )
    dtypes = {
        name: value.dtype
        for name in _AXES
        if isinstance(value := getattr(rounds, name), jax.Array)
        and jnp.issubdtype(value.dtype, jnp.floating)
    }
    for name, dtype in dtypes.items():
        if dtype != rounds.deficit.dtype:
            raise ValueError(
                f"Rounds.{name} is {dtype}, but deficit is {rounds.deficit.dtype}: "
                "give every amount in one precision"
            )
    if sizes["rounds"][0] == 0:
        raise ValueError("Rounds needs at least one round")
    named = len(rounds.markets)
    if named and named != sizes.get("markets", (named,))[0]:
        raise ValueError(
            f"Rounds.markets has {named} names for {sizes['markets'][0]} markets"
        )


def _check_sums(total: Array, capacity: Array | None) -> None:
    if capacity is None or isinstance(total, Tracer) or isinstance(capacity, Tracer):
        return
    host, sums = np.asarray(total), np.asarray(capacity, np.float64).sum(axis=1)
    # What a sequential sum of that many accounts may be off by.
    slack = np.finfo(host.dtype).eps * capacity.shape[1]
    bad = np.flatnonzero(np.abs(host - sums) > slack * sums)
    if bad.size:
        t = int(bad[0])
        raise ValueError(
            f"Rounds.capacity_total[{t}] is {host[t]}, but the sum of capacity[{t}] is "
            f"{sums[t]}: give the sum over all winners"
        )


def _check_times(start_ms: Any, end_ms: Any) -> None:
    if isinstance(start_ms, Tracer) or isinstance(end_ms, Tracer):
        return
    start_ms, end_ms = np.asarray(start_ms), np.asarray(end_ms)
    if end_ms[-1] - start_ms[0] >= 2**31:
        raise ValueError(
            f"Rounds.end_ms[-1] is {end_ms[-1]}, more than 24 days after start_ms[0] = "
            f"{start_ms[0]}: give times in milliseconds, and one event at a time"
        )
    if (late := np.flatnonzero(end_ms < start_ms)).size:
        t = int(late[0])
        raise ValueError(
            f"Rounds.end_ms[{t}] is {end_ms[t]}, before start_ms[{t}] = {start_ms[t]}: "
            "a round ends when it starts, or later"
        )
    if (back := np.flatnonzero(start_ms[1:] <= end_ms[:-1])).size:
        t = int(back[0]) + 1
        raise ValueError(
            f"Rounds.start_ms[{t}] is {start_ms[t]}, not after end_ms[{t - 1}] = "
            f"{end_ms[t - 1]}: sort the rounds by time and merge those that overlap"
        )
