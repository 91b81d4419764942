"""The help of `ox train`: options in panels, with the defaults of the network that --arch names."""

from __future__ import annotations

from collections.abc import Callable

from typer.core import TyperOption

from ox_classifier.cli.command import Command

ARCH_OPTIONS = ("--arch", "--model")


def command(defaults: Callable[[str], dict[str, object]], usual: str) -> type[Command]:
    """A class of command whose help shows `defaults(arch)`, by parameter, for the network asked for, else `usual`."""

    class PanelCommand(Command):
        def parse_args(self, ctx, args: list[str]) -> list[str]:
            ctx.meta["arch"] = _arch_in(args) or usual
            return super().parse_args(ctx, args)

        def format_options(self, ctx, formatter) -> None:
            own = defaults(ctx.meta["arch"])
            panels: dict[str, list[tuple[str, str]]] = {}
            for option in self.get_params(ctx):
                record = option.get_help_record(ctx)
                if record is None:  # hidden
                    continue
                names, text = record
                if option.name in own:
                    text = f"{text}  [default: {own[option.name]}]"
                panel = getattr(option, "rich_help_panel", None)
                panels.setdefault(panel or ("Other" if isinstance(option, TyperOption) else "Arguments"), []).append(
                    (names, text)
                )
            for panel, rows in panels.items():
                with formatter.section(panel):
                    formatter.write_dl(rows)

    return PanelCommand


def _arch_in(args: list[str]) -> str | None:
    for place, word in enumerate(args):
        for option in ARCH_OPTIONS:
            if word == option:
                return args[place + 1] if place + 1 < len(args) else None
            if word.startswith(f"{option}="):
                return word.partition("=")[2]
    return None
