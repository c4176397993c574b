"""Both parts, by the names that they are installed under, keep the contract."""

from adl_jax.severity import severities
from adl_jax.testing import check_severity, check_venue
from adl_jax.venue import venues


def test_severity():
    """Laws, leaks, programs, precision, gradients, and a crash."""
    check_severity(severities["my_halving"])


def test_venue():
    """Arguments, margins, the fund, and a crash."""
    check_venue(venues["my_venue"])
