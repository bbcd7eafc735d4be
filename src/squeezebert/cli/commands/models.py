"""``squeezebert models``: the installed models."""

from typing import Annotated

import typer


def models(
    language: Annotated[
        str | None,
        typer.Option(help="List only models for this language, such as pl."),
    ] = None,
) -> None:
    """List the installed models with their tasks, languages, sizes and scores.

    Encoders without a task are named after them. Of the size on disk, "shared" is what several
    models have in common.
    """
    from squeezebert.bundle import installed_bundles
    from squeezebert.bundle.installed import installed_checkpoints, not_installed
    from squeezebert.bundle.manifest import MANIFEST
    from squeezebert.bundle.reading import locate_files, read_manifest
    from squeezebert.cli.tables import print_table
    from squeezebert.errors import InputError

    rows = []
    known = set()
    for name, folder in installed_bundles().items():
        manifest = read_manifest(folder)
        languages = {code for head in manifest.heads for code in head.languages}
        known |= languages
        if language is not None and language not in languages:
            continue
        own, shared = (folder / MANIFEST).stat().st_size, 0
        for file, path in locate_files(folder, manifest).items():
            if path.parent == folder:
                own += manifest.files[file].bytes
            else:
                shared += manifest.files[file].bytes
        sizes = (f"{own / 1e6:.1f} MB", f"{shared / 1e6:.1f} MB")
        rows.append(
            (
                name,
                ", ".join(
                    head.task if len(manifest.heads) == 1 else head.name for head in manifest.heads
                ),
                " ".join(sorted(languages)) or "not stated",
                *sizes,
                "; ".join(map(str, manifest.scores)) or "unscored",
            )
        )
    if language is not None and not rows:
        raise InputError(
            f"No installed model says that it is for {language!r}. There are some for "
            f"{', '.join(sorted(known)) or 'no language'}."
        )
    if rows:
        columns = ("model", "task", "languages", "size", "shared", "score")
        print_table(columns, rows, left=("task", "languages", "score"))
    else:
        typer.echo("There are no built-in models.")
    if language is None and (encoders := installed_checkpoints()):
        typer.echo(f"Encoders to fine-tune, by `train --from NAME`: {', '.join(encoders)}")
    for source, names in not_installed().items():
        typer.echo(f"More, by `pip install {source}` in a clone: {', '.join(names)}")
