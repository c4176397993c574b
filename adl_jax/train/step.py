"""One step of training, and one validation: a program each."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool

from adl_jax._types import Index, Key, Scalar
from adl_jax.policy import AbstractPolicy
from adl_jax.train.families import Group, run_all
from adl_jax.train.leaves import Leaves
from adl_jax.train.objective import AbstractObjective
from adl_jax.train.settings import Settings


class State(NamedTuple):
    """Everything that a step changes.

    - `raw`: what is trained of the policy, by path, without ranges.
    - `variables`, `multipliers`: the objective's own.
    - `optimizer`: optax's state.
    - `step`, `skipped`: steps so far, and those whose gradient was not finite.
    """

    raw: dict[str, Array]
    variables: dict[str, Scalar]
    multipliers: dict[str, Scalar]
    optimizer: Any
    step: Index
    skipped: Index


class Report(NamedTuple):
    """What a step found: the loss and the norm of its gradient, before any limit."""

    loss: Scalar
    gradient_norm: Scalar
    finite: Bool[Array, ""]


def default_optimizer(settings: Settings) -> optax.GradientTransformation:
    """Adam with a limit on the gradient, and steps that fall along a half cosine."""
    rate = optax.cosine_decay_schedule(
        settings.learning_rate, settings.steps, alpha=0.1
    )
    return optax.chain(
        optax.clip_by_global_norm(settings.largest_gradient), optax.adam(rate)
    )


def first_state(
    raw: dict[str, Array],
    objective: AbstractObjective,
    optimizer: optax.GradientTransformation,
) -> State:
    """The state before the first step."""
    variables = objective.variables()
    zero = jnp.zeros((), jnp.int32)
    return State(
        raw=raw,
        variables=variables,
        multipliers=objective.multipliers(),
        optimizer=optimizer.init((raw, variables)),
        step=zero,
        skipped=zero,
    )


def make_step(
    leaves: Leaves,
    optimizer: optax.GradientTransformation,
    settings: Settings,
) -> Callable[..., tuple[State, Report]]:
    """The compiled step, `(state, policy, groups, objective, key) -> state, report`.

    Scenarios of step n depend on the key and on n alone. A step whose loss or gradient is
    not finite changes nothing but its count.
    """

    @eqx.filter_jit
    def step(
        state: State,
        policy: AbstractPolicy,
        groups: list[Group],
        objective: AbstractObjective,
        key: Key,
    ) -> tuple[State, Report]:
        def loss(trained: Any) -> tuple[Scalar, Any]:
            raw, variables = trained
            figures = run_all(
                groups,
                leaves.join(policy, raw),
                jax.random.fold_in(key, state.step),
                settings.batch_size,
                objective.needs,
                settings.remember,  # pyright: ignore
            )
            return objective.loss(figures, variables, state.multipliers), figures

        trained = (state.raw, state.variables)
        (value, figures), gradient = jax.value_and_grad(loss, has_aux=True)(trained)
        norm = optax.tree.norm(gradient)
        finite = jnp.isfinite(value) & jnp.isfinite(norm)
        # optax multiplies counts with numbers, which strict promotion refuses.
        with jax.numpy_dtype_promotion("standard"):
            updates, moved = optimizer.update(gradient, state.optimizer, trained)
        multipliers = objective.ascend(state.multipliers, figures)
        after = (optax.apply_updates(trained, updates), multipliers, moved)
        before = (trained, state.multipliers, state.optimizer)
        kept: Any = jax.tree.map(
            lambda new, old: jnp.where(finite, new, old), after, before
        )
        (raw, variables), multipliers, moved = kept
        return (
            State(
                *(raw, variables, multipliers, moved),
                step=state.step + 1,
                skipped=state.skipped + (~finite).astype(state.skipped.dtype),
            ),
            Report(value, norm, finite),
        )

    return step


def make_validation(
    leaves: Leaves, settings: Settings
) -> Callable[..., dict[str, Array]]:
    """The compiled validation, `(raw, policy, groups, objective, key) -> by family`.

    **Returns:** the objective's value in each family, in the order of `names_of`.
    """

    @eqx.filter_jit
    def validate(
        raw: dict[str, Array],
        policy: AbstractPolicy,
        groups: list[Group],
        objective: AbstractObjective,
        key: Key,
    ) -> dict[str, Array]:
        families = sum(len(group.names) for group in groups)
        batch = families * settings.validation_scenarios
        figures = run_all(groups, leaves.join(policy, raw), key, batch, objective.needs)
        values = jax.vmap(objective.value)(
            {name: figure.reshape(families, -1) for name, figure in figures.items()}
        )
        names = [name for group in groups for name in group.names]
        return dict(zip(names, values, strict=True))

    return validate
