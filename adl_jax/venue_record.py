"""What is kept of the venue itself in every round."""

import equinox as eqx

from adl_jax._types import PerAccount, PerMarket, PerSide, Scalar


class VenueRecord(eqx.Module):
    """What happened to the venue in a round. Shape `()` and USD unless said otherwise.

    **Fields:**

    - `mark`: shape `(markets,)`, after the shock.
    - `liquidated`, `closed_out`, `insolvent`: numbers of accounts under margin, of those
        with something left after book and vault, and of those without equity.
    - `book_sold`, `to_vault`: notional taken by the order book and by the vault.
    - `fees`: liquidation fees.
    - `closeout_quantity`: shape `(markets, 2)`, contracts closed out, by side of the
        accounts; `closed_by_adl`: the part that winners took over.
    - `outside_price`: shape `(markets, 2)`, what the rest fetched.
    - `impact`: the effective slope of Proposition 11, the mean of the markets' slopes
        weighted by squared quantities; 0 without close-outs.
    - `owed`: what insolvent accounts owed at the mark; `debt`: what closed accounts owed
        in the end.
    - `paid_by_fund`, `refunded`, `surplus`: to debts by the fund; raised in vain and given
        back, or kept by the fund.
    - `fund`, `vault_equity`, `revenue`, `unpaid`: at the end of the round.
    - `profit_closed`: profit that a pool's limit has closed so far.
    - `solvency`: sum of the accounts' equity, (2), at the end.
    - `largest_haircut`, `beyond_profit`: the largest of one account, and the sum above the
        winners' profit.
    - `unhedged`: absolute change of accounts' net notional by ADL, summed; and
        `exposure`: shape `(accounts,)`, by account, signed; `None` where not kept.
    - `touched`, `left`: numbers of accounts that paid, and of winners that closed
        everything after a full haircut.
    - `open_interest`: notional of the accounts' positions at the end.
    - `cash`: what never changes (`settle.total_cash`).
    """

    mark: PerMarket
    liquidated: Scalar
    closed_out: Scalar
    insolvent: Scalar
    book_sold: Scalar
    to_vault: Scalar
    fees: Scalar
    closeout_quantity: PerSide
    closed_by_adl: PerSide
    outside_price: PerSide
    impact: Scalar
    owed: Scalar
    debt: Scalar
    paid_by_fund: Scalar
    refunded: Scalar
    surplus: Scalar
    fund: Scalar
    vault_equity: Scalar
    revenue: Scalar
    unpaid: Scalar
    profit_closed: Scalar
    solvency: Scalar
    largest_haircut: Scalar
    beyond_profit: Scalar
    unhedged: Scalar
    touched: Scalar
    left: Scalar
    open_interest: Scalar
    cash: Scalar
    exposure: PerAccount | None = None
