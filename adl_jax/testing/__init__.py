"""What every part promises, as functions that raise `AssertionError`: for your tests.

Give `check_severity`, `check_allocation`, `check_policy` or `check_venue` a class or a
function that makes your part without arguments. The same functions test the parts that
come with the package.
"""

from adl_jax.testing.examples import (
    make_rounds as make_rounds,
    round_fields as round_fields,
)
from adl_jax.testing.policies import (
    check_allocation as check_allocation,
    check_policy as check_policy,
    check_severity as check_severity,
)
from adl_jax.testing.venues import check_venue as check_venue
