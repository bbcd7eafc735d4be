"""``squeezebert serve``: answers over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from squeezebert.cli.notes import note_namesakes
from squeezebert.errors import InputError
from squeezebert.serve.settings import Settings

DEFAULTS = Settings(sources={})


def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Names of models, or bundle folders. Without any, all installed "
            "models are served.",
            callback=note_namesakes,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 is every address of the machine.")
    ] = (DEFAULTS.host),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes any free one.")
    ] = DEFAULTS.port,
    uds: Annotated[
        Path | None, typer.Option(help="A Unix domain socket to listen at instead.")
    ] = None,
    default: Annotated[
        str | None, typer.Option(help="The model for requests that name none.")
    ] = None,
    preload: Annotated[
        bool, typer.Option("--preload", help="Load all models before the first request.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Load a bundle anew when its folder is replaced.")
    ] = False,
    allow_learn: Annotated[
        bool,
        typer.Option(
            "--allow-learn",
            help="Let the page learn from files that are sent, and serve what it learnt.",
        ),
    ] = False,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="SQUEEZEBERT_API_KEY",
            help="Key that requests must have, except for health. Set it in the "
            "environment: other users can see options.",
        ),
    ] = None,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds that answers may take after SIGTERM.")
    ] = DEFAULTS.grace_seconds,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of the engine.  [default: one for each processor]"),
    ] = None,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Requests that may wait; more are refused at once.")
    ] = DEFAULTS.limits.waiting,
    max_body: Annotated[
        int, typer.Option(min=1, help="Most bytes of a body, or of a line of JSON lines.")
    ] = DEFAULTS.limits.body_bytes,
    max_items: Annotated[
        int, typer.Option(min=1, help="Most items of a request.")
    ] = DEFAULTS.limits.items,
    max_text: Annotated[
        int, typer.Option(min=1, help="Most characters of a text.")
    ] = DEFAULTS.limits.text_characters,
) -> None:
    """Answer over HTTP, with a page to try models at /."""
    from squeezebert.serve import Limits, Server, sources_of

    if uds is not None and not uds.parent.is_dir():
        raise InputError(f"{uds.parent} is no folder, so there can't be a socket in it.")
    if api_key is not None and not api_key.strip():
        raise InputError("The key is empty. Give one, or none at all.")
    sources = sources_of(models or ())
    names = ", ".join(sources)

    def started(address: str) -> None:
        typer.echo(f"squeezebert serves {names} at {address}", err=True)

    server = Server(
        Settings(
            sources=sources,
            default=default,
            host=host,
            port=port,
            uds=uds,
            api_key=api_key,
            preload=preload,
            watch=watch,
            grace_seconds=grace,
            allow_learn=allow_learn,
            threads=threads,
            limits=Limits(
                waiting=max_waiting,
                body_bytes=max_body,
                items=max_items,
                text_characters=max_text,
            ),
        ),
        started,
    )
    server.run()
