"""Every policy that contract tests walk over, by name."""

from adl_jax import Hindsight, Policy
from adl_jax.allocator import allocations
from adl_jax.severity import ProjectedGradient, severities
from adl_jax.vector import vector_policies


# Severities and allocations do not know of each other: these stand with the queue too,
# two of them with every allocation, the rest with pro-rata alone.
WITH_QUEUE = {
    *("zero", "full", "fixed", "last_value", "constant_rate"),
    *("running_mean_rate", "projected_gradient"),
}
EVERY_ALLOCATION = {"fixed", "running_mean_rate"}
POLICIES = {
    f"{how_much}/{who}": (
        lambda how_much=how_much, who=who: Policy(
            severities[how_much](), allocations[who]()
        )
    )
    for how_much in severities
    for who in allocations
    if who == "pro_rata"
    or (who == "queue" and how_much in WITH_QUEUE)
    or how_much in EVERY_ALLOCATION
}
POLICIES["projected_gradient_fixed_step/queue"] = lambda: Policy(
    ProjectedGradient(1e-3, 0.3), allocations["queue"]()
)
POLICIES |= dict(vector_policies)
HINDSIGHT = {
    f"hindsight({name})": lambda make=make: Hindsight(make())
    for name, make in POLICIES.items()
    if name.startswith(("zero", "running_mean_rate"))
}
ALL = POLICIES | HINDSIGHT
