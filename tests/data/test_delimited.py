"""Which separator a table has is found out, and said where it is not the usual one."""

from pathlib import Path

import pytest

from squeezebert.data.formats import open_rows
from squeezebert.data.rows import Rows
from squeezebert.data.tasks.classification import read_classification
from squeezebert.errors import DataError


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


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_empty_columns_at_the_end_are_none(tmp_path: Path, separator: str) -> None:
    content = "text,label,, \ngood film,1,,\n,0,,\nbad,0\n".replace(",", separator)
    rows = rows_of(tmp_path, content, "a.tsv" if separator == "\t" else "a.csv")
    assert rows.columns == ("text", "label")
    assert [tuple(row.values()) for _, row in rows] == [("good film", "1"), ("", "0"), ("bad", "0")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label,,\na,1,,\nb,0,,by hand\n", "line 3: 'by hand' is in a column without a name"),
        ("text,label,,\na,1,,,\n", "line 2: 5 fields where the header names 2"),
        ("text,label,\na\n", "line 2: 1 field where the header names 2"),
        ("text,label\na,1,\n", "line 2: 3 fields where the header names 2"),
        (", ,\na,1,\n", "line 1: the first line must name the columns; it is empty"),
        ("text,,label,\na,1,0,1\n", "line 2: '1' is in a column without a name"),
    ],
)
def test_what_a_column_without_a_name_holds_is_not_left_out(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        list(rows_of(tmp_path, content))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_rows_of_separators_alone_are_left_out_and_told(tmp_path: Path, name: str) -> None:
    table = "text,label,\ngood,1,\n, ,\n,0,\n,,\n"
    if name == "a.tsv":
        table = table.replace(",", "\t")
    rows = rows_of(tmp_path, table, name)
    assert rows.columns == ("text", "label")
    assert list(rows) == [(2, {"text": "good", "label": "1"}), (4, {"text": "", "label": "0"})]
    assert list(rows) == list(rows)
    (note,) = rows.notes
    assert note.endswith(f"{name}: left out 2 empty rows, from line 3 on.")


def test_an_empty_text_that_is_all_of_a_row_is_kept(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, 'text\n""\ngood\n')
    assert [row["text"] for _, row in rows] == ["", "good"]
    assert not rows.notes


def test_a_wrong_encoding_is_told_before_what_it_hides(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text;label\n\xf4\xe8\xeb\xfc\xec;\xe4\xe0\n")  # two Russian words
    with pytest.raises(DataError, match=r"line 2: byte 0xf4 is not UTF-8.*cp1251"):
        read_classification(path)


def test_a_record_that_is_no_csv_tells_nothing_of_the_separator(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, 'text;more,label\n"a"b;c,1\n')
    assert rows.columns == ("text;more", "label")


def test_what_a_quote_without_an_end_takes_along_is_told(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, 'id,text\n1,good\n2,"bad\n3,fine\n4,great\n')
    told: list[DataError] = []
    assert [row["id"] for _, row in rows.past_bad(told.append)] == ["1"]
    message = "line 3: not valid csv: a quotation mark opens a text and none ends it"
    assert f"{message}, so 2 lines after it can't be read." in str(told[0])
    list(rows_of(tmp_path, 'id,text\n1,good\n2,"bad\n').past_bad(told.append))
    assert f"{message}. Double" in str(told[-1])
