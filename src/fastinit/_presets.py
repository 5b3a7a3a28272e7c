"""Published initializations of families of models, as entries of rules for the names of their published code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ._arguments import check_choice, check_flag, check_positive, check_positive_int

# Whatever a larger model calls what holds this one: "transformer.", "model.", "encoder.vit.".
_WITHIN = r"(?:.*\.)?"


def gpt2(layers: int, std: float = 0.02, bias: bool = True) -> list[tuple[Any, ...]]:
    """GPT-2 as Hugging Face's GPT2Model and nanoGPT name it."""
    return [
        (rf"{_WITHIN}c_proj\.weight", "gpt2_residual", {"layers": check_positive_int("layers", layers), "std": std}),
        (rf"{_WITHIN}(?:wte|wpe|c_attn|q_attn|c_fc|lm_head|score)\.weight", "normal", {"std": std}),
        (rf"{_WITHIN}ln_(?:1|2|f|cross_attn)\.weight", "ones"),
        *([(rf"{_WITHIN}(?:c_attn|q_attn|c_fc|c_proj|ln_1|ln_2|ln_f|ln_cross_attn)\.bias", "zeros")] if bias else []),
    ]


def llama(std: float = 0.02, bias: bool = False) -> list[tuple[Any, ...]]:
    """Llama, and those that name their weights alike (Mistral, Qwen 2 and 3), in Hugging Face's code."""
    linear = "q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj"
    return [
        (rf"{_WITHIN}(?:embed_tokens|lm_head|score|{linear})\.weight", "normal", {"std": std}),
        (rf"{_WITHIN}(?:input_layernorm|post_attention_layernorm|q_norm|k_norm|norm)\.weight", "ones"),
        *([(rf"{_WITHIN}(?:{linear})\.bias", "zeros")] if bias else []),
    ]


def vit(patch: int = 16, channels: int = 3, std: float = 0.02, class_token: bool = True) -> list[tuple[Any, ...]]:
    """Vision transformers of timm, with its default ``weight_init=""``."""
    # The patches' convolution keeps PyTorch's default, for which a bias needs to know its weight's fan_in.
    end = (check_positive_int("channels", channels) * check_positive_int("patch", patch) ** 2) ** -0.5
    # timm cuts off at ±2, absolutely.
    cut = 2.0 / check_positive("std", std)
    normal = ("truncated_normal", {"std": std, "lower": -cut, "upper": cut})
    return [
        (rf"{_WITHIN}patch_embed\.proj\.weight", "variance_scaling", {"scale": 1 / 3, "distribution": "uniform"}),
        (rf"{_WITHIN}patch_embed\.proj\.bias", "uniform", {"low": -end, "high": end}),
        *([(rf"{_WITHIN}(?:cls_token|reg_token)", "normal", {"std": 1e-6})] if class_token else []),
        (rf"{_WITHIN}(?:pos_embed|(?:qkv|proj|fc1|fc2|head)\.weight)", *normal),
        (rf"{_WITHIN}(?:norm1|norm2|norm|fc_norm|norm_pre|q_norm|k_norm)\.weight", "ones"),
        (rf"{_WITHIN}(?:qkv|proj|fc1|fc2|head|norm1|norm2|norm|fc_norm|norm_pre|q_norm|k_norm)\.bias", "zeros"),
    ]


PRESETS: dict[str, Callable[..., list[tuple[Any, ...]]]] = {"gpt2": gpt2, "llama": llama, "vit": vit}


def entries(name: Any, options: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rules of a preset."""
    check_choice("name", name, tuple(PRESETS))
    preset = PRESETS[name]
    try:
        inspect.signature(preset).bind(**options)
    except TypeError as error:
        known = str(inspect.signature(preset)).partition(" -> ")[0]
        raise TypeError(f"the options of preset {name!r} must be {known}. Received: {options!r}, {error}") from None
    for flag in options.keys() & {"bias", "class_token"}:
        check_flag(flag, options[flag])
    return preset(**options)
