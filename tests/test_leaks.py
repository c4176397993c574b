"""What a policy may not see cannot change what it does: mechanical, for every policy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax import Information, Recorded
from tests.conftest import round_fields
from tests.policies import ALL


PER_ROUND = [
    *("deficit", "needed", "capacity", "score", "leverage"),
    *("closeout_quantity", "closeout_price", "closeout_gap"),
]
CLOSEOUTS = {"closeout_quantity", "closeout_price"}
# Seen in the round itself, by what it may change: the commitment, or the haircuts too.
SEEN_NOW = {
    Information.deficit: (
        {"deficit", "capacity", "score", "leverage"},
        {"deficit", "capacity", "score", "leverage"},
    ),
    Information.notional: (
        {"deficit", "capacity", "score", "leverage"},
        {"deficit", "capacity", "score", "leverage"} | CLOSEOUTS,
    ),
    Information.hindsight: (
        {"deficit", "capacity", "score", "leverage", "needed"},
        {"deficit", "capacity", "score", "leverage", "needed"} | CLOSEOUTS,
    ),
}


def perturbed(fields, name, start):
    """The fields with one column replaced by other numbers from a round on."""
    draw = np.random.default_rng(start)
    values = fields[name].copy()
    values[start:] = values[start:] * draw.uniform(0.2, 3, values[start:].shape) + 1
    changed = fields | {name: values}
    if name == "capacity":
        changed["capacity_total"] = values.sum(axis=1)
    return changed


def decisions(fields, policy):
    records = adl_jax.replay(adl_jax.Rounds(**fields), policy).records
    return jax.tree.leaves(records.commitment), [records.haircut]


def assert_same_until(before, after, rounds):
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(
            np.asarray(old)[:rounds], np.asarray(new)[:rounds]
        )


@pytest.mark.parametrize("column", PER_ROUND)
@pytest.mark.parametrize("name", ALL)
def test_the_unseen_changes_nothing(name, column):
    policy = ALL[name]()
    in_commitment, in_haircuts = SEEN_NOW[policy.information]
    fields = round_fields(11, rounds=6)
    before = decisions(fields, policy)
    for start in (1, 3, 5):
        after = decisions(perturbed(fields, column, start), policy)
        # A column that is seen in its round may change that round, and none before.
        assert_same_until(before[0], after[0], start + (column not in in_commitment))
        assert_same_until(before[1], after[1], start + (column not in in_haircuts))


@pytest.mark.parametrize("column", ["end_ms", "needed", "closeout_gap"])
def test_what_nobody_ex_ante_learns_from_changes_nothing_at_all(column):
    fields = round_fields(11, rounds=6)
    value = fields[column] + (1_000 if column == "end_ms" else 1.0)
    for name in ("zero/queue", "full/pro_rata", "constant_rate/queue"):
        before = decisions(fields, ALL[name]())
        after = decisions(fields | {column: value}, ALL[name]())
        assert_same_until(before[0], after[0], 6)
        assert_same_until(before[1], after[1], 6)


def test_the_leak_test_catches_a_leak():
    class Peeks(adl_jax.severity.Fixed):
        """Declares the deficit set, and is smuggled the future."""

        future: jax.Array = None

        def commit(self, state, observation):
            now = observation.round
            return adl_jax.Commitment(budget=self.future[now])

    fields = round_fields(11, rounds=6)
    before, after = (
        decisions(
            changed,
            adl_jax.Policy(Peeks(0.5, jnp.asarray(changed["needed"])), adl_jax.Queue()),
        )
        for changed in (fields, perturbed(fields, "needed", 3))
    )
    assert_same_until(before[0], after[0], 3)
    with pytest.raises(AssertionError):
        assert_same_until(before[0], after[0], 4)


def test_recorded_rows_see_nothing():
    fields = round_fields(11, rounds=6)
    row = Recorded(np.arange(6.0), np.linspace(0, 1, 6))
    before = jax.tree.leaves(
        adl_jax.replay(adl_jax.Rounds(**fields), row).records.commitment
    )
    for column in PER_ROUND:
        changed = adl_jax.Rounds(**perturbed(fields, column, 0))
        after = jax.tree.leaves(adl_jax.replay(changed, row).records.commitment)
        assert_same_until(before, after, 6)
