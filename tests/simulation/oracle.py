"""One venue, account by account, in plain Python: what `simulate` must give.

Written from the description of a round (settlement, waterfall, order), not from the
arrays: dictionaries, loops and `if`, float64, one account after another.
"""

import copy
import math


class Account:
    """One account: posted margin, other collateral, and {market: [size, entry]}."""

    def __init__(self, collateral, holdings):
        self.collateral, self.holdings = collateral, list(holdings)
        self.positions = {}

    def empty(self):
        return all(size == 0 for size, _ in self.positions.values())


class Oracle:
    """`rules`: numbers and names of the venue; `market`: lists by market."""

    def __init__(self, accounts, market, rules):
        self.accounts, self.market, self.rules = accounts, market, rules
        self.count = len(market["mark"])
        self.mark = list(market["mark"])
        self.previous = list(self.mark)
        self.asset_price = list(market.get("asset_price", []))
        fund = rules["fund"]
        self.per_market = isinstance(fund, list)
        self.fund = list(fund) if self.per_market else [fund]
        self.peak = list(self.fund)
        self.vault_cash = rules["vault"]["cash"] if rules["vault"] else 0.0
        self.vault_size = [0.0] * self.count
        self.outside_cash, self.revenue, self.debt = 0.0, 0.0, 0.0
        self.outside_size = [
            -sum(a.positions[m][0] for a in accounts if m in a.positions)
            for m in range(self.count)
        ]
        self.sold = [0.0] * self.count
        self.taken = [[0.0, 0.0] for _ in range(self.count)]

    # What accounts have.

    def held(self, account):
        haircut = self.market.get("asset_haircut", [])
        prices = zip(account.holdings, self.asset_price, haircut, strict=True)
        return sum(units * price * (1 - cut) for units, price, cut in prices)

    def pnl(self, account):
        return sum(
            size * (self.mark[m] - entry)
            for m, (size, entry) in account.positions.items()
        )

    def equity(self, account):
        return account.collateral + self.pnl(account) + self.held(account)

    def notional(self, account):
        return sum(abs(s) * self.mark[m] for m, (s, _) in account.positions.items())

    def maintenance(self, account):
        total = 0.0
        for m, (size, _) in account.positions.items():
            value, rates = abs(size) * self.mark[m], self.rules["rate"][m]
            floors, deduction, tiers = self.rules["floor"][m], 0.0, []
            for k, rate in enumerate(rates):
                if k:
                    deduction += (rate - rates[k - 1]) * floors[k]
                tiers.append(value * rate - deduction)
            total += max(tiers)
        return total

    def cash(self):
        own = sum(
            a.collateral - sum(s * e for s, e in a.positions.values())
            for a in self.accounts
        )
        other = self.vault_cash + sum(self.fund) + self.revenue + self.outside_cash
        return own + other - self.debt

    def contracts(self, m):
        held = sum(a.positions[m][0] for a in self.accounts if m in a.positions)
        return held + self.vault_size[m] + self.outside_size[m]

    # Money and contracts that move.

    def feed(self, m, amount):
        """The fund grows by an amount that comes from market m; None for all."""
        if not self.per_market:
            self.fund[0] += amount
        elif m is None:
            self.fund = [balance + amount / self.count for balance in self.fund]
        else:
            self.fund[m] += amount
        self.peak = [max(p, f) for p, f in zip(self.peak, self.fund, strict=True)]

    def trade(self, account, m, sold, price):
        size, entry = account.positions[m]
        account.positions[m] = [size - sold, entry]
        account.collateral += sold * (price - entry)
        self.outside_cash -= sold * price
        self.outside_size[m] += sold

    def spare(self, k):
        free = max(self.fund[k] - self.rules["fund_floor"] * self.peak[k], 0)
        most = self.rules["fund_most"]
        return free if most is None else min(free, most)

    def paid(self, debts, shares):
        """What each fund pays of accounts' debts."""
        if not self.per_market:
            return [min(self.spare(0), sum(debts))]
        owed = [0.0] * self.count
        for debt, share in zip(debts, shares, strict=True):
            for m, part in share.items():
                owed[m] += debt * part
        return [min(self.spare(k), owed[k]) for k in range(self.count)]

    @staticmethod
    def rest(debts, paid):
        """What is left to pay; what rounding leaves of the sums is nothing."""
        left = sum(debts) - sum(paid)
        return left if left > 1e-11 * sum(debts) else 0.0

    def average(self, slope, quantity):
        """Price of selling what longs, and buying what shorts, close, by market."""
        return [
            [
                max(self.mark[m] - slope[m] * quantity[m][0], 0),
                self.mark[m] + slope[m] * quantity[m][1],
            ]
            for m in range(self.count)
        ]

    def sums(self, orders):
        """Contracts by market and side of orders [{market: signed contracts}]."""
        total = [[0.0, 0.0] for _ in range(self.count)]
        for order in orders:
            for m, q in order.items():
                total[m][1 if q < 0 else 0] += abs(q)
        return total

    # One round, step by step.

    def strike(self, shock):
        rules, old = self.rules, self.mark
        self.previous = list(old)
        self.mark = []
        for m in range(self.count):
            moved = old[m] * math.exp(shock["log_return"][m])
            moved -= self.market["permanent"][m] * self.sold[m]
            self.mark.append(max(moved, old[m] * 1e-6))
        for k, m in enumerate(self.market.get("asset_market", [])):
            if m >= 0:
                self.asset_price[k] *= self.mark[m] / old[m]
        back = 1 - self.market["recovery"]
        self.taken = [[side * back for side in both] for both in self.taken]
        self.sold = [0.0] * self.count
        self.feed(None, rules["inflow"])
        self.revenue -= rules["inflow"]
        for m in range(self.count):
            rate = shock["funding"][m] * self.mark[m]
            for a in self.accounts:
                if m in a.positions:
                    a.collateral -= rate * a.positions[m][0]
            self.vault_cash -= rate * self.vault_size[m]
            self.outside_cash -= rate * self.outside_size[m]

    def part(self, m, size, equity, maintenance):
        """Share of a position that the venue's rule closes."""
        rule, numbers = self.rules["liquidation"]
        if equity < 0 or rule == "full":
            return 1.0
        if rule == "slice":
            large = abs(size) * self.mark[m] > numbers["above"]
            return numbers["share"] if large else 1.0
        return min(max(1 - equity / (numbers["target"] * maintenance), 0), 1)

    def round(self, shock, theta):
        self.strike(shock)
        accounts, rules = self.accounts, self.rules
        everyone = range(len(accounts))
        needs = [self.maintenance(a) for a in accounts]
        start = [self.equity(a) for a in accounts]
        under = [start[i] < needs[i] for i in everyone]
        if not any(under) and self.debt == 0:
            return {"quiet": True} | self.end()

        # Liquidation: the order book first, in equal shares of a side's orders.
        totals = [self.notional(a) for a in accounts]
        shares = [
            {
                m: abs(s) * self.mark[m] / totals[i] if totals[i] > 0 else 0.0
                for m, (s, _) in accounts[i].positions.items()
            }
            for i in everyone
        ]
        parts = [
            {
                m: self.part(m, s, start[i], needs[i]) if under[i] else 0.0
                for m, (s, _) in accounts[i].positions.items()
            }
            for i in everyone
        ]
        wanted = [
            {m: parts[i][m] * s for m, (s, _) in accounts[i].positions.items()}
            for i in everyone
        ]
        asked = self.sums(wanted)
        fills = [
            [
                min(max(shock["depth"][m] - self.taken[m][side], 0), asked[m][side])
                for side in (0, 1)
            ]
            for m in range(self.count)
        ]
        price = self.average(shock["impact"], fills)
        book_sold = fees = 0.0
        sold = [dict.fromkeys(wanted[i], 0.0) for i in everyone]
        for i in everyone:
            for m, q in wanted[i].items():
                if q != 0:
                    side = 1 if q < 0 else 0
                    full = fills[m][side] == asked[m][side]
                    sold[i][m] = q if full else q * fills[m][side] / asked[m][side]
                    self.trade(accounts[i], m, sold[i][m], price[m][side])
        for m in range(self.count):
            self.sold[m] = fills[m][0] - fills[m][1]
            self.taken[m] = [self.taken[m][side] + fills[m][side] for side in (0, 1)]
        for i in everyone:
            worth = {m: abs(q) * self.mark[m] for m, q in sold[i].items()}
            book_sold += sum(worth.values())
            asks = rules["fee"] * sum(worth.values())
            # All it has but a few bits, so that rounding leaves nobody insolvent.
            bits = 16 * 2**-52 * (totals[i] + abs(accounts[i].collateral))
            pays = min(asks, max(self.equity(accounts[i]) - bits, 0))
            for m, value in worth.items():
                if asks > 0:
                    fee = rules["fee"] * value * pays / asks
                    accounts[i].collateral -= fee
                    self.feed(m, fee * rules["fee_to_fund"])
                    self.revenue += fee * (1 - rules["fee_to_fund"])
                    fees += fee

        # The vault takes accounts with some equity, positions and money alike.
        taken, to_vault = [0.0] * len(accounts), 0.0
        vault = rules["vault"]
        if vault:
            takes = [
                any(wanted[i][m] - sold[i][m] != 0 for m in wanted[i])
                and 0 <= self.equity(accounts[i]) < vault["below"] * needs[i]
                for i in everyone
            ]
            offered = sum(self.notional(accounts[i]) for i in everyone if takes[i])
            held = sum(
                abs(self.vault_size[m]) * self.mark[m] for m in range(self.count)
            )
            worth = self.vault_worth()
            room = max(vault["leverage"] * worth - held, 0)
            share = min(room / offered, 1) if offered > 0 else 0.0
            to_vault = share * offered
            for i in everyone:
                if takes[i]:
                    taken[i] = share
                    self.hand_over(accounts[i], share)

        # Close-outs: what is left of the accounts that must be closed.
        value = [self.equity(a) for a in accounts]
        insolvent = [under[i] and value[i] < 0 for i in everyone]
        closing = insolvent if rules["closes_out"] == "insolvent" else under
        closeout = [{} for _ in everyone]
        for i in everyone:
            for m, (size, _) in accounts[i].positions.items():
                rest = (wanted[i][m] - sold[i][m]) * (1 - taken[i])
                if insolvent[i] or parts[i][m] == 1:
                    rest = size
                closeout[i][m] = rest if closing[i] else 0.0
        quantity = self.sums(closeout)
        bankruptcy = [{} for _ in everyone]
        for i in everyone:
            total = self.notional(accounts[i])
            for m, (size, _) in accounts[i].positions.items():
                if size != 0:
                    share = abs(size) * self.mark[m] / total
                    price = self.mark[m] - value[i] * share / size
                    bankruptcy[i][m] = price

        # What is seen.
        owed = [-value[i] if insolvent[i] else 0.0 for i in everyone]
        paid = self.paid(owed, shares)
        spare = 0.0 if self.per_market else self.spare(0) - paid[0]
        deficit = self.rest(owed, paid) + max(self.debt - spare, 0)
        profit, capacity = self.capacities(under, value)
        expected, _ = self.unpaid(
            closeout, closing, shares, quantity, self.market["impact_estimate"]
        )
        needed, _ = self.unpaid(closeout, closing, shares, quantity, shock["impact"])
        if rules["sees_execution"]:
            expected = needed

        # The decision.
        ask = expected if theta is None else theta * deficit
        budget = max(min(ask, deficit, sum(capacity)), 0)
        result = {"quiet": False, "deficit": deficit, "needed": needed}
        result |= {"capacity_total": sum(capacity), "budget": budget}
        result |= {"liquidated": sum(under), "insolvent": sum(insolvent)}
        result |= {"book_sold": book_sold, "fees": fees, "to_vault": to_vault}
        result |= {"owed": sum(owed), "closeout_quantity": quantity}
        result["closed_out"] = sum(any(c.values()) for c in closeout)
        result["closeout_notional"] = [
            sum(quantity[m]) * self.mark[m] for m in range(self.count)
        ]
        squares = [sum(q * q for q in both) for both in quantity]
        weighted = sum(a * q for a, q in zip(shock["impact"], squares, strict=True))
        result["impact"] = weighted / sum(squares) if sum(squares) > 0 else 0.0
        carried = self.debt
        by_adl = [[0.0, 0.0] for _ in range(self.count)]
        exposure = [0.0] * len(accounts)
        closed = None
        if rules["settlement"] == "contracts":
            price = self.adl_price(closeout, quantity, bankruptcy)
            closed = self.contracts_closed(
                budget, sum(owed), quantity, price, under, value, capacity
            )
            haircut = [0.0] * len(accounts)
            for (i, m), q in closed.items():
                size = accounts[i].positions[m][0]
                side = 1 if size > 0 else 0
                sign = 1 if size > 0 else -1
                haircut[i] += sign * q * (self.mark[m] - price[m][side])
                exposure[i] -= sign * q * self.mark[m]
                by_adl[m][side] += q
                self.trade(accounts[i], m, sign * q, price[m][side])
            for i in everyone:
                for m, q in list(closeout[i].items()):
                    if q == 0:
                        continue
                    side = 1 if q < 0 else 0
                    met = q * by_adl[m][side] / quantity[m][side]
                    own = price[m][side]
                    if rules["close_price"] == "bankruptcy":
                        own = bankruptcy[i][m]
                    whole = q == accounts[i].positions[m][0]
                    self.trade(accounts[i], m, met, own)
                    closeout[i][m] = accounts[i].positions[m][0] if whole else q - met
        else:
            haircut = self.allocate(budget, capacity, under, value)

        # The rest of the close-outs goes outside, and debts are written off.
        price = self.average(shock["impact"], self.sums(closeout))
        for i in everyone:
            for m, q in closeout[i].items():
                if q != 0:
                    self.trade(accounts[i], m, q, price[m][1 if q < 0 else 0])
                    if abs(accounts[i].positions[m][0]) < 1e-15 * abs(q):
                        accounts[i].positions[m][0] = 0.0
        debts, kept = [0.0] * len(accounts), []
        for i in everyone:
            a = accounts[i]
            if under[i] and a.empty():
                if a.collateral < 0 and a.holdings:
                    gained = self.held(a)
                    a.collateral += gained
                    self.outside_cash -= gained
                    a.holdings = [0.0 for _ in a.holdings]
                debts[i] = max(-a.collateral, 0)
                kept.append(i)
        paid = self.paid(debts, shares)
        total = sum(debts)
        for i in kept:
            accounts[i].collateral += debts[i]
        self.debt += total
        for k, amount in enumerate(paid):
            self.fund[k] -= amount
            self.debt -= amount
        for i in kept:
            amount = rules["margin_to_fund"] * max(accounts[i].collateral, 0)
            accounts[i].collateral -= amount
            for m, share in shares[i].items():
                self.feed(m, amount * share)
        # One fund pays earlier debts too, within what it pays in a round.
        extra = 0.0
        if not self.per_market:
            self.fund[0] += paid[0]
            extra = min(max(self.spare(0) - paid[0], 0), carried)
            self.fund[0] -= paid[0]
        self.fund[0] -= extra
        self.debt -= extra

        # Executed money pays what was needed, then earlier debt; then it is surplus.
        executed = sum(haircut)
        pays_now = min(executed, needed)
        pays_old = min(executed - pays_now, carried - extra)
        over = executed - pays_now - pays_old
        result |= {"executed": executed, "undershoot": needed - pays_now}
        result |= {"overshoot": over, "haircut": list(haircut)}
        result["concentration"] = max(
            [h / p for h, p in zip(haircut, profit, strict=True) if p > 0] + [0.0]
        )
        refunded = surplus = 0.0
        left = 0
        if closed is None:
            if rules["surplus"] == "refund":
                refunded = over
                keep = 1 - over / executed if executed > 0 else 1.0
                haircut = [h * keep for h in haircut]
            else:
                surplus = over
            for i in everyone:
                self.take(accounts[i], haircut[i])
            self.debt -= sum(haircut) - surplus
            self.feed(None, surplus)
        if abs(self.debt) < 1e-9 * (carried + total):
            self.revenue -= self.debt
            self.debt = 0.0
        if closed is None and rules["leaves"] and rules["basis"] != "collateral":
            for i in everyone:
                if haircut[i] > 0 and haircut[i] > profit[i] * (1 - 1e-12):
                    left += 1
                    for m, (size, _) in list(accounts[i].positions.items()):
                        self.trade(accounts[i], m, size, self.mark[m])
        hit = [h > 0 for h in haircut]
        if closed is not None:
            hit = [any(j == i and q > 0 for (j, _), q in closed.items())
                   for i in everyone]  # fmt: skip
        result |= {"debt": total, "paid_by_fund": sum(paid) + extra}
        result |= {"refunded": refunded, "surplus": surplus, "left": left}
        result |= {"closed_by_adl": by_adl, "outside_price": price}
        result |= {"unhedged": sum(map(abs, exposure)), "exposure": exposure}
        result["touched"] = sum(hit)
        result["beyond_profit"] = sum(
            max(h - p, 0) for h, p in zip(haircut, profit, strict=True)
        )
        return result | self.end()

    def end(self):
        return {
            "mark": list(self.mark),
            "fund": sum(self.fund),
            "vault_equity": self.vault_worth(),
            "revenue": self.revenue,
            "unpaid": self.debt,
            "solvency": sum(self.equity(a) for a in self.accounts),
            "open_interest": sum(self.notional(a) for a in self.accounts),
            "cash": self.cash(),
        }

    def vault_worth(self):
        marked = sum(self.vault_size[m] * self.mark[m] for m in range(self.count))
        return self.vault_cash + marked

    def hand_over(self, account, share):
        value = self.held(account)
        cost = sum(s * e for s, e in account.positions.values())
        self.vault_cash += share * (account.collateral - cost + value)
        self.outside_cash -= share * value
        account.holdings = [units * (1 - share) for units in account.holdings]
        account.collateral *= 1 - share
        for m, (size, entry) in list(account.positions.items()):
            self.vault_size[m] += share * size
            account.positions[m] = [size - share * size, entry]

    def unpaid(self, closeout, closing, shares, quantity, slope):
        """What accounts that end without positions owe, closed outside at a slope."""
        price = self.average(slope, quantity)
        debts = []
        for i, a in enumerate(self.accounts):
            after, open_ = self.equity(a), False
            for m, (size, _) in a.positions.items():
                q = closeout[i][m]
                after += q * (price[m][1 if q < 0 else 0] - self.mark[m])
                open_ |= size != q
            debts.append(max(-after, 0) if closing[i] and not open_ else 0.0)
        paid = self.paid(debts, shares)
        return self.rest(debts, paid), paid

    def capacities(self, under, value):
        rules, has, caps = self.rules, [], []
        for i, a in enumerate(self.accounts):
            profit = max(self.pnl(a), 0)
            most = {
                "profit": profit if value[i] > 0 else 0.0,
                "equity": min(profit, max(value[i], 0)),
                "collateral": max(value[i], 0),
            }[rules["basis"]]
            most = 0.0 if under[i] else most
            cap = most * rules["largest"]
            if rules["equity_floor"] is not None:
                cap = min(cap, max(value[i] - rules["equity_floor"], 0))
            has.append(most)
            caps.append(cap)
        return has, caps

    def score(self, i, m, value):
        size, entry = self.accounts[i].positions[m]
        rise = self.mark[m] / entry if size >= 0 else entry / self.mark[m]
        worth = abs(size) * self.mark[m]
        return rise * worth / value[i] if value[i] > 0 else 0.0

    def wins(self, i, m):
        size, entry = self.accounts[i].positions[m]
        return size * (self.mark[m] - entry) > 0

    def allocate(self, budget, capacity, under, value):
        if self.rules["who"] == "pro_rata":
            total = sum(capacity)
            return [c * budget / total if total > 0 else 0.0 for c in capacity]
        scores = []
        for i, a in enumerate(self.accounts):
            own = [self.score(i, m, value) for m in a.positions if self.wins(i, m)]
            scores.append(max(own, default=0.0))
        haircut, left = [0.0] * len(capacity), budget
        for i in sorted(range(len(capacity)), key=lambda i: (-scores[i], i)):
            haircut[i] = min(capacity[i], left)
            left -= haircut[i]
        return haircut

    def adl_price(self, closeout, quantity, bankruptcy):
        """By market, for long and for short losers."""
        rule, prices = self.rules["close_price"], []
        for m in range(self.count):
            both = []
            for side in (0, 1):
                if rule == "mark":
                    both.append(self.mark[m])
                elif rule == "previous_mark":
                    both.append(self.previous[m])
                else:
                    value = sum(
                        abs(c[m]) * bankruptcy[i][m]
                        for i, c in enumerate(closeout)
                        if c.get(m, 0) != 0 and (c[m] < 0) == (side == 1)
                    )
                    some = quantity[m][side] > 0
                    both.append(value / quantity[m][side] if some else self.mark[m])
            prices.append(both)
        return prices

    def contracts_closed(self, budget, gross, quantity, price, under, value, allowed):
        """{(account, market): contracts} that winners close."""
        share = min(budget / gross, 1) if gross > 0 else 0.0
        offers = {}
        for i, a in enumerate(self.accounts):
            cost = 0.0
            mine = {}
            for m, (size, entry) in a.positions.items():
                if under[i] or value[i] <= 0 or not self.wins(i, m):
                    continue
                side, sign = (1, 1) if size > 0 else (0, -1)
                loss = sign * (self.mark[m] - price[m][side])
                most = abs(size)
                if self.rules["protect"] and loss > 0:
                    gain = size * (self.mark[m] - entry)
                    most = min(most, gain / loss)
                    cost += loss * most
                mine[m] = (most, loss > 0)
            for m, (most, costs) in mine.items():
                if self.rules["protect"] and costs and cost > allowed[i]:
                    most = most * allowed[i] / cost
                offers[i, m] = most
        closed = {}
        for m in range(self.count):
            for side in (0, 1):
                want = share * quantity[m][side]
                group = [
                    (i, k)
                    for (i, k) in offers
                    if k == m and (self.accounts[i].positions[m][0] > 0) == (side == 1)
                ]
                left, total = want, sum(offers[who] for who in group)
                ranked = sorted(group, key=lambda who: (-self.score(*who, value), *who))
                for who in ranked:
                    if self.rules["who"] == "queue":
                        q = min(offers[who], left)
                        left -= q
                    else:
                        q = offers[who] * min(want / total, 1)
                    lot = self.market.get("lot")
                    if lot is not None and q < offers[who]:
                        q = math.floor(q / lot[m]) * lot[m]
                    closed[who] = q
        return closed

    def take(self, account, haircut):
        if self.rules["basis"] == "collateral":
            account.collateral -= haircut
            return
        gains = {
            m: s * (self.mark[m] - e)
            for m, (s, e) in account.positions.items()
            if s * (self.mark[m] - e) > 0
        }
        for m, gain in gains.items():
            size, entry = account.positions[m]
            part = haircut * gain / sum(gains.values())
            account.positions[m] = [size, entry + part / size]


def accounts_of(book):
    """Accounts from the arrays of a `Book`."""
    count = len(book.collateral)
    holdings = [[]] * count if book.holdings is None else book.holdings.tolist()
    accounts = [
        Account(float(c), h) for c, h in zip(book.collateral, holdings, strict=True)
    ]
    rows = zip(book.account, book.market, book.size, book.entry_price, strict=True)
    for i, m, size, entry in rows:
        accounts[int(i)].positions[int(m)] = [float(size), float(entry)]
    return copy.deepcopy(accounts)
