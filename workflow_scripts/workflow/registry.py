"""What there is of a kind: a module each in the kind's package, or a class of the user's named as module:Class."""

import importlib
import inspect
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
BASE = "base"
Kind = TypeVar("Kind")


@cache
def names(package: str) -> tuple[str, ...]:
    """Return the names of a package's modules: of the agents, the optimizers or the sources that foldsweep ships.

    Args:
        package: its dotted name. The module ``base``, which says what all of a kind have, is not one of them.

    """
    folder = ROOT.joinpath(*package.split("."))
    return tuple(sorted(path.stem for path in folder.glob("*.py") if path.stem not in (BASE, "__init__")))


def module_of(package: str, name: str) -> str:
    """Return the module that a name of config.yaml stands for: one of the package's, or the user's own."""
    return name.partition(":")[0] if ":" in name else f"{package}.{name}"


def find(package: str, name: str, kind: type[Kind]) -> type[Kind]:
    """Return the class of a kind that a name stands for.

    Args:
        package: dotted name of the package whose modules are of this kind.
        name: one of those modules, or ``module:Class`` for a class of the user's, importable from the working folder.
        kind: what the class has to be a subclass of.

    Raises:
        ValueError: there is no such module or class, or it is not of this kind.

    """
    what = kind.__name__.lower()
    if ":" not in name:
        if name not in names(package):
            near = get_close_matches(name.lower(), names(package), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names(package))}."
            raise ValueError(f"{name!r} is no {what}; {hint} Your own is written module:Class")
        module = importlib.import_module(module_of(package, name))
        own = [each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__]
        found = [each for each in own if issubclass(each, kind) and each is not kind]
        if len(found) != 1:
            raise ValueError(f"{module.__name__} has to define one {what}, and defines {len(found)}")
        return found[0]
    module_name, _, class_name = name.partition(":")
    try:
        found_class = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name!r}: {error}; the module has to lie in the folder in which Snakemake runs") from None
    if not (inspect.isclass(found_class) and issubclass(found_class, kind)):
        raise ValueError(f"{name!r} is no {what}: it has to be a subclass of {kind.__module__}.{kind.__name__}")
    return found_class
