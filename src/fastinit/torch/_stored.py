"""What a checkpoint of a module holds: names, shapes and dtypes, of the module or of a configuration."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor
from torch.nn import Embedding, EmbeddingBag, Module

from . import _names


def tensors_of(model: Any) -> dict[str, tuple[Any, ...]]:
    """Tell which tensors a checkpoint of a model holds, for `fastinit.checkpoint.write`.

    They are those of ``state_dict()``: parameters and persistent buffers, under the names that `init_` uses, without
    what wrappers add. **A tied tensor is there once, under its first name**, as ``save_pretrained`` writes it and
    ``from_pretrained`` wants it. So with the same rules and seed a file holds what `init_` gives the module. Only
    parametrized tensors differ: a file has what they are computed from (``parametrizations.weight.original``), which
    needs rules of its own.

    Parameters
    ----------
    model : torch.nn.Module, transformers configuration or path
        A module, on the meta device or any other: only its structure is read. A configuration of Hugging Face's
        transformers, or the path of its ``config.json``: the model of its first architecture is made on the meta
        device, which takes no memory for its tensors; needs the package transformers.

    Returns
    -------
    dict of str to tuple
        (shape, dtype), and (shape, dtype, rows) of an embedding whose row ``padding_idx`` is zero; dtypes as str.

    Raises
    ------
    ImportError
        If a configuration is given and there is no transformers.
    TypeError, ValueError
        If `model` is none of these, or a configuration names no architecture that transformers has.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> with torch.device("meta"):
    ...     model = torch.nn.Sequential(torch.nn.Embedding(1000, 64, padding_idx=0), torch.nn.Linear(64, 10))
    >>> init.tensors_of(model)
    {'0.weight': ((1000, 64), 'float32', (0,)), '1.weight': ((10, 64), 'float32'), '1.bias': ((10,), 'float32')}
    """
    module = model if isinstance(model, Module) else _on_meta(model)
    # A tied tensor is the same object under all of its names; the first of them is the one to keep.
    named = [one for one in _names.tensors_of(module) if not one.is_parametrized]
    first = {id(one.tensor): one.name for one in reversed(named)}
    found: dict[str, tuple[Any, ...]] = {}
    for key, tensor in module.state_dict(keep_vars=True).items():
        if not isinstance(tensor, Tensor):  # what get_extra_state returned
            continue
        if torch.nn.parameter.is_lazy(tensor):
            raise ValueError(f"{key!r}: a tensor must have a shape; call the module once. Received: a lazy parameter")
        rows = tuple(
            [
                part.padding_idx
                for part in module.modules()
                if isinstance(part, (Embedding, EmbeddingBag)) and part.padding_idx is not None
                if part.weight is tensor
            ]
        )
        described = (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        found[first.get(id(tensor), key)] = (*described, rows) if rows else described
    return found


def _on_meta(config: Any) -> Module:
    """The model that a configuration describes, without memory."""
    is_path = isinstance(config, (str, os.PathLike))
    if not is_path and not hasattr(config, "architectures"):
        raise TypeError(
            "`model` must be a torch.nn.Module, a configuration of transformers or the path of one. "
            f"Received: {type(config).__name__}"
        )
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            "a model's configuration needs the package transformers: pip install 'fastinit[transformers]'",
            name="transformers",
        ) from error
    if is_path:
        if not os.path.exists(config):
            raise FileNotFoundError(2, os.strerror(2), str(config))
        try:
            config = transformers.AutoConfig.from_pretrained(config, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            why = str(error).split("\n")[0]
            raise ValueError(
                f"a configuration must be one that transformers reads. Received: {str(config)!r}, {why}"
            ) from None
    names = config.architectures or ["none"]
    architecture = getattr(transformers, names[0], None)
    if not isinstance(architecture, type) or not issubclass(architecture, transformers.PreTrainedModel):
        raise ValueError(
            'a configuration must name an architecture of transformers, as "architectures": ["LlamaForCausalLM"]. '
            f"Received: {names[0]}"
        )
    make: Any = architecture._from_config  # type: ignore[attr-defined]
    with torch.device("meta"):
        module: Module = make(config)
    return module
