"""Tables as wide as the terminal, or as wide as they need to be in a pipe."""

from collections.abc import Iterable, Sequence
from typing import Any

_ANY_WIDTH = 10_000


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    left: Iterable[str] = (),
    named: bool = True,
    title: str | None = None,
    to_stderr: bool = False,
) -> None:
    """Prints rows under the names of their columns.

    Args:
        columns: names; the first column's cells stand to the left, the others' to the right.
        rows: a cell for each column.
        left: further columns that hold words, so stand to the left too.
        named: whether to print the columns' names.
        title: what stands above.
        to_stderr: whether to print beside the output, and not as the output.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=named)
    table.title = title
    aligned_left = {columns[0], *left}
    for name in columns:
        table.add_column(name, justify="left" if name in aligned_left else "right")
    for row in rows:
        table.add_row(*map(str, row))
    console = Console(stderr=to_stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _ANY_WIDTH
    console.print(table)
