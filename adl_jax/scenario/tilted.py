"""Returns drawn from a deeper crash, each with what it counts for."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float
from scipy import special

from adl_jax._types import Key, PerRound, Scalar, as_dtype, as_float, check_range
from adl_jax.market import Market
from adl_jax.result import InputError
from adl_jax.scenario.base import AbstractReturns
from adl_jax.scenario.hawkes import Hawkes
from adl_jax.scenario.returns import FactorReturns


# Steps of the tilted density of marks: more hardly change how well it fits.
_STEPS = 32


class Tilted(AbstractReturns):
    r"""`FactorReturns` drawn from a mixture of their own law and a tilted one.

    Under the tilted law the factor's mean moves by s, the intensity of batches is
    multiplied by theta at all times, and the density of their marks m by about
    $e^{\eta m}$, in steps. With the likelihood ratio $r=p/q$ of the true law to the tilted
    one,

    $$\ln r=\sum_t\ln\frac{f(F_t)}{f(F_t-s)}-N\ln\theta+(\theta-1)\int_0^T\lambda
    +\sum_{i\le N}\ln\frac{p(m_i)}{q(m_i)},\qquad w=\frac{r}{\alpha r+1-\alpha}$$

    f is Student's density, lambda the true intensity of the `Hawkes` process along the
    batches that came, and alpha the share `untilted` that is drawn from the true law: it
    bounds the weight by 1/alpha, so that what is not rare is estimated well too
    (defensive mixture; Hesterberg, 1995). `toward_falls` chooses the tilt.

    **Arguments:** shape `()`.

    - `returns`: a `FactorReturns`.
    - `factor`: s, standard deviations; below 0 for deeper falls.
    - `rate`: theta, in [0.01, 100]; above 1 for deeper falls. Have theta times the
        branching below 1, or batches run into the `most` that are drawn. The weights
        stay exact if they do.
    - `mark`: eta, in [-10, 10], for a mark in units of the mean mark; above 0 for deeper
        falls.
    - `untilted`: alpha, in [0, 1).

    **Raises:** `InputError` where `rate` or `mark` are given for returns without
    batches.

    **Invariants:** weights have mean 1 over scenarios; the mean of weight times anything
    is its mean over scenarios that are not tilted.
    """

    returns: FactorReturns
    factor: Scalar = eqx.field(default=0.0, converter=as_float)
    rate: Scalar = eqx.field(default=1.0, converter=as_float)
    mark: Scalar = eqx.field(default=0.0, converter=as_float)
    untilted: Scalar = eqx.field(default=0.2, converter=as_float)

    def __check_init__(self):
        """Refuses a tilt of what is not there."""
        check_range("Tilted.factor", self.factor, None)
        check_range("Tilted.rate", self.rate, 0.01, 100)
        check_range("Tilted.mark", self.mark, -10, 10)
        check_range("Tilted.untilted", self.untilted, 0, 1 - 1e-6)
        if self.returns.batches is None and not (self.rate == 1 and self.mark == 0):
            raise InputError(
                "Tilted: the returns have no batches to tilt; leave out rate and mark"
            )

    @classmethod
    def toward_falls(
        cls, returns: FactorReturns, strength: float, *, untilted: Any = 0.2
    ) -> "Tilted":
        r"""The tilt by about $e^{\mathrm{strength}\cdot\mathrm{fall}}$ of a log fall.

        Exponential tilting is the efficient direction for sums of light tails. Batches
        get their rate from `tilted_rate`.

        **Arguments:** `strength`: in a unit of log return where beta is 1, > 0; the log
        fall to be reached, less its mean, over its variance is a good first guess.

        **Raises:** `InputError` for a strength at which batches would trigger each other
        without end.
        """
        check_range("Tilted.toward_falls strength", strength, 1e-9)
        factor = -strength * float(returns.volatility * jnp.sqrt(returns.correlation))
        process = returns.batches
        if process is None:
            return cls(returns, factor=factor, untilted=untilted)
        eta = strength * float(returns.fall)
        rate = tilted_rate(process, eta)
        if rate is None:
            raise InputError(
                f"Tilted.toward_falls: at strength {strength:g} batches trigger each "
                "other without end; tilt less"
            )
        return cls(returns, factor=factor, rate=rate, mark=eta, untilted=untilted)

    def sample(
        self, key: Key, market: Market, num_rounds: int
    ) -> Float[Array, "rounds markets"]:
        """Log returns of the mixture; `weighted` says what they count for."""
        return self.weighted(key, market, num_rounds)[0]

    def weighted(
        self, key: Key, market: Market, num_rounds: int
    ) -> tuple[Float[Array, "rounds markets"], Scalar]:
        """Log returns of one scenario, and ln w."""
        dtype = market.mark.dtype
        parts = as_dtype(self, dtype)
        returns, process = parts.returns, parts.returns.batches
        for_choice, for_factor, for_noise, for_batches = jax.random.split(key, 4)
        tilts = jax.random.uniform(for_choice, (), dtype) >= parts.untilted
        factor = returns.factor(for_factor, num_rounds)
        factor = factor + jnp.where(tilts, parts.factor, 0)
        log_ratio = factor_log_ratio(factor, parts.factor, returns)
        marks = None
        if process is not None:
            rate = jnp.where(tilts, parts.rate, 1)
            times, noise = process.batches(for_batches, num_rounds, rate)
            steps = _steps(process, parts.mark)
            noise = jnp.where(tilts, steps.tilted(noise), noise)
            marks = process.by_round(times, noise, num_rounds)
            seconds = process.round_seconds * num_rounds
            of_marks = jnp.where(times <= seconds, steps.log_ratio(noise), 0).sum()
            of_times = times_log_ratio(process, times, seconds, parts.rate)
            log_ratio = log_ratio + of_times + of_marks
        true, other = jnp.log(parts.untilted), jnp.log1p(-parts.untilted)
        log_weight = -jnp.logaddexp(true, other - log_ratio)
        return returns.path(for_noise, factor, marks, market), log_weight


def tilted_rate(process: Hawkes, eta: float) -> float | None:
    r"""The least $\theta$ with $\theta=E[e^{\eta m}]\,e^{n(\theta-1)}$, if there is one.

    A batch and all that it triggers grow by it where marks count for $e^{\eta m}$.
    """
    normaliser = _steps(process, jnp.asarray(eta, process.base_rate.dtype)).normaliser
    n, growth = float(process.branching), float(np.log(normaliser))
    if n == 0:
        return float(np.exp(growth))
    if growth > n - 1 - np.log(n):
        return None
    return float(-special.lambertw(-n * np.exp(growth - n)).real / n)


class Steps(NamedTuple):
    """A density of normals that is the normal one, times a constant in each step."""

    edge: Float[Array, " edges"]
    """Normal probabilities at which steps end, from 0 to 1."""
    tilted_edge: Float[Array, " edges"]
    """Probabilities of the tilted density there."""
    normaliser: Scalar
    """Mean of the constants, before they are scaled to be a density."""

    def tilted(self, noise: Array) -> Array:
        """Draws of the tilted density, from normal ones."""
        share = jnp.interp(ndtr(noise), self.tilted_edge, self.edge)
        tiny = jnp.finfo(share.dtype).eps
        return ndtri(jnp.clip(share, tiny, 1 - tiny))

    def log_ratio(self, noise: Array) -> Array:
        """Log of the normal density over the tilted one."""
        step = jnp.searchsorted(self.edge, ndtr(noise), side="right") - 1
        step = jnp.clip(step, 0, _STEPS - 1)
        return jnp.log(jnp.diff(self.edge) / jnp.diff(self.tilted_edge))[step]


def _steps(process: Hawkes, eta: Scalar) -> Steps:
    """Steps up to the largest mark, of about the density of marks times e^(eta m)."""
    largest = jnp.log(process.mark_largest) / process.mark_log_sd
    ends = jnp.linspace(largest - 3, largest, _STEPS, dtype=eta.dtype)
    inner = ndtr(ends)
    none = jnp.zeros(1, eta.dtype)
    edge = jnp.concatenate([none, inner[:-1], none + 1])
    middle = jnp.concatenate([ends[:1] - 0.5, (ends[1:-1] + ends[:-2]) / 2, ends[-1:]])
    constant = jnp.exp(eta * process.mark(middle))
    mass = jnp.diff(edge) * constant
    total = jnp.cumsum(mass)
    tilted = jnp.concatenate([none, total / total[-1]])
    return Steps(edge, tilted, total[-1])


def factor_log_ratio(factor: PerRound, shift: Scalar, returns: FactorReturns) -> Scalar:
    """Log of a factor's density over that of one whose mean is moved by `shift`."""
    freedom, scale = returns.degrees_of_freedom, returns.factor_scale()
    logarithm = lambda value: jnp.log1p((value / scale) ** 2 / freedom)
    return (freedom + 1) / 2 * (logarithm(factor - shift) - logarithm(factor)).sum()


def times_log_ratio(
    process: Hawkes, times: Float[Array, " most"], seconds: Scalar, rate: Scalar
) -> Scalar:
    r"""Log of the density of times over that of an intensity multiplied by `rate`.

    $\ln p=\sum\ln\lambda(s_i)-\int\lambda$ up to the end of the crash, or up to the last
    batch that is drawn, where the process stops.
    """
    counted = times <= seconds
    end = jnp.minimum(seconds, times[-1])
    gone = lambda since: 1 - jnp.exp(-process.decay * since)
    triggered = jnp.where(counted, gone(jnp.maximum(end - times, 0)), 0).sum()
    compensator = (
        process.base_rate * end
        + process.stationary_excess() * gone(end) / process.decay
        + process.branching * triggered
    )
    count = counted.sum().astype(times.dtype)
    return (rate - 1) * compensator - count * jnp.log(rate)
