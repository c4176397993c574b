"""Mirror maps, and mirror descent that drives any optax transformation in the dual.

A point x lives in the primal, where a haircut or a rate means something; a step is
taken in the dual, z = grad psi(x), where the geometry of the set is flat. optax knows
how to take steps, and nothing that it has is written again here.
"""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from adl_jax._types import Scalar, as_dtype, as_float
from adl_jax.registry import Registry


Point = Float[Array, "*point"]


class AbstractMirrorMap(eqx.Module):
    """A strictly convex potential psi and the two maps it makes."""

    @abc.abstractmethod
    def potential(self, x: Point) -> Scalar:
        """psi(x), shape `()`."""

    @abc.abstractmethod
    def to_dual(self, x: Point) -> Point:
        """z = grad psi(x), same shape."""

    @abc.abstractmethod
    def to_primal(self, z: Point) -> Point:
        """x = grad psi*(z), the inverse of `to_dual`."""

    def divergence(self, x: Point, y: Point) -> Scalar:
        """Bregman divergence, psi(x) - psi(y) - <grad psi(y), x - y>, >= 0."""
        linear = jnp.sum(self.to_dual(y) * (x - y))
        return self.potential(x) - self.potential(y) - linear


class Euclidean(AbstractMirrorMap):
    """psi = sum x^2 / 2: the dual is the primal, and mirror descent gradient descent."""

    def potential(self, x: Point) -> Scalar:
        """Half the sum of squares."""
        return (x**2).sum() / 2

    def to_dual(self, x: Point) -> Point:
        """x itself."""
        return x

    def to_primal(self, z: Point) -> Point:
        """z itself."""
        return z

    def divergence(self, x: Point, y: Point) -> Scalar:
        """Half the squared distance."""
        return ((x - y) ** 2).sum() / 2


class NegativeEntropy(AbstractMirrorMap):
    """psi = sum x log x - x on x > 0: steps multiply (Kivinen and Warmuth, 1997).

    For amounts and rates that may be anything from tiny to large. The Bregman projection
    onto a box and a budget is `adl_jax.projection.entropic`.
    """

    def potential(self, x: Point) -> Scalar:
        """Sum of x log x - x, 0 at 0."""
        return (_x_log_x(x) - x).sum()

    def to_dual(self, x: Point) -> Point:
        """log x."""
        return jnp.log(x)

    def to_primal(self, z: Point) -> Point:
        """exp z."""
        return jnp.exp(z)

    def divergence(self, x: Point, y: Point) -> Scalar:
        """Generalised Kullback-Leibler, sum of x log(x/y) - x + y."""
        return (_x_log_ratio(x, y) - x + y).sum()


class SimplexEntropy(NegativeEntropy):
    """Negative entropy on the probability simplex: lazily driven, it is Hedge.

    The projection is inside: `to_primal` is softmax, which cannot underflow as a whole.
    """

    def to_primal(self, z: Point) -> Point:
        """softmax z."""
        return jax.nn.softmax(z)


class BinaryEntropy(AbstractMirrorMap):
    """Fermi-Dirac entropy on the box 0 < x < upper: steps add log-odds.

    psi = sum x log x + (u - x) log(u - x) (Beck and Teboulle, 2003).

    **Arguments:** `upper`: shape `()` or the point's, u > 0.
    """

    upper: Float[Array, "*point"] = eqx.field(default=1.0, converter=as_float)

    def potential(self, x: Point) -> Scalar:
        """Sum of x log x + (u - x) log(u - x)."""
        return (_x_log_x(x) + _x_log_x(self.upper - x)).sum()

    def to_dual(self, x: Point) -> Point:
        """log(x / (u - x))."""
        return jnp.log(x) - jnp.log(self.upper - x)

    def to_primal(self, z: Point) -> Point:
        """u times the logistic function of z."""
        return self.upper * jax.nn.sigmoid(z)

    def divergence(self, x: Point, y: Point) -> Scalar:
        """Sum of x log(x/y) + (u - x) log((u - x)/(u - y))."""
        rest = _x_log_ratio(self.upper - x, self.upper - y)
        return (_x_log_ratio(x, y) + rest).sum()


