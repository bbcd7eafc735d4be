"""``squeezebert serve``: answers over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from squeezebert.errors import InputError
from squeezebert.serve.settings import Settings

DEFAULTS = Settings(sources={})


def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...", help="Models by name, or bundle folders; all installed ones."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 is everywhere.")] = (
        DEFAULTS.host
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free one.")] = DEFAULTS.port,
    uds: Annotated[
        Path | None, typer.Option(help="A Unix domain socket to listen at instead.")
    ] = None,
    default: Annotated[
        str | None, typer.Option(help="The model of requests that name none.")
    ] = None,
    preload: Annotated[
        bool, typer.Option("--preload", help="Load all models before the first request.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Take up a bundle folder that is replaced.")
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
            help="Without this key, nothing but health is answered. Better in the environment: "
            "others see options.",
        ),
    ] = None,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds that answers may take after SIGTERM.")
    ] = DEFAULTS.grace_seconds,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of the engine; by default, one a processor.")
    ] = None,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Requests that may wait; more are refused at once.")
    ] = DEFAULTS.limits.waiting,
    max_body: Annotated[
        int, typer.Option(min=1, help="Bytes of a body; of JSON lines, of a line.")
    ] = DEFAULTS.limits.body_bytes,
    max_items: Annotated[
        int, typer.Option(min=1, help="Items of a request.")
    ] = DEFAULTS.limits.items,
    max_text: Annotated[
        int, typer.Option(min=1, help="Characters of a text.")
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
