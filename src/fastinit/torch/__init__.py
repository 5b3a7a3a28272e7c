"""PyTorch's initializers, fast, and the same weights on every number of ranks.

    import fastinit.torch as init  # instead of: import torch.nn.init as init

Every function of `torch.nn.init` has its name, arguments, distribution and layout here, works in place and returns
its tensor. fastinit's own initializers and the schemes that draw stand beside them, with an underscore.
`init_` fills a whole module. Functions that draw take, besides torch's arguments:

generator : torch.Generator
    Decides the numbers: one word of 64 bits is drawn from it, however large the tensor, and is the seed.
seed : None, int, fastinit.Key, torch.Generator, or numpy.random.SeedSequence, Generator or BitGenerator
    With an int or a Key the numbers depend on nothing else: not on the state of torch, nor on threads, machine or
    ranks. None takes its word from torch's default generator, so that `torch.manual_seed` decides and two tensors
    differ.
threads : int
    The most threads that the call may use. Values never depend on it.

A tensor may be float32, float64, float16 or bfloat16, a Parameter, on any device, with any strides: it gets the
values of a contiguous one. Nothing is recorded by autograd, and a backward pass through older values fails, as
after torch's own initializers. Meta and fake tensors are passed over. Sparse, quantized, float8, integer and
expanded tensors are refused.

A DTensor, of FSDP2, tensor parallelism or one's own, is filled where its ranks hold it, and is what it would be in one
process. With an int or a Key nothing is sent between ranks; otherwise the first rank of its mesh decides, and all of
the mesh's ranks must make the call.

Where ``torch.compile(fullgraph=True)`` or ``torch.export`` traces, each call is one operator of the graph,
``fastinit::fill_``, with the same numbers: a seed is None (which draws from torch's default generator whenever the
graph runs), an int or a Key that was made outside, and no generator.
"""

from torch.nn.init import calculate_gain

from ._defaults import defaults
from ._deprecated import (
    constant,
    dirac,
    eye,
    kaiming_normal,
    kaiming_uniform,
    normal,
    orthogonal,
    sparse,
    uniform,
    xavier_normal,
    xavier_uniform,
)
from ._drop_in import (
    constant_,
    dirac_,
    eye_,
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    ones_,
    orthogonal_,
    sparse_,
    trunc_normal_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
    zeros_,
)
from ._lsuv import Scaled, lsuv_
from ._module import by_module, init_
from ._own import (
    delta_orthogonal_,
    glorot_normal_,
    glorot_uniform_,
    he_normal_,
    he_uniform_,
    lecun_normal_,
    lecun_uniform_,
    truncated_normal_,
    variance_scaling_,
)
from ._propagate import propagate
from ._schemes import (
    fixup_,
    gpt2_residual_,
    mup_,
    siren_,
    small_init_,
    t5_,
    wang_init_,
    zero_hadamard_,
)
from ._stored import tensors_of
from ._takeover import Takeover, takeover
from ._tensor import array

__all__ = [
    "Scaled",
    "Takeover",
    "array",
    "by_module",
    "calculate_gain",
    "constant",
    "constant_",
    "defaults",
    "delta_orthogonal_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "fixup_",
    "glorot_normal_",
    "glorot_uniform_",
    "gpt2_residual_",
    "he_normal_",
    "he_uniform_",
    "init_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "lecun_normal_",
    "lecun_uniform_",
    "lsuv_",
    "mup_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "propagate",
    "siren_",
    "small_init_",
    "sparse",
    "sparse_",
    "t5_",
    "takeover",
    "tensors_of",
    "trunc_normal_",
    "truncated_normal_",
    "uniform",
    "uniform_",
    "variance_scaling_",
    "wang_init_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zero_hadamard_",
    "zeros_",
]
