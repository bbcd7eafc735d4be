"""Which separator a table has is found out, and said where it is not the usual one."""

from pathlib import Path

import pytest

from squeezebert.data.formats import open_rows
from squeezebert.data.rows import Rows
from squeezebert.data.tasks.classification import read_classification


def rows_of(tmp_path: Path, content: str, name: str = "a.csv", *, header: bool = True) -> Rows:
    path = tmp_path / name
    path.write_bytes(content.encode())
    return open_rows(path, header=header)


@pytest.mark.parametrize(
    ("name", "content", "noted"),
    [
        ("a.csv", 'text,label\n"good, very",1\nbad; so,0\n', ""),
        ("a.csv", "text;label\ngood, very;1\nbad; so;0\n".replace("bad; so", '"bad; so"'), "semi"),
        (
            "a.csv",
            "sep=;\r\ntext;label\r\ngood, very;1\r\n'bad; so';0\r\n".replace("'", '"'),
            "semi",
        ),
        ("a.csv", '"sep=|"\ntext|label\ngood, very|1\nbad; so|0\n', "'|'"),
        ("a.csv", "text\tlabel\ngood, very\t1\nbad; so\t0\n", "tabs"),
        ("a.tsv", "text\tlabel\ngood, very\t1\nbad; so\t0\n", ""),
        ("a.tsv", 'text,label\n"good, very",1\nbad; so,0\n', "commas"),
    ],
)
def test_fields_are_apart_by_what_splits_the_lines_alike(
    tmp_path: Path, name: str, content: str, noted: str
) -> None:
    rows = rows_of(tmp_path, content, name)
    assert rows.columns == ("text", "label")
    assert [(row["text"], row["label"]) for _, row in rows] == [
        ("good, very", "1"),
        ("bad; so", "0"),
    ]
    assert [noted in note for note in rows.notes] == [True] * bool(noted)


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("a.csv", "text\nyes; no\nhello; you; all\n", ("text",)),
        ("a.csv", '"text; or not",label\na,1\n', ("text; or not", "label")),
        ("a.csv", "text;more,label\na,1\n", ("text;more", "label")),
        ("a.tsv", "a, b\nc\n", ("a, b",)),
        ("a.tsv", 'text "a;b"\tlabel, too\nx\ty\n', ('text "a;b"', "label, too")),
    ],
)
def test_in_doubt_it_is_the_usual_one(
    tmp_path: Path, name: str, content: str, columns: tuple[str, ...]
) -> None:
    rows = rows_of(tmp_path, content, name)
    assert (rows.columns, rows.notes) == (columns, ())


def test_lines_keep_their_numbers_below_a_line_for_the_separator(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, 'sep=;\n\ntext;label\n"two\nlines";1\nb;0\n')
    assert [number for number, _ in rows] == [4, 6]


def test_without_a_header_the_first_lines_tell_too(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "good, very;1\nbad;0\n", header=False)
    assert [row for _, row in rows] == [{"1": "good, very", "2": "1"}, {"1": "bad", "2": "0"}]


def test_beside_semicolons_a_comma_is_a_decimal_point(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text;score\ngood, 3,5 stars;3,5\nbad;1,0\n")
    assert [(e.text, e.label) for e in read_classification(path)] == [
        ("good, 3,5 stars", "3.5"),
        ("bad", "1"),
    ]
