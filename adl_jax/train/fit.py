"""Training: steps, validations, when to stop, and what comes of it."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from adl_jax._types import Key
from adl_jax.adl_round import information_of
from adl_jax.brief import count
from adl_jax.fingerprint import fingerprint
from adl_jax.messages import Information
from adl_jax.policy import AbstractPolicy
from adl_jax.result import InputError
from adl_jax.train.checkpoint import (
    Standing,
    claim,
    read_checkpoint,
    write_checkpoint,
)
from adl_jax.train.families import grouped, shared_out
from adl_jax.train.leaves import Range, choose
from adl_jax.train.objective import AbstractObjective, check_figures
from adl_jax.train.problem import AbstractProblem
from adl_jax.train.settings import Settings
from adl_jax.train.step import (
    State,
    default_optimizer,
    first_state,
    make_step,
    make_validation,
)


class Progress(NamedTuple):
    """How far a training is, after a validation."""

    step: int
    steps: int
    loss: float
    validation: float
    best: float
    seconds: float


class Trained(NamedTuple):
    """What comes of a training.

    **Fields:**

    - `policy`: as it was when its validation was lowest.
    - `last`: as it was after the last step.
    - `curve`: a row a step: `step`, `loss`, `gradient_norm`, `finite`.
    - `validations`: a row a validation: `step`, the mean, and each family's value.
    - `record`: plain values: what was trained on what, versions, and how it ended.
    """

    policy: AbstractPolicy
    last: AbstractPolicy
    curve: pd.DataFrame
    validations: pd.DataFrame
    record: dict[str, Any]

    def __repr__(self) -> str:
        """The policy, the steps, and what the validation was and is."""
        mean = self.validations["mean"]
        return (
            f"Trained({self.policy!r}, {count(len(self.curve), 'step')}, validation "
            f"{mean.iloc[0]:.4g} before and {mean.min():.4g} at best)"
        )


def train(
    key: Key,
    policy: AbstractPolicy,
    problems: Mapping[str, AbstractProblem],
    objective: AbstractObjective,
    validation: Mapping[str, AbstractProblem],
    *,
    settings: Settings | None = None,
    leaves: Iterable[str] = ("*",),
    ranges: Mapping[str, Range] | None = None,
    optimizer: optax.GradientTransformation | None = None,
    out: Path | str | None = None,
    resume: bool = False,
    report: Callable[[Progress], None] | None = None,
) -> Trained:
    r"""Trains a policy's numbers by gradient through the simulator.

    $\theta_{n+1}=\mathrm{optax}(\nabla_\theta J(\theta_n;\,\omega_n))$ with a new batch of
    scenarios omega_n in every step. The gradient is the pathwise one: it does not see
    that a changed policy moves somebody over a threshold (see
    `adl_jax.sensitivities`).

    **Arguments:**

    - `key`: a typed PRNG key; scenarios of a step depend on it and the step alone.
    - `policy`: any `AbstractPolicy` but wrappers of hindsight and recorded rows.
    - `problems`: families of scenarios to train on, by name; a batch has equal parts.
    - `objective`: an `AbstractObjective`.
    - `validation`: families to choose the best step by, which training never draws from.
        Their scenarios have keys of their own.
    - `settings`: `Settings`.
    - `leaves`, `ranges`: which numbers are trained, and their ranges; see `choose`.
    - `optimizer`: an optax transformation; `default_optimizer(settings)` if not given.
    - `out`: a folder for checkpoints and curves. `resume`: go on with what is in it: the
        end is the same, bit by bit, as without the interruption.
    - `report`: called after every validation.

    **Returns:** a `Trained`.

    **Raises:** `InputError` for a raw key, families that are missing or that lack a figure
    of the objective, leaves that do not exist, a folder that holds something else, and
    where more than `largest_skipped` of the steps had no finite gradient.

    **Cost:** two to three simulations of a batch a step; two programs are compiled.

    **Example:** a constant rate on one crash of a small venue.

    ```python
    >>> import jax, adl_jax
    >>> from adl_jax import train
    >>> from adl_jax.scenario.named import default
    >>> crash = {"default": train.Simulated(default(num_accounts=40))}
    >>> policy = adl_jax.Policy(adl_jax.severity.ConstantRate(0.01), adl_jax.ProRata())
    >>> settings = train.Settings(steps=2, batch_size=2, validation_scenarios=2)
    >>> trained = train.train(
    ...     jax.random.key(0), policy, crash, train.Mean(unit=1e3), crash,
    ...     settings=settings,
    ... )
    >>> list(trained.curve.columns)
    ['step', 'loss', 'gradient_norm', 'finite']

    ```
    """
    settings = Settings() if settings is None else settings
    _check(key, policy, objective, {**problems, **validation})
    chosen = choose(policy, leaves, ranges)
    raw = chosen.split(policy)
    groups, judged = grouped(problems), grouped(validation)
    shared_out(settings.batch_size, groups)
    identity = _identity(key, policy, problems, objective, validation, settings, raw)
    optimizer = default_optimizer(settings) if optimizer is None else optimizer
    for_steps, for_validation = (jax.random.fold_in(key, use) for use in (0, 1))
    step = make_step(chosen, optimizer, settings)
    validate = make_validation(chosen, settings)
    judge = lambda raw: validate(raw, policy, judged, objective, for_validation)

    folder = None if out is None else Path(out)
    if folder is not None:
        claim(folder, resume)
    began = time.perf_counter()
    state = first_state(raw, objective, optimizer)
    standing = read_checkpoint(folder, state, identity) if resume and folder else None
    if standing is None:
        standing = _judged(_nothing(state), judge(raw))
    while int(standing.state.step) < settings.steps:
        if standing.waited >= settings.patience:
            break
        standing = _advance(
            standing,
            lambda state: step(state, policy, groups, objective, for_steps),
            min(settings.validate_every, settings.steps - int(standing.state.step)),
        )
        standing = _judged(standing, judge(standing.state.raw))
        _check_skipped(standing.state, settings)
        if folder is not None:
            write_checkpoint(folder, standing, identity)
        if report is not None:
            report(_progress(standing, settings, time.perf_counter() - began))
    record = identity | _ending(standing, settings)
    record["seconds"] = time.perf_counter() - began
    return Trained(
        policy=chosen.join(policy, standing.best),
        last=chosen.join(policy, standing.state.raw),
        curve=pd.DataFrame(standing.curve),
        validations=pd.DataFrame(standing.validations),
        record=record,
    )


def _check(
    key: Key,
    policy: AbstractPolicy,
    objective: AbstractObjective,
    problems: Mapping[str, AbstractProblem],
) -> None:
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        raise InputError("train: give a typed key, jax.random.key(seed)")
    if information_of(policy) in (Information.hindsight, Information.observed):
        raise InputError(
            f"train: {type(policy).__name__} cannot be deployed: train the policy inside"
        )
    for name, problem in problems.items():
        check_figures(objective, problem.figures, f"family {name!r}")


def _nothing(state: State) -> Standing:
    return Standing(
        state=state,
        best=state.raw,
        curve=[],
        validations=[],
        best_value=math.inf,
        best_step=0,
        waited=0,
    )


def _advance(standing: Standing, step: Callable[[State], Any], count: int) -> Standing:
    """Takes steps, and reads what they found when they are all on their way."""
    state, found = standing.state, []
    first = int(state.step)
    for _ in range(count):
        state, one = step(state)
        found.append(one)
    rows = [
        {
            "step": first + number,
            # JSON and tables have no NaN.
            "loss": float(one.loss) if np.isfinite(one.loss) else None,
            "gradient_norm": float(one.gradient_norm) if one.finite else None,
            "finite": bool(one.finite),
        }
        for number, one in enumerate(jax.device_get(found))
    ]
    return standing._replace(state=state, curve=[*standing.curve, *rows])


def _judged(standing: Standing, values: Mapping[str, Any]) -> Standing:
    """Keeps the best: the lowest mean over families."""
    by_family = {name: float(value) for name, value in values.items()}
    mean = sum(by_family.values()) / len(by_family)
    step = int(standing.state.step)
    if not math.isfinite(mean):
        raise InputError(
            f"train: the validation at step {step} is {mean}: start from other numbers, "
            "or lower the learning rate"
        )
    row = {"step": step, "mean": mean, **by_family}
    standing = standing._replace(validations=[*standing.validations, row])
    if mean < standing.best_value:
        return standing._replace(
            best=standing.state.raw, best_value=mean, best_step=step, waited=0
        )
    return standing._replace(waited=standing.waited + 1)


def _check_skipped(state: State, settings: Settings) -> None:
    skipped, step = int(state.skipped), int(state.step)
    # A first bad batch is no pattern.
    if skipped > max(1, settings.largest_skipped * step):
        raise InputError(
            f"train: {skipped} of {step} steps had a loss or a gradient that is not "
            "finite: look at the policy's numbers, lower the learning rate, or raise "
            "largest_skipped"
        )


def _progress(standing: Standing, settings: Settings, seconds: float) -> Progress:
    losses = [row["loss"] for row in standing.curve if row["loss"] is not None]
    return Progress(
        step=int(standing.state.step),
        steps=settings.steps,
        loss=losses[-1] if losses else math.nan,
        validation=standing.validations[-1]["mean"],
        best=standing.best_value,
        seconds=seconds,
    )


def _identity(
    key: Key,
    policy: AbstractPolicy,
    problems: Mapping[str, AbstractProblem],
    objective: AbstractObjective,
    validation: Mapping[str, AbstractProblem],
    settings: Settings,
    raw: Mapping[str, Any],
) -> dict[str, Any]:
    prints = lambda families: {name: fingerprint(one) for name, one in families.items()}
    return {
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "policy": fingerprint(policy),
        "leaves": {name: list(np.shape(value)) for name, value in raw.items()},
        "families": prints(problems),
        "validation_families": prints(validation),
        "objective": fingerprint(objective),
        "settings": dataclasses.asdict(settings),
        "versions": {name: version(name) for name in ("jax", "optax", "equinox")},
        "device": jax.devices()[0].device_kind,
    }


def _ending(standing: Standing, settings: Settings) -> dict[str, Any]:
    state = standing.state
    stopped = "patience" if standing.waited >= settings.patience else "steps"
    return {
        "steps": int(state.step),
        "skipped": int(state.skipped),
        "stopped_by": stopped,
        "best_step": standing.best_step,
        "validation_before": standing.validations[0],
        "validation_best": min(standing.validations, key=lambda row: row["mean"]),
        "multipliers": {
            name: float(value) for name, value in state.multipliers.items()
        },
        "variables": {name: float(value) for name, value in state.variables.items()},
    }
