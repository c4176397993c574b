"""Mirror descent that drives any optax transformation in the dual."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import equinox as eqx
import optax
from jaxtyping import Array, Float

from adl_jax._types import as_dtype, as_float
from adl_jax.mirror.base import AbstractMirrorMap, Point


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
