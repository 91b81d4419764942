"""A wrong command line ends with one sentence, as every other error does."""

from __future__ import annotations

from typing import Any

import typer
from typer._click.exceptions import (  # the one door: typer has no public name for what its parser raises
    NoArgsIsHelpError,
    UsageError,
)
from typer.core import TyperGroup

from ox_classifier.console import say

PLAIN = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "expected a whole number",
    "Input should be a valid number, unable to parse string as a number": "expected a number",
    "Possible options": "possible options",
}


class SentenceGroup(TyperGroup):
    """A group of commands that says what is wrong with a command line, and how to see the options."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        try:
            return super().make_context(info_name, args, parent=parent, **extra)
        except UsageError as error:
            _end(error)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            _end(error)


def _end(error: UsageError) -> None:
    if isinstance(error, NoArgsIsHelpError):
        raise error
    text = error.format_message().removesuffix(".")
    for words, plain in PLAIN.items():
        text = text.replace(words, plain)
    _, sign, rest = text.partition("Invalid value for ")
    if sign:
        hint, _, reason = rest.partition(": ")
        text = f"{hint.split(' / ')[0].strip(chr(39))}: {reason}"
    command = error.ctx.command_path if error.ctx else "ox"
    say(f"ox: {text[:1].lower()}{text[1:]}; {command} --help shows every option")
    raise typer.Exit(2)
