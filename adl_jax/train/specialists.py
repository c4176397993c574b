"""Meta-training: a specialist for each family of simulators, and a vote at run time."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import jax

from adl_jax._types import Key
from adl_jax.allocator import AbstractAllocation
from adl_jax.policy import Policy
from adl_jax.severity import AbstractSeverity, AdaHedge, Experts, stack
from adl_jax.train.fit import Trained, train
from adl_jax.train.objective import AbstractObjective
from adl_jax.train.problem import AbstractProblem


Families = Mapping[str, Mapping[str, AbstractProblem]]


class Specialists(NamedTuple):
    """What comes of training a specialist for each family.

    **Fields:** `policy`: AdaHedge over them, with the given allocation; `trained`: a
    `Trained` for each family.
    """

    policy: Policy
    trained: dict[str, Trained]


def train_specialists(
    key: Key,
    severity: AbstractSeverity,
    allocation: AbstractAllocation,
    families: Families,
    objective: AbstractObjective,
    validation: Families,
    *,
    combine: Literal["mean", "median"] = "median",
    also: tuple[AbstractSeverity, ...] = (),
    **options: Any,
) -> Specialists:
    """Trains one severity on each family, and puts them under one `AdaHedge`.

    Which simulator is right is not known when a crash begins; AdaHedge weighs the
    specialists by what each would have lost so far, with no number of its own.

    **Arguments:**

    - `key`: a typed PRNG key; each family's training has its own.
    - `severity`: where every specialist starts.
    - `allocation`: who pays, in training and after.
    - `families`: problems by name, of each family by name.
    - `validation`: the same families in other draws: a specialist stops where its own
        family says so.
    - `combine`: as in `AdaHedge`.
    - `also`: further experts, as stacks of `Experts`.
    - `options`: those of `train`.

    **Returns:** a `Specialists`.

    **Raises:** as `train`.

    **Cost:** that of as many trainings as there are families.

    **Example:** close-outs that cost one per cent, and such that cost three.

    ```python
    >>> import jax, adl_jax
    >>> from adl_jax import train
    >>> def costs(needed):
    ...     event = adl_jax.Rounds(
    ...         deficit=[9.0, 9.0], needed=[needed, needed], capacity_total=[99.0, 99.0],
    ...         start_ms=[0, 1000], end_ms=[10, 1010],
    ...         closeout_quantity=[[100.0], [100.0]], closeout_price=[[1.0], [1.0]],
    ...     )
    ...     return {"event": train.stack_events(event)}
    >>> families = {"cheap": costs(1.0), "dear": costs(3.0)}
    >>> found = train.train_specialists(
    ...     jax.random.key(0), adl_jax.severity.ConstantRate(0.01), adl_jax.ProRata(),
    ...     families, train.Mean("tracking"), families,
    ...     settings=train.Settings(steps=60, batch_size=1, learning_rate=0.1),
    ... )
    >>> print(found.policy.severity.experts.stacks[0].rate.round(3))
    [0.01 0.03]

    ```
    """
    trained = {
        name: train(
            jax.random.fold_in(key, number),
            Policy(severity, allocation),
            problems,
            objective,
            validation[name],
            **options,
        )
        for number, (name, problems) in enumerate(families.items())
    }
    experts = []
    for one in trained.values():
        assert isinstance(one.policy, Policy)
        experts.append(one.policy.severity)
    pool = Experts((stack(experts), *also))
    return Specialists(Policy(AdaHedge(pool, combine), allocation), trained)
