"""How every command reads its words: what nobody means is refused before anything is looked at."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise

from typer.core import TyperCommand

from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.errors import UsageError
from ox_classifier.names import printable
from ox_classifier.small_install import refuse_absent

HELP = {"-h", "--help"}


class Command(TyperCommand):
    """A command that takes no empty value, and no line break or other control character but in a name that exists."""

    def parse_args(self, ctx, args: list[str]) -> list[str]:
        options = [option for option in self.get_params(ctx) if option.param_type_name == "option"]
        flags = {name for option in options if option.is_flag for name in option.opts}
        valued = {name for option in options if not option.is_flag for name in option.opts}
        with user_errors():
            if not HELP & set(args):
                refuse_absent(ctx.command_path.partition(" ")[2])
            refuse_swallowed(args, valued)
            refuse_meaningless(args, flags)
        return super().parse_args(ctx, args)


def refuse_swallowed(words: Sequence[str], valued: Container[str]) -> None:
    """Refuse an option whose value was forgotten, so that the next option would be taken for it.

    `valued` are the options that take a value.

    Raises:
        UsageError: Naming both.
    """
    for option, word in pairwise(words):
        if option == "--":
            return
        if option in valued and re.match(r"--|-[A-Za-z]", word):
            raise UsageError(
                f"{option} is followed by {printable(word)[:60]}, which looks like an option: give {option} its value, "
                "or put a = between them if that is the value"
            )


def refuse_meaningless(words: Sequence[str], flags: Container[str] = ()) -> None:
    """Refuse values that are always a mistake, such as `--data ""` from a variable that was never set.

    `flags` are the options that take no value.

    Raises:
        UsageError: Naming the option, or the position of the word.
    """
    for where, value in _values(words, flags):
        if not value or (value.isspace() and not os.path.lexists(value)):
            raise UsageError(f"{where} is empty: give a value, or leave it out")
        control = [character for character in value if unicodedata.category(character) == "Cc"]
        if control and not os.path.lexists(value):
            raise UsageError(
                f"{where} is {printable(value)!r} with the control character {printable(control[0])}: "
                "expected the name of something that exists, or plain text"
            )


def _values(words: Sequence[str], flags: Container[str]) -> Iterator[tuple[str, str]]:
    """Each value with the name of its option, or "argument 2"."""
    option, options_end = "", False
    for number, word in enumerate(words, start=1):
        if word.startswith("-") and len(word) > 1 and not options_end:
            options_end = word == "--"
            option, given, value = word.partition("=")
            if given:
                yield option, value
            if given or option in flags:
                option = ""
        else:
            yield option or f"argument {number}", word
            option = ""
