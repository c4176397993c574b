"""`simulate` against an account by account reference, on 200 random small venues."""

import jax
import numpy as np
import pytest

from tests.simulation.cases import ROUNDS, Variant, make, simulate_all
from tests.simulation.oracle import Oracle, accounts_of


EACH = 20
VARIANTS = {
    "plain": Variant(),
    "slices_into_a_vault": Variant(
        who="pro_rata", liquidation="slice", closes_out="insolvent", vault=True,
        per_market=True, surplus="refund",
    ),
    "to_margin_and_caps": Variant(
        theta=None, liquidation="to_margin", basis="equity", equity_floor=True, most=True,
    ),
    "social_loss": Variant(who="pro_rata", basis="collateral", closes_out="insolvent"),
    "other_collateral": Variant(
        who="pro_rata", holdings=True, vault=True, closes_out="insolvent", per_market=True,
    ),
    "sees_execution": Variant(
        theta=None, who="pro_rata", sees_execution=True, leaves=False, surplus="refund",
        holdings=True, liquidation="to_margin",
    ),
    "bankruptcy_protected": Variant(settlement="contracts"),
    "bankruptcy_slices": Variant(
        settlement="contracts", who="pro_rata", protect=False, liquidation="slice",
        closes_out="insolvent", vault=True, per_market=True,
    ),
    "mark_in_lots": Variant(
        settlement="contracts", who="pro_rata", close_price="mark", lot=True, most=True,
    ),
    "previous_mark": Variant(
        settlement="contracts", close_price="previous_mark", protect=False,
        closes_out="insolvent", vault=True,
    ),
}  # fmt: skip


def compare(ours, theirs, scale, place):
    """Equal up to the rounding of sums of some hundred terms of size `scale`."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    assert ours.shape == theirs.shape, place
    np.testing.assert_allclose(
        ours, theirs, rtol=1e-10, atol=1e-12 * scale, err_msg=place
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_every_number_equals_an_obvious_account_by_account_round(name):
    variant = VARIANTS[name]
    first = 1000 * list(VARIANTS).index(name)
    cases = [make(variant, first + i) for i in range(EACH)]
    records, ledgers, statuses = simulate_all(variant, cases)
    seen = {"active": 0, "deficit": 0, "needed": 0, "touched": 0, "unpaid": 0}
    for k, case in enumerate(cases):
        oracle = Oracle(accounts_of(case.book), case.numbers, case.rules)
        record = jax.tree.map(lambda leaf, k=k: leaf[k], records)
        # Money that changes hands is at most all positions' value.
        size, entry = np.asarray(case.book.size), np.asarray(case.book.entry_price)
        usd = float(np.abs(size * entry).sum())
        for t in range(ROUNDS):
            expected = oracle.round(case.path[t], case.theta)
            quiet = expected.pop("quiet")
            seen["active"] += not quiet
            for field in expected:
                seen_here = getattr(record, field, None)
                ours = getattr(record.venue, field) if seen_here is None else seen_here
                compare(
                    ours[t], expected[field], usd, f"{name} {first + k} {t} {field}"
                )
            for field in seen.keys() & expected.keys():
                seen[field] += bool(expected[field] > 1e-9)
            if quiet:
                for field in ("deficit", "budget", "executed", "needed", "haircut"):
                    assert not getattr(record, field)[t].any()
        check_ledger(jax.tree.map(lambda leaf, k=k: leaf[k], ledgers), oracle, usd)
    assert (statuses == 0).all() or not variant.equity_floor
    # The venues are no trivial ones.
    assert seen["active"] > EACH
    assert seen["deficit"] > EACH / 2
    assert seen["touched"] > EACH / 4
    assert seen["unpaid"] > 2


def check_ledger(ledger, oracle, usd):
    """Who holds what in the end."""
    whole = {
        "mark": oracle.mark, "previous_mark": oracle.previous,
        "vault_cash": oracle.vault_cash, "vault_size": oracle.vault_size,
        "outside_cash": oracle.outside_cash, "outside_size": oracle.outside_size,
        "revenue": oracle.revenue, "debt": oracle.debt, "sold": oracle.sold,
        "taken": oracle.taken,
        "fund": oracle.fund if oracle.per_market else oracle.fund[0],
        "fund_peak": oracle.peak if oracle.per_market else oracle.peak[0],
    }  # fmt: skip
    for field, value in whole.items():
        compare(getattr(ledger, field), value, usd, field)
    collateral = [a.collateral for a in oracle.accounts]
    compare(ledger.book.collateral, collateral, usd, "collateral")
    for row in range(ledger.book.size.size):
        account, market = int(ledger.book.account[row]), int(ledger.book.market[row])
        size, entry = oracle.accounts[account].positions[market]
        compare(ledger.book.size[row], size, usd, "size")
        if size != 0:
            compare(ledger.book.entry_price[row], entry, usd, "entry")
    if ledger.book.holdings is not None:
        compare(
            ledger.book.holdings, [a.holdings for a in oracle.accounts], usd, "held"
        )
