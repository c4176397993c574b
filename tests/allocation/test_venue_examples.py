"""Worked examples of venues and papers, to the digits they print."""

import numpy as np

from adl_jax.allocation import haircut_cap, pro_rata, queue, risk_weight, status
from adl_jax.projection import euclidean
from adl_jax.result import RESULTS


def test_bitmex_six_longs():
    """Sizes and scores of the venue's example page; a short of 20 is liquidated."""
    closed = queue(
        np.array([3.0, 6, 1, 4, 5, 2]), np.array([10.0, 10, 20, 30, 20, 10]), 20
    )
    assert closed.tolist() == [0, 10, 0, 0, 10, 0]


def test_whitebit_three_ratings():
    """Only positive ratings are selected: the third has nothing to give."""
    rating, size = np.array([0.26, 0.167, -0.05]), np.array([5.0, 8.0, 6.0])
    closed = queue(rating, np.where(rating > 0, size, 0), 10)
    assert closed.tolist() == [5, 5, 0]


def test_companion_queue():
    """C-(19): order 2, 1, 3 and theta = 0.5 of a deficit of 15."""
    equity = np.array([10.0, 5.0, 1.0])
    haircut = queue(np.array([2.0, 3.0, 1.0]), equity, 7.5)
    np.testing.assert_allclose(haircut / equity, [0.25, 1, 0])
    np.testing.assert_allclose(equity - haircut, [7.5, 0, 1])


def test_companion_pro_rata_on_both_bases():
    """C-(20) read as h = theta*D/W, and the corrected text in profit space."""
    equity = np.array([10.0, 5.0, 1.0])
    left = equity - pro_rata(equity, 7.5)
    np.testing.assert_allclose(left, [5.3125, 2.65625, 0.53125])
    np.testing.assert_allclose(
        pro_rata(np.array([8.0, 4.0, 0.5]), 7.5), [4.8, 2.4, 0.3]
    )


def test_companion_queue_damage():
    """C-5.3: the first account's gap H(1 - e1/W) between queue and pro-rata."""
    equity = np.array([10.0, 5.0, 1.0])
    by_queue = equity - queue(np.array([3.0, 2.0, 1.0]), equity, 7.5)
    by_share = equity - pro_rata(equity, 7.5)
    np.testing.assert_allclose(by_share[0] - by_queue[0], 7.5 * (1 - 10 / 16))
    np.testing.assert_allclose([by_share[0], by_queue[0]], [5.3125, 2.5])


def test_companion_leverage_weights_need_caps():
    """C-(21): shares 20, 25 and 10 of 55; the third would pay more than it has."""
    equity, leverage = np.array([10.0, 5.0, 1.0]), np.array([2.0, 5.0, 10.0])
    share = leverage * equity / 55
    np.testing.assert_allclose(6 * share, [2.182, 2.727, 1.091], atol=5e-4)
    haircut = pro_rata(equity, 6.0, weight=leverage)
    np.testing.assert_allclose(haircut, [5 * 20 / 45, 5 * 25 / 45, 1])


def test_companion_capped():
    """C-(28) to C-(31): caps 0.3, 1, 0.5 and a budget of 7.5; 9 is not feasible."""
    equity, cap = np.array([10.0, 5.0, 1.0]), np.array([0.3, 1.0, 0.5])
    np.testing.assert_allclose(pro_rata(equity, 7.5, cap=cap) / equity, [0.3, 0.8, 0.5])
    most = pro_rata(equity, 9.0, cap=cap)
    assert float(most.sum()) == 8.5
    assert bool(status(most, 9.0) == RESULTS.budget_above_capacity)
    by_floor = haircut_cap(equity, equity=equity, floor=np.array([7.0, 0.0, 0.5]))
    np.testing.assert_allclose(by_floor, cap)


def test_companion_risk_aware():
    """C-(33): water filling at tau = 0.02381, and 0.08333 with caps of one half."""
    equity, leverage = np.array([60.0, 40.0]), np.array([2.0, 6.0])
    weight = risk_weight(leverage)
    haircut = pro_rata(equity, 40.0, weight=weight)
    np.testing.assert_allclose(haircut, [5.71, 34.29], atol=5e-3)
    np.testing.assert_allclose(haircut / equity, [0.0952, 0.857], atol=5e-4)
    capped = pro_rata(equity, 40.0, weight=weight, cap=0.5) / equity
    np.testing.assert_allclose(capped, [1 / 3, 0.5])


