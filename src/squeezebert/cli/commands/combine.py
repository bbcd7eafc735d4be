"""``squeezebert combine``: several bundles over one encoder as one."""

from pathlib import Path
from typing import Annotated

import typer

from squeezebert.cli.notes import note_namesakes


def combine(
    ctx: typer.Context,
    bundles: Annotated[
        list[str],
        typer.Argument(
            help="Bundle folders, or names of models. A task gets its folder's name.",
            callback=note_namesakes,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the bundle.")],
) -> None:
    """Join bundles that have one encoder: each text is read once for all of their tasks."""
    from squeezebert.bundle import combine_bundles
    from squeezebert.bundle.installed import unmistakable
    from squeezebert.bundle.manifest import MANIFEST
    from squeezebert.cli.outputs import claim_output
    from squeezebert.cli.tables import print_table

    claim_output(ctx, output, MANIFEST)
    manifest = combine_bundles(bundles, output)
    scores = {
        name: ", ".join(str(score) for score in manifest.scores if score.head == name)
        for name in manifest.names
    }
    print_table(
        ("task", "kind", "score"),
        [(head.name, head.task, scores[head.name] or "unscored") for head in manifest.heads],
        left=("kind", "score"),
    )
    size = sum(file.stat().st_size for file in output.iterdir())
    typer.echo(f"{output}: {size / 1e6:.2f} MB")
    typer.echo(f'Try it: squeezebert predict --model {unmistakable(output)} "Some text."')
