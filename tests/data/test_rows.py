"""Reading rows of every format, and what can be wrong with them."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from squeezebert.data.formats import open_rows
from squeezebert.data.rows import Row, Rows
from squeezebert.errors import DataError

ROWS = [(2, {"text": 'a "good" film', "label": "1"}), (3, {"text": "bad", "label": "0"})]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_quotes_span_lines_and_the_numbers_stay_those_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\n"two\nlines, quoted",1\r\n\nbad,0\n')
    assert list(open_rows(path)) == [
        (2, {"text": "two\nlines, quoted", "label": "1"}),
        (5, {"text": "bad", "label": "0"}),
    ]


def test_tsv_has_no_quoting(tmp_path: Path) -> None:
    rows = open_rows(write(tmp_path / "a.tsv", 'text\tlabel\na "good" film\t1\nbad\t0\n'))
    assert rows.columns == ("text", "label")
    assert list(rows) == ROWS
    assert list(rows) == ROWS, "rows can be read again"


def test_an_unpaired_quote_in_tsv_is_a_character(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", 'text\tlabel\n" to the end\t1\nnext\t0\n')
    assert [row["text"] for _, row in open_rows(path)] == ['" to the end', "next"]


def test_jsonl_and_parquet_keep_types(tmp_path: Path) -> None:
    lines = write(
        tmp_path / "a.jsonl", '{"text": "good", "label": 1}\n\n{"text": "b", "label": 0.5}'
    )
    assert list(open_rows(lines)) == [
        (1, {"text": "good", "label": 1}),
        (3, {"text": "b", "label": 0.5}),
    ]
    table = arrow.table({"text": ["good", "bad"], "label": [1, 0]})
    parquet.write_table(table, tmp_path / "a.parquet")
    rows = open_rows(tmp_path / "a.parquet")
    assert (rows.unit, rows.columns) == ("row", ("text", "label"))
    assert list(rows) == [(1, {"text": "good", "label": 1}), (2, {"text": "bad", "label": 0})]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert open_rows(write(tmp_path / "a.csv", b"\xef\xbb\xbftext,label\na,1\n")).columns == (
        "text",
        "label",
    )


def test_a_very_long_field_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"text,label\n{'long ' * 200_000},1\n")
    assert [len(row["text"]) for _, row in open_rows(path)] == [1_000_000]


def open_rows_error(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(open_rows(path))
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.tsv", b"text\tlabel\na\0b\t1\n", "line 2: holds a NUL byte"),
        (
            "a.csv",
            b"text,label\na,1\nb,with,comma,0\n",
            "line 3: 4 fields where the header names 2",
        ),
        ("a.tsv", b"text\tlabel\nno label\n", "line 2: 1 field where the header names 2"),
        ("a.csv", b'text,label\nok,1\n"open,0\n', "line 3: not valid csv: a quotation mark opens"),
        ("a.csv", b"text,text\na,1\n", "line 1: two columns have the same name"),
        ("a.csv", b"", "the file is empty"),
        ("a.jsonl", b"", "the file is empty"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2: not valid JSON"),
        ("a.jsonl", b"[" * 200_000, "line 1: not valid JSON"),
        ("a.jsonl", b'{"text": ' + b"1" * 5_000 + b"}", "line 1: not valid JSON"),
        ("a.jsonl", b'["a", 1]\n', "line 1: each line must be a JSON object"),
        ("a.parquet", b"PAR1 or not", "not a readable parquet file"),
        ("a.jsonl", b'[{"text": "a"},\n{"text": "b"}]\n', "JSON list, rename it to .json"),
        ("a.jsonl", b'[{"text": "a"}]\n', "JSON list, rename it to .json"),
        ("a.dat", b"", "unknown kind of data file. Use one that ends in .csv"),
        ("a.conll", b"", "unknown kind of data file. Words with their tags are for entities"),
        ("a.xlsx", b"", "unknown kind of data file. Save the sheet as csv"),
    ],
)
def test_damage_is_named_with_its_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    assert message in open_rows_error(write(tmp_path / name, content))


def test_damage_in_the_middle_of_a_file_is_named(tmp_path: Path) -> None:
    lines = "".join(f"{number},{number**7}\n" for number in range(20_000))
    packed = bytearray(gzip.compress(f"text,label\n{lines}".encode()))
    packed[len(packed) // 2 :] = bytes(len(packed) - len(packed) // 2)
    assert "damaged" in open_rows_error(write(tmp_path / "a.csv.gz", bytes(packed)))
    table = arrow.table({"text": [str(number**7) for number in range(20_000)]})
    parquet.write_table(table, tmp_path / "a.parquet")
    pages = bytearray((tmp_path / "a.parquet").read_bytes())
    pages[100:2_000] = bytes(1_900)
    assert "not a readable parquet" in open_rows_error(write(tmp_path / "a.parquet", bytes(pages)))


def test_a_missing_file(tmp_path: Path) -> None:
    assert "no such file" in open_rows_error(tmp_path / "none.csv")


def test_without_a_header_columns_have_numbers(tmp_path: Path) -> None:
    path = tmp_path / "cola.tsv"
    path.write_text('gj04\t1\t\tThe "sailors".\ngj04\t0\t*\tSailors the.\n')
    rows = open_rows(path, header=False)
    assert rows.columns == ("1", "2", "3", "4")
    assert [(number, row["2"], row["4"]) for number, row in rows] == [
        (1, "1", 'The "sailors".'),
        (2, "0", "Sailors the."),
    ]
    path.write_text("a\tb\na\n")
    with pytest.raises(DataError, match="line 2: 1 field where the first line has 2"):
        list(open_rows(path, header=False))
    path.write_text("")
    with pytest.raises(DataError, match="the file is empty"):
        open_rows(path, header=False)
    lines = tmp_path / "lines.txt"
    lines.write_text("one\n")
    with pytest.raises(DataError, match=r"numbers in \.csv and \.tsv files"):
        open_rows(lines, header=False)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "text,label\na,1\nb\nc,0\n", ["line 3: 1 field"]),
        ("a.csv", 'text,label\na,1\n"b" x,1\nc,0\n', ["line 3: not valid csv"]),
        ("a.tsv", "text\tlabel\na\t1\nb\t1\t1\nc\t0\n", ["line 3: 3 fields"]),
        (
            "a.jsonl",
            '{"text": "a", "label": 1}\n{\n[1]\n{"text": "c", "label": 0}\n',
            ["line 2: not valid JSON", "line 3: each line must be a JSON object"],
        ),
    ],
)
def test_bad_rows_can_be_told_and_left_out(
    tmp_path: Path, name: str, content: str, told: list[str]
) -> None:
    errors: list[DataError] = []
    rows = open_rows(write(tmp_path / name, content))
    found = [row["text"] for _, row in rows.past_bad(errors.append)]
    assert found == ["a", "c"]
    assert len(errors) == len(told)
    assert all(part in str(error) for part, error in zip(told, errors, strict=True))


def test_kept_rows_are_read_once_however_often_they_are_iterated() -> None:
    readings = []

    def read() -> Iterator[tuple[int, Row]]:
        readings.append("read")
        yield 1, {"text": "a"}
        yield 2, {"text": "b"}

    rows = Rows("some", ("text",), "row", read).kept()
    assert readings == []
    assert list(rows) == list(rows) == [(1, {"text": "a"}), (2, {"text": "b"})]
    assert readings == ["read"]


def _of_datasets(path: Path, labels: list[Any], words: Any) -> Path:
    """A parquet file as `datasets` writes it, with a column of lists in one of its two ways."""
    features = {"words": words, "label": {"names": ["bad", "good"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = arrow.table({"words": [["a"]] * len(labels), "label": labels})
    parquet.write_table(table.replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize(
    "words",
    [
        [{"dtype": "string", "_type": "Value"}],
        {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"},
    ],
)
def test_classes_have_their_names_beside_lists(tmp_path: Path, words: Any) -> None:
    rows = open_rows(_of_datasets(tmp_path / "a.parquet", [1, 0, -1], words))
    assert [row["label"] for _, row in rows] == ["good", "bad", None]


def test_an_id_without_a_name_is_told_and_names_stay(tmp_path: Path) -> None:
    rows = open_rows(_of_datasets(tmp_path / "a.parquet", [1, 7], []))
    with pytest.raises(DataError, match=r"row 2: 'label' holds the class 7, and 2 have names"):
        list(rows)
    rows = open_rows(_of_datasets(tmp_path / "b.parquet", ["good", "bad"], []))
    assert [row["label"] for _, row in rows] == ["good", "bad"]
