"""``squeezebert models``: the built-in models."""

import typer


def models() -> None:
    """List the built-in models with their task, size on disk and score."""
    from squeezebert.bundle import builtin_bundles
    from squeezebert.bundle.manifest import MANIFEST
    from squeezebert.bundle.reading import read_manifest

    rows = []
    for name, folder in builtin_bundles().items():
        manifest = read_manifest(folder)
        size = (folder / MANIFEST).stat().st_size
        size += sum(file.bytes for file in manifest.files.values())
        scores = [
            f"{score['metric']} {score['bundle']:.4g} on {score['data']}"
            for score in manifest.evaluation
        ]
        rows.append((name, manifest.task, f"{size / 1e6:.1f} MB", "; ".join(scores) or "unscored"))
    if not rows:
        typer.echo("There are no built-in models.")
        return
    rows.insert(0, ("model", "task", "size", "score"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())
