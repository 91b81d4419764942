"""Where the `ox` script and `python -m ox_classifier` begin: Ctrl-C is handled before anything slow is imported."""

from __future__ import annotations

import sys

from ox_classifier import signals


def main() -> None:
    """Run the command line; a signal at any moment ends it with a sentence, never a traceback."""
    signals.install()
    try:
        from ox_classifier import cli

        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("ox: interrupted\n")
    if signals.asked():
        sys.exit(signals.exit_code())


if __name__ == "__main__":
    main()