class Log(AbstractMirrorMap):
    """psi = -sum log x on x > 0: its divergence does not know the unit of a rate.

    Burg entropy; the divergence is Itakura and Saito's, x/y - log(x/y) - 1, the same for
    rates per cent and per mille. Its dual -1/x ends at 0, so that the map stops at the
    largest rate there can be.

    **Arguments:** `upper`: shape `()`, the largest x that a step may reach.
    """

    upper: Scalar = eqx.field(default=1.0, converter=as_float)

    def potential(self, x: Point) -> Scalar:
        """Minus the sum of logarithms."""
        return -jnp.log(x).sum()

    def to_dual(self, x: Point) -> Point:
        """-1/x."""
        return -1 / x

    def to_primal(self, z: Point) -> Point:
        """-1/z, at most `upper`."""
        return -1 / jnp.minimum(z, -1 / self.upper)

    def divergence(self, x: Point, y: Point) -> Scalar:
        """Sum of x/y - log(x/y) - 1."""
        ratio = x / y
        return (ratio - jnp.log(ratio) - 1).sum()


class PNorm(AbstractMirrorMap):
    """psi = half the squared p-norm, 1 < p <= 2: between Euclidean and entropic.

    Its dual norm is the q-norm, 1/p + 1/q = 1 (Gentile, 2003).

    **Arguments:** `p`: shape `()`.
    """

    p: Scalar = eqx.field(default=1.5, converter=as_float)

    def potential(self, x: Point) -> Scalar:
        """Half the squared p-norm."""
        return _norm(x, self.p) ** 2 / 2

    def to_dual(self, x: Point) -> Point:
        """sign(x) |x|^(p-1) / |x|_p^(p-2); 0 at 0."""
        return _p_norm_gradient(x, self.p)

    def to_primal(self, z: Point) -> Point:
        """The same with q."""
        return _p_norm_gradient(z, self.p / (self.p - 1))


mirror_maps: Registry[AbstractMirrorMap] = Registry("mirror map")
mirror_maps.register("euclidean", Euclidean)
mirror_maps.register("negative_entropy", NegativeEntropy)
mirror_maps.register("simplex_entropy", SimplexEntropy)
mirror_maps.register("binary_entropy", BinaryEntropy)
mirror_maps.register("log", Log)
mirror_maps.register("p_norm", PNorm)


class Box(eqx.Module):
    """Clips each coordinate: the Bregman projection of every separable map onto a box.

    **Arguments:** `lower`, `upper`: shape `()` or the point's. Entropies need a `lower`
    above 0, from where a multiplied step can still come back.
    """

    lower: Float[Array, "*point"] = eqx.field(default=0.0, converter=as_float)
    upper: Float[Array, "*point"] = eqx.field(default=1.0, converter=as_float)

    def __call__(self, x: Point) -> Point:
        """The nearest point of the box."""
        return optax.projections.projection_box(x, self.lower, self.upper)


class _Plain(eqx.Module):
    """A function that is no module, so that it is part of the program, not of the data."""

    function: Callable[..., Any] = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


class MirrorDescentState(NamedTuple):
    """The point to play, its dual before the projection, and optax's own state."""

    point: Any
    dual: Any
    optimizer: Any


class MirrorDescent(eqx.Module):
    """Mirror descent; made by `mirror_descent`."""

    optimizer: Callable[..., Any]
    step_size: Any
    mirror_map: AbstractMirrorMap
    project: Callable[[Any], Any]
    lazy: bool = eqx.field(default=False, static=True)

    def _transformation(self, dtype: Any) -> optax.GradientTransformationExtraArgs:
        # Built here, from an array leaf: one trace serves all step sizes.
        arguments = () if self.step_size is None else (self.step_size.astype(dtype),)
        return optax.with_extra_args_support(self.optimizer(*arguments))

    def init(self, point: Point) -> MirrorDescentState:
        """Starts at a point of the set."""
        mirror_map = as_dtype(self.mirror_map, point.dtype)
        dual = mirror_map.to_dual(point)
        optimizer = self._transformation(point.dtype).init(dual)
        return MirrorDescentState(point, dual, optimizer)

    def play(self, state: MirrorDescentState, hint: Point | None = None) -> Point:
        """The point for this round.

        **Arguments:** `hint`: a guess of the gradient to come; the point moves by the
        step that the guess would cause, and the state does not (optimistic mirror
        descent: Chiang et al., 2012; Rakhlin and Sridharan, 2013).
        """
        if hint is None:
            return state.point
        return self._step(state, hint)[0]

    def update(self, gradient: Point, state: MirrorDescentState) -> MirrorDescentState:
        """Takes one step along a subgradient at the point that was played."""
        return MirrorDescentState(*self._step(state, gradient))

    def _step(self, state: MirrorDescentState, gradient: Point) -> tuple[Any, ...]:
        dtype = state.point.dtype
        mirror_map, project = as_dtype((self.mirror_map, self.project), dtype)
        before = state.dual if self.lazy else mirror_map.to_dual(state.point)
        update, optimizer = self._transformation(dtype).update(
            gradient, state.optimizer, before
        )
        dual: Any = optax.apply_updates(before, update)
        return project(mirror_map.to_primal(dual)), dual, optimizer


