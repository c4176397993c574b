"""The one loop: rounds in a `lax.scan`."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from adl_jax._types import Index, Key
from adl_jax.adl_round import decide, information_of, record
from adl_jax.messages import (
    Information,
    Observation,
    Outcome,
    Trajectory,
    before_closeouts,
    visible,
    visible_record,
)
from adl_jax.policy import AbstractPolicy, Recorded
from adl_jax.result import RESULTS, InputError, first_failure
from adl_jax.rounds import Rounds


def replay(
    rounds: Rounds,
    policy: AbstractPolicy,
    *,
    key: Key | None = None,
    keep_haircuts: bool = True,
) -> Trajectory:
    """Runs a policy over given rounds (the fixed trajectory of section 5).

    In each round the policy commits, the loop applies the limits of `adl_round.decide`,
    the policy allocates, the outcome is settled, and the policy learns. What a policy
    is shown follows its declared information set, by construction.

    **Arguments:**

    - `rounds`: what happened, a `Rounds`.
    - `policy`: an `AbstractPolicy`. Its array leaves are traced: one compilation serves
        all their values.
    - `key`: a typed PRNG key for policies that draw lots, folded by the round's index;
        `jax.random.key(0)` if not given.
    - `keep_haircuts`: whether records hold the haircuts `(rounds, accounts)`.

    **Returns:** a `Trajectory`.

    **Raises:** `ValueError` where a recorded row has another number of rounds, where a
    policy declares an information set that is not its own to take, or where it commits
    to a rate and the rounds have no close-outs. A failure inside is in
    `Trajectory.status`.

    **Invariants:** 0 <= haircut <= capacity; executed = sum of haircuts = budget, or the
    status says so; the commitment of round t does not depend on anything later, nor on
    what the policy may not see.

    **Differentiability:** in the policy's leaves and in the rounds' amounts, almost
    everywhere, forward and reverse. Times are integers: use `eqx.filter_grad` for rounds.

    **Cost:** one pass over `(rounds, accounts)`, plus the allocation's.

    **Example:**

    ```python
    >>> import adl_jax
    >>> rounds = adl_jax.Rounds(
    ...     deficit=[10.0, 4.0], needed=[3.0, 2.0], capacity_total=[50.0, 40.0],
    ...     start_ms=[0, 10_000], end_ms=[500, 10_500],
    ... )
    >>> half = adl_jax.Policy(adl_jax.severity.Fixed(0.5), adl_jax.ProRata())
    >>> trajectory = adl_jax.replay(rounds, half)
    >>> print(trajectory.records.executed)
    [5. 2.]

    ```
    """
    information = information_of(policy)
    if type(policy) is Recorded and policy.executed.shape != rounds.deficit.shape:
        raise InputError(
            f"the recorded row has {policy.executed.shape[0]} rounds, the event has "
            f"{rounds.num_rounds}: give one entry a round"
        )
    key = jax.random.key(0) if key is None else key
    return _replay(rounds, policy, information, key, keep_haircuts)


@eqx.filter_jit
def _replay(
    rounds: Rounds,
    policy: AbstractPolicy,
    information: Information,
    key: Key,
    keep_haircuts: bool,
) -> Trajectory:
    observations, outcomes = rounds.observations(), rounds.outcomes()
    # What replay carries over between rounds is already in the given deficits.
    carried = jnp.zeros((), rounds.deficit.dtype)

    def one_round(
        carry: tuple[Any, RESULTS], now: tuple[Index, Observation, Outcome]
    ) -> tuple[tuple[Any, RESULTS], Any]:
        state, status = carry
        index, observation, outcome = now
        key_now = jax.random.fold_in(key, index)
        decision = decide(policy, information, state, observation, key=key_now)
        done = record(observation, decision, outcome, carried)
        state = policy.learn(
            state,
            visible(observation, information),
            visible_record(done, information),
        )
        kept = done if keep_haircuts else dataclasses.replace(done, haircut=None)
        return (state, first_failure(status, decision.status)), kept

    first = jax.tree.map(lambda leaf: leaf[0], observations)
    state = policy.init(before_closeouts(visible(first, information)))
    (state, status), records = jax.lax.scan(
        one_round,
        (state, RESULTS.successful),
        (jnp.arange(rounds.num_rounds), observations, outcomes),
    )
    return Trajectory(records=records, state=state, status=status)
