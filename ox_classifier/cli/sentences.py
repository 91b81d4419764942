"""A wrong command line ends with one sentence, as every other error does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer
from typer._click.exceptions import (  # the one door: typer has no public name for what its parser raises
    NoArgsIsHelpError,
    UsageError,
)
from typer.core import TyperGroup

from ox_classifier.console import say
from ox_classifier.wording import nearest

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
            _end(error, f"{ctx.command_path} {ctx.invoked_subcommand or ''}".strip())

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command {args[0]!r}{_meant(ctx, args[0])}")
        return super().resolve_command(ctx, args)


def _meant(ctx: Any, word: str) -> str:
    """A hint at the command that was probably meant, in this group or in another."""
    root = ctx.find_root()
    paths = dict(_commands(root.command, root.command_path))
    here = {path: name for path, name in paths.items() if path.rpartition(" ")[0] == ctx.command_path}
    same = [path for path, name in paths.items() if name == word]
    near = nearest(word, here.values()) or nearest(word, paths.values())
    found = same or [path for path in (*here, *paths) if paths[path] == near]
    return f": did you mean {'ox' + found[0].removeprefix(root.command_path)!r}?" if found else ""


def _commands(group: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, name) of every command below a group."""
    for name, command in group.commands.items():
        yield f"{path} {name}", name
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{path} {name}")


def _end(error: UsageError, command: str = "ox") -> None:
    if isinstance(error, NoArgsIsHelpError):
        raise error
    text = error.format_message().removesuffix(".")
    for words, plain in PLAIN.items():
        text = text.replace(words, plain)
    _, sign, rest = text.partition("Invalid value for ")
    if sign:
        hint, _, reason = rest.partition(": ")
        text = hint.split(" / ")[0].strip("'") + _with_limits(error, reason)
    choice = re.search("'(.+)' is not one of (.+)$", text)
    meant = choice and nearest(choice[1], re.findall("'([^']+)'", choice[2]))
    if meant:
        text += f": did you mean {meant}?"
    command = error.ctx.command_path if error.ctx else command
    what = "command" if error.ctx and isinstance(error.ctx.command, TyperGroup) else "option"
    joined = text if text.endswith("?") else f"{text};"
    say(f"ox: {joined[:1].lower()}{joined[1:]} {command} --help shows every {what}")
    raise typer.Exit(2)


def _with_limits(error: UsageError, reason: str) -> str:
    """What follows an option's name: the reason or, of a number out of its limits, these as `recipe.within` does."""
    wrong = error.__cause__.errors()[0] if hasattr(error.__cause__, "errors") else {}
    if wrong.get("type") not in ("greater_than_equal", "less_than_equal"):
        return f": {reason}"
    least, most = error.param.min, error.param.max
    limits = f"from {least:,} to {most:,}" if most is not None else f"of {least:,} or more"
    return f" {wrong['input']}: expected a number {limits}"