def mirror_descent(
    optimizer: Callable[..., Any] | optax.GradientTransformation,
    mirror_map: AbstractMirrorMap,
    project: Callable[[Any], Any],
    *,
    step_size: Any = None,
    lazy: bool = False,
) -> MirrorDescent:
    """Mirror descent: optax steps in dual coordinates, and a Bregman projection.

    `agile` (the default) embeds the projected point anew each round, z = grad psi(x_t),
    and then steps; `lazy` keeps the sum of steps and projects it only to play (dual
    averaging, Nesterov 2009). They are the same for a fixed step in the entropic
    simplex, and not in general. `optax.sgd`, AdaGrad's `optax.scale_by_rss` and
    `optax.optimistic_gradient_descent` keep a regret argument; others are heuristics.

    **Arguments:**

    - `optimizer`: a constructor such as `optax.sgd`, called with `step_size`; or an
        optax transformation, taken as it is.
    - `mirror_map`: an `AbstractMirrorMap`.
    - `project`: from the whole space to the set, in the primal, for example `Box()`.
        To be a Bregman projection it has to fit the map: `Box` fits all separable ones.
    - `step_size`: an array leaf, so that `jax.vmap` over it makes a pool of experts and
        no value is traced twice.
    - `lazy`: dual averaging instead of re-embedding.

    **Returns:** a `MirrorDescent` with `init(point)`, `play(state, hint=None)` and
    `update(gradient, state)`.

    **Differentiability:** as its parts; almost everywhere for a box.

    **Example:**

    ```python
    >>> import jax.numpy as jnp, optax
    >>> from adl_jax.mirror import Box, Euclidean, mirror_descent
    >>> descent = mirror_descent(optax.sgd, Euclidean(), Box(), step_size=0.5)
    >>> state = descent.init(jnp.asarray(0.2))
    >>> print(descent.update(jnp.asarray(-1.0), state).point)
    0.7

    ```
    """
    if isinstance(optimizer, optax.GradientTransformation):
        if step_size is not None:
            raise ValueError(
                "a step_size goes with a constructor: give optax.sgd, not optax.sgd(...)"
            )
        made: Callable[..., Any] = _Plain(_Constant(optimizer))
    else:
        made = _as_module(optimizer)
    return MirrorDescent(
        optimizer=made,
        step_size=None if step_size is None else as_float(step_size),
        mirror_map=mirror_map,
        project=_as_module(project),
        lazy=lazy,
    )


class _Constant:
    """Always the same transformation."""

    def __init__(self, value: optax.GradientTransformation):
        self.value = value

    def __call__(self) -> optax.GradientTransformation:
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Constant) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


def _as_module(function: Callable[..., Any]) -> Callable[..., Any]:
    # A module brings array leaves of its own; any other callable is part of the program.
    if isinstance(function, eqx.Module):
        return cast(Callable[..., Any], function)
    return _Plain(function)


def _x_log_x(x: Point) -> Point:
    some = x > 0
    safe = jnp.where(some, x, 1)
    return jnp.where(some, safe * jnp.log(safe), 0)


def _x_log_ratio(x: Point, y: Point) -> Point:
    some = x > 0
    safe = jnp.where(some, x, 1)
    return jnp.where(some, safe * (jnp.log(safe) - jnp.log(y)), 0)


def _norm(x: Point, p: Scalar) -> Scalar:
    size = jnp.abs(x)
    some = size > 0
    total = jnp.where(some, jnp.where(some, size, 1) ** p, 0).sum()
    return jnp.where(total > 0, jnp.where(total > 0, total, 1) ** (1 / p), 0)


def _p_norm_gradient(x: Point, p: Scalar) -> Point:
    size = jnp.abs(x)
    some = size > 0
    norm = _norm(x, p)
    safe = jnp.where(norm > 0, norm, 1)
    scaled = jnp.where(some, size, 1) / safe
    return jnp.where(some, jnp.sign(x) * safe * scaled ** (p - 1), 0)
