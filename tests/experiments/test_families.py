import numpy as np
import pytest

from experiments.families import CHOSEN, HELD_OUT, regime_switches


def test_the_level_may_jump_in_every_round():
    # One round jumps for certain: its chance is at least 1 in 1.
    for seed in range(3):
        draw = np.random.default_rng(seed)
        cost = regime_switches(draw, np.ones((1, 3)), np.full(3, 10.0))
        assert (cost > 0).all()


def test_levels_are_those_of_their_regimes():
    seed, notional, limits = 4, np.ones((16, 3)), np.full(3, 10.0)
    found = regime_switches(np.random.default_rng(seed), notional, limits)
    draw = np.random.default_rng(seed)
    base = CHOSEN["tier_volatility"](draw, notional, limits)
    jumps = draw.random(16) < draw.uniform(1, 4) / 16
    states = draw.lognormal(0, 1.4, 16)
    by_hand = [states[sum(jumps[: t + 1])] for t in range(16)]
    np.testing.assert_allclose(found / base, np.broadcast_to(by_hand, (3, 16)).T)
    assert len(set(by_hand)) > 1


@pytest.mark.parametrize("law", [*CHOSEN.values(), *HELD_OUT.values()])
def test_every_law_takes_a_single_round(law):
    cost = law(np.random.default_rng(0), np.ones((1, 2)), np.full(2, 10.0))
    assert cost.shape == (1, 2)
    assert (cost >= 0).all()
