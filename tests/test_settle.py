import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings, strategies as st

from adl_jax.settle import settle


MONEY = st.floats(0, 1e12).map(jnp.asarray)


@settings(deadline=None, derandomize=True)
@given(MONEY, MONEY, MONEY)
def test_no_dollar_appears_or_is_lost(executed, needed, carried):
    paid = settle(executed, needed, carried)
    assert min(paid) >= 0
    scale = float(executed + needed + carried) * 1e-15
    total = paid.paid_needed + paid.paid_carried + paid.overshoot
    np.testing.assert_allclose(total, executed, atol=scale)
    np.testing.assert_allclose(paid.paid_needed + paid.undershoot, needed, atol=scale)
    assert paid.paid_carried <= carried
    assert not (paid.undershoot > 0 and paid.paid_carried > 0)
    assert not (paid.undershoot > 0 and paid.overshoot > 0)


def test_needed_is_paid_before_carried_debt():
    paid = settle(*(jnp.asarray(x) for x in (10.0, 6.0, 3.0)))
    assert [float(x) for x in paid] == [6.0, 3.0, 0.0, 1.0]
