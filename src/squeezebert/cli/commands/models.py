"""``squeezebert models``: the built-in models."""

import typer


def models() -> None:
    """List the installed models with their tasks, sizes and scores.

    Of the size on disk, "shared" is what several models have in common.
    """
    from squeezebert.bundle import installed_bundles
    from squeezebert.bundle.manifest import MANIFEST
    from squeezebert.bundle.reading import locate_files, read_manifest
    from squeezebert.cli.tables import print_table

    rows = []
    for name, folder in installed_bundles().items():
        manifest = read_manifest(folder)
        own, shared = (folder / MANIFEST).stat().st_size, 0
        for file, path in locate_files(folder, manifest).items():
            if path.parent == folder:
                own += manifest.files[file].bytes
            else:
                shared += manifest.files[file].bytes
        scores = [
            f"{score['metric']} {score['bundle']:.4g} on {score['data']}"
            for score in manifest.evaluation
        ]
        sizes = (f"{own / 1e6:.1f} MB", f"{shared / 1e6:.1f} MB")
        rows.append(
            (
                name,
                ", ".join(head.task for head in manifest.heads),
                *sizes,
                "; ".join(scores) or "unscored",
            )
        )
    if not rows:
        typer.echo("There are no built-in models.")
        return
    columns = ("model", "task", "size", "shared", "score")
    print_table(columns, rows, left=("task", "score"))
