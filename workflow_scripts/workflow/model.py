"""Settings: typed, bounded, described, checked where they are made; all their other forms are derived from here."""

import math
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails


class SettingError(ValueError):
    """A setting that cannot be; its message is one line that names the key, what is wrong and what to do.

    Attributes:
        path: names of the keys from the outermost to the one that is wrong, below the settings that raised it.
        reason: what is wrong with it.
        file: the file that holds them, where it is another than that of the settings around them.

    """

    def __init__(self, path: tuple[str | int, ...], reason: str, file: str | None = None):
        self.path, self.reason, self.file = path, reason, file
        super().__init__(f"{'.'.join(map(str, path))}: {reason}" if path else reason)

    def below(self, *path: str | int) -> "SettingError":
        """Return the error as seen from settings that hold those that raised it."""
        return self if self.file else SettingError((*path, *self.path), self.reason)

    def inside(self, file: str) -> str:
        """Return the line that a user reads: the error's file, else ``file``, and the mistake."""
        return f"{self.file or file}{', ' if self.path else ': '}{self}"


class Settings(BaseModel):
    """A group of settings. A field states its key once: type, bounds, default, and in ``description`` its meaning.

    Unknown keys are refused, and so are empty texts, and true and false in place of a number; a whole number may be
    written 1e5. Settings do not change once they are made.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False, str_min_length=1
    )

    @model_validator(mode="before")
    @classmethod
    def _read_numbers(cls, values: Any) -> Any:
        """Refuse true, which Pydantic takes for 1, and read 1e5, which it takes for no whole number."""
        if not isinstance(values, Mapping):
            return values
        return {key: cls._as_number(key, value) for key, value in values.items()}

    @classmethod
    def _as_number(cls, key: str, value: Any) -> Any:
        kind = str(field.annotation) if (field := cls.model_fields.get(key)) else "Any"
        if any(other in kind for other in ("bool", "Any")):
            return value
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, bool):
                raise SettingError((key,), f"{str(one).lower()} is not a number or a text")
        if "int" not in kind or "str" in kind:
            return value
        return [_whole(one) for one in value] if isinstance(value, list | tuple) else _whole(value)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings that plain values spell.

        Raises:
            SettingError: an unknown key, or a value of the wrong type or out of bounds; the first of them.

        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise explained(error, cls) from None

    @classmethod
    def value_of(cls, name: str, value: Any) -> Any:
        """Return the value of one field as the settings would hold it, whatever the others are.

        Raises:
            SettingError: the value is of the wrong type or out of bounds.

        """
        try:
            return _adapter(cls, name).validate_python(cls._as_number(name, value))
        except ValidationError as error:
            raise explained(error, cls).below(name) from None


def _whole(value: Any) -> Any:
    """Return the whole number that a text such as 1e5 spells, which YAML leaves as text; else the value."""
    spelled = isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE]\+?1?\d", value)
    return int(number) if spelled and (number := float(value)).is_integer() else value


@cache
def _adapter(settings: type[Settings], name: str) -> TypeAdapter[Any]:
    field = settings.model_fields[name]
    return TypeAdapter(Annotated[field.annotation, field], config=ConfigDict(allow_inf_nan=False))  # type: ignore[arg-type]


def explained(error: ValidationError, settings: type[Settings]) -> SettingError:
    """Return the first of Pydantic's complaints as one line.

    Args:
        error: what Pydantic raised.
        settings: what was to be made, for a hint at the nearest key.

    """
    # An unknown key first: what it was meant to be is then also missing.
    first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    path = tuple(part for part in first["loc"] if isinstance(part, int) or "[" not in part)
    if first["type"] == "extra_forbidden":
        return unknown_key(path, _at(settings, path).model_fields)
    if isinstance(cause := first.get("ctx", {}).get("error"), SettingError):
        return cause.below(*path)
    return SettingError(path, _reason(first))


def _at(settings: type[Settings], path: tuple[str | int, ...]) -> type[Settings]:
    """Return the settings that hold the last key of a path."""
    for key in path[:-1]:
        kind = settings.model_fields[str(key)].annotation if key in settings.model_fields else None
        if isinstance(kind, type) and issubclass(kind, Settings):
            settings = kind
    return settings


def unknown_key(path: tuple[str | int, ...], known: Mapping[str, Any]) -> SettingError:
    """Return the error of a key that nobody reads, with the nearest one that there is."""
    near = get_close_matches(str(path[-1]), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return SettingError(path, f"unknown key; {hint}")


def shown_number(number: float) -> str:
    """Return a number as a person reads it: a large power of two or of ten as one."""
    if number == int(number):
        for base, least in ((2, 10), (10, 5)):
            exponent = round(math.log(max(number, 1), base))
            if exponent >= least and number == base**exponent:
                return f"{base}^{exponent}"
        return str(int(number))
    return f"{number:g}"


def _reason(detail: ErrorDetails) -> str:
    shown, limits = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is required"
        case "value_error":
            return str(limits["error"])
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal" as kind:
            sign = {"greater_than": ">", "greater_than_equal": "≥", "less_than": "<", "less_than_equal": "≤"}[kind]
            return f"{shown!r} is not {sign} {shown_number(next(iter(limits.values())))}"
        case "literal_error":
            return f"{shown!r} is not one of {str(limits['expected']).replace(chr(39), '')}"
        case "string_type":
            return f"{shown!r} is not text: put it in quotes"
        case "string_too_short":
            return "it is an empty text: name something, or leave the key out"
        case "string_pattern_mismatch":
            return f"{shown!r} is not spelled as {limits['pattern']}"
        case "too_short":
            return f"{limits['min_length']} are needed, and there are {limits['actual_length']}"
        case "finite_number":
            return f"{shown!r} is not a finite number"
        case _:
            said = detail["msg"].removeprefix("Input should be ").split(", unable to parse")[0]
            return f"{shown!r} is not {said}"
