"""Gains of activations to the last bit of float64. Written by tools/make_gains.py; do not edit."""

# 1 / sqrt(E[f(z)**2]) for a standard normal z.
GAINS = {
    "exp": 0.36787944117144233,
    "gelu": 1.5335304411955353,
    "gelu_tanh": 1.533580521666147,
    "hard_sigmoid": 1.897840424729559,
    "hard_silu": 1.7366572127665416,
    "mish": 1.486847581273208,
    "relu6": 1.4142135650950736,
    "sigmoid": 1.8462285453386054,
    "silu": 1.676532470331091,
    "softsign": 2.3375333631085398,
    "tanh": 1.5925374197228315,
}

# E[(exp(z) - 1)**2; z < 0], of which the second moment of elu is made.
ELU_BELOW_ZERO = 0.14494541749292386
