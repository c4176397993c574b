"""What a policy may not see cannot change what it does: mechanical, for every policy.

A column of the rounds is replaced by other numbers, from a round on. Whatever the policy
does before it may see that column has to stay bit-equal.
"""

from typing import Any

import jax
import numpy as np

from adl_jax.loop import replay
from adl_jax.messages import Information
from adl_jax.policy import AbstractPolicy
from adl_jax.rounds import Rounds
from adl_jax.testing.examples import round_fields
from adl_jax.testing.laws import require


COLUMNS = (
    *("deficit", "needed", "capacity", "score", "leverage", "lot_value", "start_ms"),
    *("closeout_quantity", "closeout_price", "closeout_gap"),
)
"""What rounds hold, a row each."""
_AT_START = {"deficit", "capacity", "score", "leverage", "lot_value", "start_ms"}
_CLOSEOUTS = {"closeout_quantity", "closeout_price"}
# Seen in the round itself, by what it may change: the commitment, or the haircuts too.
_SEEN_NOW = {
    Information.deficit: (_AT_START, _AT_START),
    Information.notional: (_AT_START, _AT_START | _CLOSEOUTS),
    Information.hindsight: (
        _AT_START | {"needed"},
        _AT_START | {"needed"} | _CLOSEOUTS,
    ),
}


def check_declares(policy: AbstractPolicy) -> None:
    """What a policy sees is declared, and it sees something: a recorded row does not."""
    declared = policy.information
    require(
        isinstance(declared, Information) and declared is not Information.observed,
        f"{type(policy).__name__}.information is {declared!r}: declare deficit or "
        "notional; recorded rows see nothing and are not held to this",
    )


def fields_to_change(seed: int = 11) -> dict[str, Any]:
    """Six rounds with every column that there can be."""
    fields = round_fields(seed, rounds=6)
    lots = np.random.default_rng(seed).uniform(0.5, 2, fields["capacity"].shape)
    return fields | {"lot_value": lots}


def perturbed(fields: dict[str, Any], column: str, start: int) -> dict[str, Any]:
    """The fields with one column replaced by other numbers from a round on."""
    draw = np.random.default_rng(start)
    values = fields[column].copy()
    if column == "start_ms":
        values[start:] -= draw.integers(1, 4_000)
    else:
        values[start:] = values[start:] * draw.uniform(0.2, 3, values[start:].shape) + 1
    changed = fields | {column: values}
    if column == "capacity":
        changed["capacity_total"] = values.sum(axis=1)
    return changed


def decisions(
    fields: dict[str, Any], policy: AbstractPolicy
) -> tuple[list[Any], list[Any]]:
    """What a policy committed to in every round, and the haircuts."""
    records = replay(Rounds(**fields), policy).records
    return jax.tree.leaves(records.commitment), [records.haircut]


def assert_same_until(before: list[Any], after: list[Any], rounds: int) -> None:
    """Bit-equal in the first rounds."""
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(
            np.asarray(old)[:rounds],
            np.asarray(new)[:rounds],
            err_msg="the policy saw what it does not declare, or the future",
        )


def check_unseen(policy: AbstractPolicy, column: str) -> None:
    """A column that is not seen, or not yet, changes nothing."""
    check_declares(policy)
    in_commitment, in_haircuts = _SEEN_NOW[policy.information]
    fields = fields_to_change()
    before = decisions(fields, policy)
    for start in (1, 3, 5):
        after = decisions(perturbed(fields, column, start), policy)
        # A column that is seen in its round may change that round, and none before.
        assert_same_until(before[0], after[0], start + (column not in in_commitment))
        assert_same_until(before[1], after[1], start + (column not in in_haircuts))


def check_never_shown(policy: AbstractPolicy) -> None:
    """What no round ever shows to this policy changes nothing at all."""
    fields = fields_to_change()
    changes: list[dict[str, Any]] = [{"end_ms": fields["end_ms"] + 1_000}]
    if policy.information is Information.deficit:
        changes.append({"max_leverage": fields["max_leverage"] * 2})
        changes.append(dict.fromkeys((*_CLOSEOUTS, "closeout_gap", "max_leverage")))
    before = decisions(fields, policy)
    for change in changes:
        after = decisions(fields | change, policy)
        assert_same_until(before[0], after[0], 6)
        assert_same_until(before[1], after[1], 6)


def check_unseen_without_accounts(policy: AbstractPolicy) -> None:
    """Rounds that know no accounts leak nothing either."""
    check_declares(policy)
    bare = dict.fromkeys(("capacity", "score", "leverage", "lot_value"))
    fields = fields_to_change() | bare

    def commitments(changed: dict[str, Any]) -> list[Any]:
        return jax.tree.leaves(replay(Rounds(**changed), policy).records.commitment)

    before = commitments(fields)
    for column in {"needed", *_CLOSEOUTS} - _SEEN_NOW[policy.information][0]:
        after = commitments(perturbed(fields, column, 3))
        assert_same_until(before, after, 4)
