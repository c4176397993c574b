"""Mirror maps, and mirror descent that drives any optax transformation in the dual.

A point x lives in the primal, where a haircut or a rate means something; a step is
taken in the dual, z = grad psi(x), where the geometry of the set is flat. optax knows
how to take steps, and nothing that it has is written again here. A new map is one new
class and one line here.
"""

from adl_jax.mirror.base import AbstractMirrorMap as AbstractMirrorMap
from adl_jax.mirror.descent import (
    Box as Box,
    MirrorDescent as MirrorDescent,
    MirrorDescentState as MirrorDescentState,
    mirror_descent as mirror_descent,
)
from adl_jax.mirror.entropy import (
    BinaryEntropy as BinaryEntropy,
    Log as Log,
    NegativeEntropy as NegativeEntropy,
    SimplexEntropy as SimplexEntropy,
)
from adl_jax.mirror.norm import Euclidean as Euclidean, PNorm as PNorm
from adl_jax.registry import Registry


mirror_maps: Registry[AbstractMirrorMap] = Registry("mirror map")
mirror_maps.register("euclidean", Euclidean)
mirror_maps.register("negative_entropy", NegativeEntropy)
mirror_maps.register("simplex_entropy", SimplexEntropy)
mirror_maps.register("binary_entropy", BinaryEntropy)
mirror_maps.register("log", Log)
mirror_maps.register("p_norm", PNorm)
