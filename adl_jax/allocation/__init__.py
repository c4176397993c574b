"""Who pays: allocations of a round's budget over the winners' capacities.

Pure functions on one round, arrays in and a haircut array out; batch them with
`jax.vmap`. Money is in USD. A status is given only where asked (`status`).
"""

from adl_jax.allocation.caps import (
    Basis as Basis,
    haircut_cap as haircut_cap,
    winner_capacity as winner_capacity,
)
from adl_jax.allocation.grouped import (
    Grouped as Grouped,
    by_group as by_group,
    pro_rata_by_group as pro_rata_by_group,
    queue_by_group as queue_by_group,
)
from adl_jax.allocation.integer import integer_pro_rata as integer_pro_rata
from adl_jax.allocation.min_max import (
    PositionLots as PositionLots,
    min_max_integer as min_max_integer,
    min_max_integer_positions as min_max_integer_positions,
)
from adl_jax.allocation.mirror import mirror_step as mirror_step
from adl_jax.allocation.order import (
    lexicographic as lexicographic,
    random_order as random_order,
)
from adl_jax.allocation.pro_rata import pro_rata as pro_rata
from adl_jax.allocation.queue import queue as queue
from adl_jax.allocation.share import (
    equal_share as equal_share,
    risk_weight as risk_weight,
)
from adl_jax.allocation.soft_queue import soft_queue as soft_queue
from adl_jax.allocation.status import status as status, unpaid as unpaid
