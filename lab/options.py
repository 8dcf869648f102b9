"""Options that decide a result, as JSON that stays valid when options are added.

What was stored before an option existed was made as that option's default says. So `completed` fills in defaults when
something stored is compared, and `changed` leaves them out when a folder is named after options. A default, once
released, is not changed: where that cannot be helped, `VERSION` is raised, and what was named before is made again.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from lab.errors import as_number, is_number, is_whole

VERSION = 2  #: of the names that `changed` leads to


def plain(value: Any) -> Any:
    """``value`` as JSON would give it back; a dataclass becomes a dict of all its options."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if is_whole(value):
        return int(value)  # JSON knows no numbers of NumPy's
    return as_number(value) if is_number(value) else value


def make_plain(options: object) -> None:
    """Let the numbers of a dataclass instance, even a frozen one, be Python's.

    NumPy's would round a product with another number to their own precision, and compare so with a default.
    """
    for name, value in vars(options).items():
        if is_number(value):
            object.__setattr__(options, name, plain(value))


def completed(stored: Mapping[str, Any], like: Any) -> dict[str, Any]:
    """``stored`` options, with those that the dataclass instance ``like`` has besides at their defaults."""
    found = dict(stored)
    for field in fields(like):
        value = getattr(like, field.name)
        if field.name not in found and (default := _default(field)) is not MISSING:
            found[field.name] = plain(default)
        elif is_dataclass(value) and isinstance(found.get(field.name), Mapping):
            found[field.name] = completed(found[field.name], value)
    return found


def changed(value: Any) -> Any:
    """As `plain`, without the options that stand at their defaults; with its class where the default is of another."""
    if not is_dataclass(value):
        return plain(value)
    options = {field.name: (getattr(value, field.name), _default(field)) for field in fields(value)}
    found = {name: changed(option) for name, (option, default) in options.items() if option != default}
    for name, (option, default) in options.items():
        if is_dataclass(option) and default is not MISSING and type(option) is not type(default):
            found[name] |= {"class": type(option).__name__}
    return found


def _default(field: Field) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