def test_companion_risk_shares():
    equity, leverage = (
        np.array([1.2613, 5.6214, 0.8397]),
        np.array([1.031, 0.925, 1.548]),
    )
    expected = {
        ("linear", 1.0): (0.164, 0.589, 0.247),
        ("power", 2.0): (0.155, 0.497, 0.348),
        ("cvar", 0.9): (0.149, 0.114, 0.737),
    }
    for (risk, parameter), shares in expected.items():
        haircut = pro_rata(
            equity, 0.1, weight=risk_weight(leverage, risk, parameter=parameter)
        )
        np.testing.assert_allclose(haircut / 0.1, shares, atol=5e-4)


def test_companion_adverse_selection():
    """C-F.4.1: pro-rata drives out the careful account, risk-aware keeps both.

    Equities 60 and 40, expected gains 12 and 40, an outside option worth 2, a deficit
    of 40; what an account is left with is its gain less its haircut.
    """
    equity, gain, outside = np.array([60.0, 40.0]), np.array([12.0, 40.0]), 2.0
    by_share = pro_rata(equity, 40.0)
    np.testing.assert_allclose(by_share, [24, 16])
    np.testing.assert_allclose(gain - by_share, [-12, 24])
    by_risk = pro_rata(equity, 40.0, weight=risk_weight(np.array([2.0, 6.0])))
    np.testing.assert_allclose(gain - by_risk, [6.3, 5.7], atol=0.05)
    assert (gain - by_risk >= outside).all()
    # The next deficit of 30 falls on the one who stayed: on 40 again as the paper has
    # it, or on the 24 that the first haircut left, which cannot pay.
    np.testing.assert_allclose(pro_rata(equity[1:], 30.0) / equity[1:], 0.75)
    left = equity[1:] - by_share[1:]
    assert bool(status(pro_rata(left, 30.0), 30.0) == RESULTS.budget_above_capacity)


def test_companion_risk_aware_spares_those_below_the_mean():
    """Lemma C-F.7: it pays less than its pro-rata exactly below the mean of the weights.

    Weighted by equity, that is 16.8 in the example, against 4 of the careful account.
    """
    equity, weight = np.array([60.0, 40.0]), risk_weight(np.array([2.0, 6.0]))
    np.testing.assert_allclose([weight[0], equity @ weight / 100], [4, 16.8])
    rng = np.random.default_rng(0)
    equity, leverage = rng.random(40) + 0.1, rng.random(40) * 5
    weight = risk_weight(leverage)
    # So small a budget that nobody is held by a cap, as the lemma supposes.
    spared = pro_rata(equity, 1e-3, weight=weight) <= pro_rata(equity, 1e-3)
    mean = equity @ weight / equity.sum()
    np.testing.assert_array_equal(spared, weight <= mean)


def test_companion_churn_of_a_concentrated_and_an_even_cut():
    """C-H.2 on capacities 10 and 5 and a budget of 6: either can look better.

    A churn of 1 - exp(-5h) is concave, so that the queue loses less; h^2 reverses it.
    """
    equity = np.array([10.0, 5.0])
    even = pro_rata(equity, 6.0) / equity
    steep = queue(np.array([2.0, 1.0]), equity, 6.0) / equity
    concave = lambda h: float(equity @ (1 - np.exp(-5 * np.asarray(h))))
    convex = lambda h: float(equity @ np.asarray(h) ** 2)
    np.testing.assert_allclose(
        [concave(even), concave(steep)], [12.97, 9.50], atol=5e-3
    )
    np.testing.assert_allclose([convex(even), convex(steep)], [2.4, 3.6])


def test_paradex_social_loss():
    """A loss of 1,000 over claims of 4,000 (its text) or 5,000 (its formula)."""
    for claims, share in ((np.full(4, 1000.0), 0.25), (np.full(5, 1000.0), 0.20)):
        np.testing.assert_allclose(pro_rata(claims, 1000.0) / claims, share)


def test_companion_vector_step():
    """C-H.3: h = clip(start - tau*w, 0, 1) with w.h = B is the Euclidean projection."""
    start, weight = np.array([0.9, 0.4, -0.2, 1.3]), np.array([5.0, 2.0, 1.0, 3.0])
    h = np.asarray(euclidean(start, np.ones(4), 6.0, weight=weight))
    np.testing.assert_allclose(weight @ h, 6)
    inside = (h > 0) & (h < 1)
    tau = ((start - h) / weight)[inside]
    np.testing.assert_allclose(tau, tau[0])
    np.testing.assert_allclose(h, np.clip(start - tau[0] * weight, 0, 1), atol=1e-12)
