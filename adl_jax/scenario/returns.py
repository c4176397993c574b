"""Returns of a crash: one heavy-tailed factor, clustered volatility, clustered jumps."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import (
    Key,
    PerMarket,
    PerRound,
    Scalar,
    as_dtype,
    as_float,
    check_range,
)
from adl_jax.market import Market
from adl_jax.result import InputError
from adl_jax.scenario.base import AbstractReturns
from adl_jax.scenario.calibration import calibrated
from adl_jax.scenario.hawkes import Hawkes


class FactorReturns(AbstractReturns):
    r"""One-factor Student-t returns with GARCH volatility and Hawkes-clustered falls.

    $$r_{tk}=\beta_k\left(\sigma_t\,(\sqrt\rho\,F_t+\sqrt{1-\rho}\,\epsilon_{tk})
    -J\,N_t\right),\qquad
    \sigma_{t+1}^2=\sigma^2(1-a-b)+(a\,F_t^2+b)\,\sigma_t^2$$

    F is Student-t scaled to variance 1, epsilon standard normal: the factor alone has
    heavy tails, so that large falls are everybody's, and returns without falls
    correlate with rho. N_t is the sum of the marks of a `Hawkes` process's batches in
    the round. F is drawn in closed form (Bailey, "Polar generation of random variates
    with the t-distribution", 1994), for any degrees of freedom.

    **Arguments:** shape `()` unless said otherwise.

    - `volatility`: sigma, > 0, of a round's log return where beta is 1; sigma_t starts
        there, which is its stationary mean square.
    - `beta`: shape `(markets,)` or `()`, sensitivity to the factor.
    - `correlation`: rho, in [0, 1].
    - `degrees_of_freedom`: > 2.
    - `reaction`, `persistence`: a, b >= 0 with a + b < 1.
    - `fall`: J >= 0, mean log fall of a batch where beta is 1.
    - `batches`: a `Hawkes`; no falls if not given.
    """

    volatility: Scalar = eqx.field(default=0.01, converter=as_float)
    beta: PerMarket | Scalar = eqx.field(default=1.0, converter=as_float)
    correlation: Scalar = calibrated("factor.correlation")
    degrees_of_freedom: Scalar = calibrated("factor.degrees_of_freedom")
    reaction: Scalar = eqx.field(default=0.10, converter=as_float)
    persistence: Scalar = eqx.field(default=0.85, converter=as_float)
    fall: Scalar = eqx.field(default=0.0, converter=as_float)
    batches: Hawkes | None = None

    def __check_init__(self):
        """Refuses returns without a variance."""
        for name, low, high in (
            ("volatility", 0, None),
            ("beta", None, None),
            ("correlation", 0, 1),
            ("degrees_of_freedom", 2 + 1e-6, None),
            ("reaction", 0, 1),
            ("persistence", 0, 1),
            ("fall", 0, None),
        ):
            check_range(f"FactorReturns.{name}", getattr(self, name), low, high)
        check_range(
            "FactorReturns.reaction + persistence",
            self.reaction + self.persistence,
            0,
            1 - 1e-6,
        )

    def sample(
        self, key: Key, market: Market, num_rounds: int
    ) -> Float[Array, "rounds markets"]:
        """Log returns of one scenario."""
        dtype = market.mark.dtype
        parts = as_dtype(self, dtype)
        for_factor, for_noise, for_batches = jax.random.split(key, 3)
        marks = None
        if parts.batches is not None:
            marks = parts.batches.sample(for_batches, num_rounds, dtype)
        factor = parts.factor(for_factor, num_rounds)
        return parts.path(for_noise, factor, marks, market)

    def factor(self, key: Key, num_rounds: int) -> PerRound:
        """F_t, in the dtype of the parameters."""
        draws = student_t(key, self.degrees_of_freedom, (num_rounds,))
        return draws * self.factor_scale()

    def factor_scale(self) -> Scalar:
        """What scales a Student-t variable to variance 1."""
        return jnp.sqrt(1 - 2 / self.degrees_of_freedom)

    def path(
        self, key: Key, factor: PerRound, marks: PerRound | None, market: Market
    ) -> Float[Array, "rounds markets"]:
        """Log returns that a factor and sums of marks N_t make, in their dtype."""
        markets = market.num_markets
        if self.beta.shape not in ((), (markets,)):
            raise InputError(
                f"FactorReturns.beta has shape {self.beta.shape} for {markets} markets"
            )
        noise = jax.random.normal(key, (factor.size, markets), factor.dtype)
        common, own = jnp.sqrt(self.correlation), jnp.sqrt(1 - self.correlation)
        returns = common * factor[:, None] + own * noise
        returns = self.path_of_volatility(factor)[:, None] * returns
        if marks is not None:
            returns = returns - self.fall * marks[:, None]
        return jnp.broadcast_to(self.beta, (1, markets)) * returns

    def path_of_volatility(self, factor: PerRound) -> PerRound:
        """sigma_t, from the factor's standardised draws."""
        base = self.volatility**2 * (1 - self.reaction - self.persistence)

        def next_round(variance: Scalar, now: Scalar) -> tuple[Scalar, Scalar]:
            after = base + (self.reaction * now**2 + self.persistence) * variance
            return after, jnp.sqrt(variance)

        return jax.lax.scan(next_round, self.volatility**2, factor)[1]


def student_t(key: Key, degrees_of_freedom: Scalar, shape: tuple[int, ...]) -> Array:
    """Student-t draws in the dtype of the degrees of freedom, without a loop."""
    draws = jax.random.uniform(key, (2, *shape), degrees_of_freedom.dtype)
    # U^(-2/nu) - 1 of a uniform U, as the growth of an exponential, which 0 < U needs.
    growth = jnp.expm1(-2 / degrees_of_freedom * jnp.log1p(-draws[0]))
    return jnp.sqrt(degrees_of_freedom * growth) * jnp.cos(2 * jnp.pi * draws[1])


class PathReturns(AbstractReturns):
    """A designed path, the same in every scenario but for noise around it.

    Noise is a random walk tied to 0 at both ends, so that every scenario ends where the
    path does.

    **Arguments:** `log_return`: shape `(rounds, markets)`; `noise`: shape `()`, >= 0,
    standard deviation of the walk's steps before it is tied.
    """

    log_return: Float[Array, "rounds markets"] = eqx.field(converter=as_float)
    noise: Scalar = eqx.field(default=0.0, converter=as_float)

    def __check_init__(self):
        """Refuses a path that cannot be followed."""
        check_range("PathReturns.log_return", self.log_return, None)
        check_range("PathReturns.noise", self.noise, 0)

    def sample(
        self, key: Key, market: Market, num_rounds: int
    ) -> Float[Array, "rounds markets"]:
        """The path, and noise that sums to 0."""
        if self.log_return.shape != (num_rounds, market.num_markets):
            raise InputError(
                f"PathReturns.log_return has shape {self.log_return.shape}: give "
                f"{num_rounds} rounds of {market.num_markets} markets"
            )
        dtype = market.mark.dtype
        parts = as_dtype(self, dtype)
        noise = jax.random.normal(key, parts.log_return.shape, dtype)
        return parts.log_return + parts.noise * (
            noise - noise.mean(axis=0, keepdims=True)
        )
