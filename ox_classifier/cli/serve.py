"""`ox serve`: a run that programs ask over HTTP, and people on a page."""

from __future__ import annotations

from typing import Annotated

import typer

from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.cli.predict import network_line
from ox_classifier.console import say

MOST_THREADS = 1024
MOST_PORT = 65_535


def serve(
    run: Annotated[
        str | None, typer.Argument(help="Name or path of a run, or an exported folder [default: the latest].")
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 lets the whole network ask.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=MOST_PORT, help="The port to listen on; 0 takes any that is free.")
    ] = 8000,
    threads: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_THREADS, help="Cores that one answer may use [default: all].", show_default=False),
    ] = None,
    always_answer: Annotated[
        bool, typer.Option("--always-answer", help="Name a class also where the run is unsure.")
    ] = False,
) -> None:
    """Answer over HTTP which class an image is, and show a page to draw on, drop pictures on and photograph for.

    Example: ox serve lenet-1

    Prints the address of the page. POST /predict takes one image as it is, or several as a form, and answers in the
    JSON of ox predict; GET /health says which run answers. No image is kept. Ctrl-C stops it.
    """
    with user_errors():
        from ox_classifier import exported

        found = exported.find(run)
        from ox_classifier.classifier import Classifier
        from ox_classifier.serving.server import Server

        with Server(host, port) as server:
            classifier = Classifier(found, threads=threads, always_answer=always_answer)
            say(network_line(found))
            if not server.is_local:
                who = f"everyone who reaches this computer at {server.url} may ask"
                say(f"{who}: there is no password, and no encryption")
            say("Ctrl-C stops")
            typer.echo(server.url)
            server.serve(classifier, found.name)
