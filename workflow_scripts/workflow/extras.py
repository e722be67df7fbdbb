"""Packages that no sweep needs, imported where somebody asks for what they do."""

from importlib import import_module
from types import ModuleType


def extra(module: str, package: str, purpose: str) -> ModuleType:
    """Return a module of a package that set-up does not install.

    Args:
        module: its name.
        package: what pip calls the package.
        purpose: what it is for, at the beginning of the message.

    Raises:
        ValueError: it is not installed; one line that says how to.

    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ValueError(
            f"{purpose} needs the package {package}, which is no part of the set-up ({error}): "
            f".venv/bin/python -m pip install {package}"
        ) from None
