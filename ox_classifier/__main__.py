"""Where the `ox` script and `python -m ox_classifier` begin: Ctrl-C is handled before anything slow is imported."""

from __future__ import annotations

import _signal  # built in, so it is there at once; `signal` takes milliseconds in which Ctrl-C would be a traceback
import sys

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # until `main` handles it, Ctrl-C just ends the program

from ox_classifier import signals


def main() -> None:
    """Run the command line; a signal at any moment ends it with a sentence, never a traceback."""
    signals.install()
    try:
        from ox_classifier import cli

        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("ox: interrupted\n")
    except Exception:
        if not signals.asked():
            raise
        sys.stderr.write("ox: interrupted\n")  # an import in C makes an ImportError of the signal
    finally:
        if signals.asked():
            signals.ignore()  # a second press while Python ends
    if signals.asked():
        sys.exit(signals.exit_code())


if __name__ == "__main__":
    main()
