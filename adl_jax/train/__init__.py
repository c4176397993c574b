"""Learning a policy's numbers by gradient through the simulator."""

from adl_jax.train.fit import (
    Progress as Progress,
    Trained as Trained,
    train as train,
)
from adl_jax.train.from_configuration import (
    Training as Training,
    training_of as training_of,
)
from adl_jax.train.leaves import (
    FREE as FREE,
    POSITIVE as POSITIVE,
    Leaves as Leaves,
    Range as Range,
    choose as choose,
    numbers_of as numbers_of,
)
from adl_jax.train.objective import (
    AbstractObjective as AbstractObjective,
    Asymmetric as Asymmetric,
    ChanceConstraint as ChanceConstraint,
    ConditionalValueAtRisk as ConditionalValueAtRisk,
    Mean as Mean,
    Weighted as Weighted,
    objectives as objectives,
)
from adl_jax.train.policy_file import (
    load_policy as load_policy,
    save_policy as save_policy,
)
from adl_jax.train.problem import (
    GIVEN as GIVEN,
    SIMULATED as SIMULATED,
    AbstractProblem as AbstractProblem,
    Replayed as Replayed,
    Simulated as Simulated,
    stack_events as stack_events,
)
from adl_jax.train.settings import Settings as Settings
from adl_jax.train.specialists import (
    Specialists as Specialists,
    train_specialists as train_specialists,
)
from adl_jax.train.step import default_optimizer as default_optimizer
