"""Initializers by name."""

from __future__ import annotations

from ._engine import Initializer, find


def get(name: str) -> Initializer:
    """Look an initializer up by its name.

    Parameters
    ----------
    name : str
        The name of one of this module's initializers, aliases included.

    Returns
    -------
    callable
        The function itself.

    Raises
    ------
    TypeError, ValueError
        If there is no initializer of this name; the sentence lists all names.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.get("he_normal") is fastinit.he_normal
    True
    """
    return find(name)
