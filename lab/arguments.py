"""What arguments of commands may be: a parser that answers in one sentence, and numbers within bounds."""

import argparse
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from lab.errors import near_miss

LARGEST = 2**63 - 1  #: of any whole number, as torch and numpy take it


class Parser(argparse.ArgumentParser):
    """Reports an error in one sentence, without the usage, and says which name may have been meant."""

    def error(self, message: str) -> NoReturn:
        if match := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message, re.DOTALL):
            close = near_miss(match[1], re.findall(r"[\w+-]+", match[2]))
            message = message.replace(" (choose", f"{close} (choose", 1)
        self.exit(2, f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help.\n")


class CommandParser(Parser):
    """The parser of one command. It refuses options that the command does not have before it misses others."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        known = [option for action in self._actions for option in action.option_strings]
        for word in args or ():
            option, has_value, value = word.partition("=")
            if option.startswith("--") and not any(name.startswith(option) for name in known):
                self.error(f"unknown option {option}{near_miss(option, known)}")
            if has_value and option.startswith("--") and value in ("", "--"):
                self.error(f"option {option} needs a value, got '{value}'")
        return super().parse_known_args(args, namespace)


def whole_number(least: int, most: int = LARGEST) -> Callable[[str], int]:
    """The type of an argument that is a whole number from ``least`` to ``most``."""

    def parse(text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) < 20 and least <= (value := int(text)) <= most:
            return value
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, got '{_short(text)}'")

    return parse


def number(least: float, most: float) -> Callable[[str], float]:
    """The type of an argument that is a number from ``least`` to ``most``."""

    def parse(text: str) -> float:
        with suppress(ValueError):
            if least <= (value := float(text)) <= most:
                return value
        raise argparse.ArgumentTypeError(f"expected a number from {least:g} to {most:g}, got '{_short(text)}'")

    return parse


def folder_or_file(text: str) -> str:
    """The type of an argument that is a path: not empty, as an unset variable of the shell is."""
    if text.strip():
        return text
    raise argparse.ArgumentTypeError(f"expected a path, got '{text}'")


def _short(text: str) -> str:
    return text if len(text) < 40 else f"{text[:36]}…"
