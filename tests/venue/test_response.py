"""How traders react: probabilities only, and the calibrated defaults."""

import numpy as np
import pytest

from adl_jax.venue import Response


def test_defaults_undo_what_was_measured():
    """Of those who trade in 300 s, 0.40 + 0.42 / 2 is undone on average."""
    response = Response()
    some = 1 - response.undoes_nothing - response.undoes_all
    np.testing.assert_allclose(response.trades, 0.067, rtol=1e-6)
    undone = float(response.undoes_all + some / 2)
    assert undone == pytest.approx(0.61)
    # 3.65 % of what was closed, by the accounts followed; ours is 4.1 %.
    assert float(response.trades) * undone == pytest.approx(0.0365, rel=0.15)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trades": 1.1}, "Response.trades is 1.1: it must be between 0 and 1"),
        ({"undoes_nothing": -0.1}, "Response.undoes_nothing is -0.1"),
        ({"undoes_all": np.nan}, "Response.undoes_all is nan"),
        ({"undoes_nothing": 0.7, "undoes_all": 0.6}, "sum to 1.3.*at most 1"),
        ({"closes": 2.0}, "Response.closes is 2.0"),
        ({"withdraws": 2.0}, "Response.withdraws is 2.0"),
        ({"keeps": 0.5}, "Response.keeps is 0.5"),
    ],
)
def test_what_is_no_probability_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Response(**changes)
