"""Labelled texts and pairs: columns, checks, labels, the part held out."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.bundle.heads import ProblemType
from squeezebert.data.columns import Columns
from squeezebert.data.formats import open_rows
from squeezebert.data.labels import (
    as_numbers,
    canonical_label,
    infer_labels,
    labels_in,
    match_labels,
    places_of_labels,
)
from squeezebert.data.split import held_out
from squeezebert.data.tasks.classification import Table, read_classification
from squeezebert.errors import DataError, InputError


def table(tmp_path: Path, text: str, **columns: str) -> Table:
    path = tmp_path / "data.csv"
    path.write_text(text)
    return read_classification(path, **columns)


@pytest.mark.parametrize(
    "header, expected",
    [
        ("sentence,label", ("sentence", None, "label")),
        ("Label,Review,id", ("Review", None, "Label")),
        ("id,sentence1,sentence2,score", ("sentence1", "sentence2", "score")),
        ("question,sentence,label", ("question", "sentence", "label")),
        (
            "id,qid1,qid2,question1,question2,is_duplicate",
            ("question1", "question2", "is_duplicate"),
        ),
        ("Quality,#1 ID,#2 ID,#1 String,#2 String", ("#1 String", "#2 String", "Quality")),
    ],
)
def test_columns_are_guessed_and_said(
    tmp_path: Path, header: str, expected: tuple[str, str | None, str]
) -> None:
    found = table(tmp_path, f"{header}\n")
    assert (found.text, found.pair, found.label) == expected
    assert f"label {expected[2]!r}" in found.guessed


def test_columns_that_are_named_are_not_guessed(tmp_path: Path) -> None:
    text = "text,label,title,kind\nx,1,a,b\n"
    found = table(tmp_path, text, text_column="title", label_column="kind")
    assert [example[1:] for example in found] == [("a", None, "b")]
    assert found.guessed == ()


def test_a_missing_column_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'body'. Its columns are 'text', 'label'"):
        table(tmp_path, "text,label\n", text_column="body")
    with pytest.raises(DataError, match=r"which column is the label\? .*'text', 'colour'"):
        table(tmp_path, "text,colour\n")
    with pytest.raises(DataError, match=r"no column 'text'.* 1 to 2\. Give text_column=1 label"):
        table(tmp_path, "it came too late,delivery\n", text_column="text")
    with pytest.raises(DataError, match="'text' is named for the texts and for the labels"):
        table(tmp_path, "text,label\na,b\n", text_column="text", label_column="text")
    with pytest.raises(InputError, match=r"the first is not\. Give text_column=NAME"):
        table(tmp_path, "text,title,label\n", pair_column="title")


@pytest.mark.parametrize(
    ("rows", "text", "label"),
    [
        ("Text;Kategorie\nDas Paket kam nicht;Lieferung\nIch will mein Geld;Zahlung\n", 0, 1),
        ("Mail,Department\nMy parcel never came here,delivery\nI paid it twice,billing\n", 0, 1),
        ("team,words\na,my parcel never came\nb,I paid it twice\n", 1, 0),
        ("Email Body,Category\nit is late,a\nI paid twice,b\n", 0, 1),
    ],
)
def test_of_two_columns_it_is_clear_which_is_which(
    tmp_path: Path, rows: str, text: int, label: int
) -> None:
    names = rows.partition("\n")[0].replace(";", ",").split(",")
    found = table(tmp_path, rows + rows.partition("\n")[2] * 3)
    assert (found.text, found.labels) == (names[text], (names[label],))
    assert "guessed" in "".join(found.notes)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("question,context\nis it late,yes it is\nis it paid,yes it is\n", r"is the label\?"),
        ("customer,remark\nann,it came very late\nbob,I paid it twice\n", r"which the label\?"),
        ("text,date\nit came late,2024-01-02\nI paid it,2024-01-03\n", r"is the label\?"),
        ("time,score\n2024-01-01 12:00,1\n2024-01-01 12:30,2\n", r"column is the text\?"),
        (
            "Great thing,pos\nBad thing here,neg\nGood one here,pos\n",
            "text_column=1 label_column=2",
        ),
        ("word,knd\na b c,x\nd e f,y\n", r"which the label\?"),
        ("one,two\nthis is long,that is long too\nand so on,and so it goes\n", "and which the l"),
        ("id,label\n1,a\n2,b\n3,a\n4,b\n", r"which column is the text\?"),
        ("text,other\nit came late,a text too\nI paid twice,and another\n", "is the label"),
        ("a,b,c\nx y z,1,2\n", "Give text_column=NAME label_column=NAME"),
    ],
)
def test_columns_that_are_not_clear_are_asked_for(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table(tmp_path, rows + rows.partition("\n")[2] * 3)


def test_of_two_columns_the_text_is_beside_the_label_that_is_named(tmp_path: Path) -> None:
    found = table(tmp_path, "word,kind\ngood,a\nbad,b\n", label_column="kind")
    assert found.text == "word"
    with pytest.raises(DataError, match="no column 'knd'"):
        table(tmp_path, "word,kind\ngood,a\nbad,b\n", label_column="knd")


def test_a_column_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'q' is named for both texts of a pair"):
        table(tmp_path, "q,label\na,b\n", text_column="q", pair_column="q")
    found = table(tmp_path, "text,a,b\nx,1,0\ny,0,1\n", label_column="a,b,a")
    assert found.labels == ("a", "b")


def test_check_counts_labels_and_where_they_are(tmp_path: Path) -> None:
    summary = table(tmp_path, "text,label\na,1\na,1\na,0\nb, 0 \n").check()
    assert summary.labels == Counter({"1": 2, "0": 2})
    assert (summary.examples, summary.places) == (4, {"1": "line 2", "0": "line 4"})


def test_empty_cells_are_named_by_line(tmp_path: Path) -> None:
    rows = "text,label\na,1\n  ,0\nb,\n" + "c,\n" * 6
    with pytest.raises(DataError) as caught:
        table(tmp_path, rows).check()
    assert "1 with an empty 'text' (line 3)" in str(caught.value)
    assert "7 with an empty 'label' (line 4, 5, 6, 7, 8, ...)" in str(caught.value)
    with pytest.raises(DataError, match=r"1 with an empty 'sentence2' \(line 2\)"):
        table(tmp_path, "sentence1,sentence2,score\na, ,1\nb,c,0\n").check()


def test_no_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rows"):
        table(tmp_path, "text,label\n").check()


def test_json_values_become_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"text": 3, "label": True}, {"text": "x", "label": 0.5}, {"text": "y", "label": None}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert [(e.text, e.label) for e in read_classification(path)] == [
        ("3", "true"),
        ("x", "0.5"),
        ("y", ""),
    ]
    path.write_text('{"text": "x", "label": {"a": 1}}')
    with pytest.raises(DataError, match="line 1: 'label' is of type dict"):
        list(read_classification(path))
    path.write_text('{"text": "x \\ud800", "label": "a"}')
    with pytest.raises(DataError, match="line 1: 'text' holds a lone surrogate"):
        list(read_classification(path))
    path.write_text('{"text": "x", "label": "a"}\n{"text": "y"}')
    with pytest.raises(DataError, match="line 2: there is no 'label'"):
        list(read_classification(path))


def test_a_cell_may_hold_several_labels(tmp_path: Path) -> None:
    found = table(tmp_path, "text,label\nx, b | a \ny,b|b\nz,\n")
    summary = found.check()
    assert (summary.multi_label, summary.examples) == (True, 3)
    labels = infer_labels(summary.labels, "x")
    assert (labels.problem_type, labels.names) == ("multi_label_classification", ("a", "b"))
    assert [labels_in(example.label) for example in found] == [("b", "a"), ("b",), ()]
    assert places_of_labels(summary.places) == {"b": "line 2", "a": "line 2"}
    with pytest.raises(DataError, match="no row has a label"):
        infer_labels(["|", ""], "x")


def test_a_list_of_labels_is_several_labels_however_short(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lists: list[list[object]] = [["a", 2], ["a"], []]
    path.write_text("\n".join(json.dumps({"text": "x", "label": labels}) for labels in lists))
    assert [labels_in(e.label) for e in read_classification(path)] == [("a", "2"), ("a",), ()]
    path.write_text('{"text": "x", "label": []}')
    assert read_classification(path).check().multi_label
    for label in ("a|b", " "):
        path.write_text(json.dumps({"text": "x", "label": [label]}))
        with pytest.raises(DataError, match="line 1: 'label' lists the label"):
            read_classification(path).check()


def test_integers_are_classes_in_numerical_order() -> None:
    labels = infer_labels(["10", "2", "-1"], "x")
    assert labels.problem_type == "single_label_classification"
    assert labels.names == labels.values == ("-1", "2", "10")


def test_names_replace_values_in_order() -> None:
    labels = infer_labels(["1", "0"], "x", ["negative", "positive"])
    assert (labels.names, labels.values) == (("negative", "positive"), ("0", "1"))
    with pytest.raises(InputError, match="2 different class names are needed, for the labels 0, 1"):
        infer_labels(["1", "0"], "x", ["negative"])
    with pytest.raises(InputError, match="2 different class names"):
        infer_labels(["1", "0"], "x", ["same", "same"])


def test_fractions_are_regression() -> None:
    labels = infer_labels(["1", "2.5", "3.0"], "x")
    assert (labels.problem_type, labels.names) == ("regression", ("value",))
    with pytest.raises(DataError, match=r"'n/a' \(line 4\) is not one\."):
        infer_labels(["1", "2.5", "n/a"], "x", places={"n/a": "line 4"})
    with pytest.raises(InputError, match="these labels are numbers"):
        infer_labels(["1", "2.5"], "x", ["a", "b"])


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="every label is 'spam'"):
        infer_labels(["spam"], "x")


def test_labels_match_by_name_first() -> None:
    matching = match_labels(["1", "0"], ["1", "0"], "x")
    assert (matching.index, matching.note) == ({"1": 0, "0": 1}, None)


def test_ids_match_by_position_and_it_is_said() -> None:
    matching = match_labels(["1", "0"], ["negative", "positive"], "dev.tsv")
    assert matching.index["1"] == 1
    assert matching.note == (
        "dev.tsv holds label ids, read by position: 0 = negative, 1 = positive."
    )


def test_known_values_win_over_positions() -> None:
    matching = match_labels(["1"], ["one star", "two stars"], "x", known=["1", "2"])
    assert (matching.index["1"], matching.note) == (0, None)


def test_unknown_labels_are_named() -> None:
    with pytest.raises(
        DataError, match=r"unknown label 'neutral' \(line 3\)\. Those of the model are 'neg', 'pos'"
    ):
        match_labels(["neg", "neutral"], ["neg", "pos"], "x", places={"neutral": "line 3"})
    with pytest.raises(DataError, match=r"'neg\|pos'.* are for models trained on such"):
        match_labels(["neg|pos"], ["neg", "pos"], "x")
    with pytest.raises(DataError, match="unknown labels '0', '2'"):
        match_labels(["0", "2"], ["neg", "pos"], "x")


@pytest.mark.parametrize("label", ["nan", "inf", "high", ""])
def test_only_finite_numbers_are_values(label: str) -> None:
    with pytest.raises(DataError, match=r"\(line 7\) is not a finite number"):
        as_numbers(["1.5", label], "x", {label: "line 7"})


@given(
    st.lists(st.sampled_from("abc"), min_size=2, max_size=80),
    st.floats(0.05, 0.5),
    st.integers(0, 5),
)
def test_every_class_is_on_both_sides(labels: list[str], fraction: float, seed: int) -> None:
    drawn = held_out(labels, len(labels), fraction, seed)
    assert drawn == held_out(labels, len(labels), fraction, seed)
    out = Counter(labels[position] for position in drawn)
    for label, count in Counter(labels).items():
        if count > 1:
            assert 1 <= out[label] < count
            assert abs(out[label] - count * fraction) <= 1
        else:
            assert out[label] == 0


def test_another_seed_draws_others() -> None:
    assert held_out(None, 100, 0.1, 0) != held_out(None, 100, 0.1, 1)
    assert len(held_out(None, 100, 0.1, 0)) == 10


def test_numbers_name_the_columns_of_a_file_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "cola.tsv"
    path.write_text("gj04\t1\t\tThe sailors rode.\n")
    table = read_classification(path, text_column="4", label_column="2")
    assert [(example.number, example.text, example.label) for example in table] == [
        (1, "The sailors rode.", "1")
    ]
    assert table.columns == Columns(text="4", label="2")


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("1.0", "1"), ("-3.00", "-3"), ("2.", "2"), ("1.5", "1.5"), ("v1.0", "v1.0"),
        ("True", "true"), ("FALSE", "false"), ("NaN", ""), ("<NA>", ""), ("nan|1.0", "|1"),
        ("3,5", "3,5"), ("none", "none"),
    ],
)  # fmt: skip
def test_a_label_has_one_spelling(written: str, label: str) -> None:
    assert canonical_label(written) == label
    assert canonical_label(label) == label


def test_floats_match_integers_both_ways() -> None:
    assert match_labels(["0", "1"], ["0.0", "1.0"], "x").index == {"0": 0, "1": 1}
    assert infer_labels(map(canonical_label, ["0.0", "1.0"]), "x").names == ("0", "1")


def test_ids_are_matched_only_where_every_class_has_one() -> None:
    with pytest.raises(DataError, match=r"unknown labels '0', '1'.* only 2 of the 3 from 0"):
        match_labels(["0", "1"], ["negative", "neutral", "positive"], "x")
    assert match_labels(["2", "0", "1"], ["a", "b", "c"], "x").index["2"] == 2


@pytest.mark.parametrize("missing", ["NaN", "nan", "<NA>", "NA", "None", "null", "?", "-"])
def test_what_is_missing_among_numbers_is_an_empty_label(tmp_path: Path, missing: str) -> None:
    with pytest.raises(DataError, match=r"2 with an empty 'label' \(line 3, 4\)"):
        table(tmp_path, f"text,label\na,1\nb,{missing}\nc,{missing}\nd,0\n").check()


def test_none_among_words_is_a_class(tmp_path: Path) -> None:
    labels = table(tmp_path, "text,label\na,none\nb,hate\n").check().labels
    assert sorted(labels) == ["hate", "none"]


def test_how_a_table_was_read_is_said_though_it_shows_late(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\n" + b"plain,1\n" * 20_000 + b"caf\xe9,0\n")
    assert "(line 20002), so it is read as Windows-1252" in read_classification(path).notes[1]


def test_rows_with_several_labels_are_said(tmp_path: Path) -> None:
    found = table(tmp_path, "text,label\na,yes\nb,no\nc,yes|no\n")
    assert "several labels a text, or none, for 1 of 3 rows" in found.notes[1]
    assert "(line 4)" in found.notes[1]


def test_labels_may_have_a_column_each(tmp_path: Path) -> None:
    text = "id,comment_text,toxic,insult\n7,a,1,0\n8,b,0.0,0.0\n9,c,1,1\n"
    found = table(tmp_path, text)
    assert [labels_in(example.label) for example in found] == [
        ("toxic",),
        (),
        ("toxic", "insult"),
    ]
    assert found.check().multi_label
    assert "a label each in the columns 'toxic', 'insult'" in found.notes[0]
    named = table(tmp_path, text, text_column="comment_text", label_column="insult,toxic")
    assert [example.label for example in named] == ["toxic", "|", "insult|toxic"]
    bad = table(tmp_path, "text,a,b\nx,1,2\n", label_column="a,b", text_column="text")
    with pytest.raises(DataError, match="line 2: 'b' is a column of a label, and holds '2'"):
        list(bad)


def test_columns_with_exactly_one_label_are_classes(tmp_path: Path) -> None:
    summary = table(tmp_path, "text,good,bad\na,1,0\nb,0,1\n").check()
    assert (summary.problem_type, set(summary.labels)) == (
        "single_label_classification",
        {"good", "bad"},
    )


@pytest.mark.parametrize(
    ("problem_type", "names"),
    [
        (None, ("1", "2", "5")),
        ("single_label_classification", ("1", "2", "5")),
        ("regression", ("value",)),
        ("multi_label_classification", ("1", "2", "5")),
    ],
)
def test_ratings_are_what_they_are_said_to_be(
    tmp_path: Path, problem_type: ProblemType | None, names: tuple[str, ...]
) -> None:
    ratings = table(tmp_path, "text,stars\na,5\nb,1\nc,2\n")
    if problem_type:
        ratings = ratings.of_type(problem_type)
    summary = ratings.check()
    labels = infer_labels(summary.labels, "x", problem_type=summary.problem_type)
    assert labels.names == names
    assert labels.problem_type == problem_type or problem_type is None


def test_as_classes_a_stroke_and_a_fraction_are_part_of_the_name(tmp_path: Path) -> None:
    found = table(tmp_path, "text,label\na,x|y\nb,1.5\n").of_type("single_label_classification")
    summary = found.check()
    labels = infer_labels(summary.labels, "x", problem_type=summary.problem_type)
    assert labels.names == ("1.5", "x|y")
    assert len(found.notes) == 1, "only what was guessed"


def test_whole_numbers_with_few_rows_each_are_values(tmp_path: Path) -> None:
    def problem_type(numbers: list[int]) -> str:
        rows = "".join(f"text {place},{number}\n" for place, number in enumerate(numbers))
        return table(tmp_path, f"text,label\n{rows}").check().problem_type

    prices = [3 * number**2 for number in range(40)]
    assert problem_type(prices) == "regression"
    assert problem_type(prices * 8) == "single_label_classification"
    assert problem_type([1, 2, 3, 4, 5] * 3) == "single_label_classification"


@pytest.mark.parametrize("label", ["{}", "id-{}"])
def test_ids_are_no_labels(tmp_path: Path, label: str) -> None:
    rows = "".join(f"text {place},{label.format(place)}\n" for place in range(7, 30))
    summary = table(tmp_path, f"text,label\n{rows}").check()
    assert not summary.has_whole_numbers
    with pytest.raises(DataError, match=r"each row has a label of its own, such as '(id-)?7', .*"):
        infer_labels(summary.labels, "x", None, summary.places, summary.problem_type)


def test_as_values_words_are_refused(tmp_path: Path) -> None:
    rows = 'text,label\n"a\n\nb",1\n\nc,good\nd,bad\n'
    summary = table(tmp_path, rows).of_type("regression").check()
    first = r"'good' \(line 6\) is not one, nor are 1 others"
    with pytest.raises(DataError, match=first):
        infer_labels(summary.labels, "x", None, summary.places, summary.problem_type)


def test_a_header_that_looks_like_a_row_is_suspected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no header, .* Give text_column=1 label_column=2\."):
        table(tmp_path, "a good film,positive\na bad film,negative\n")
    with pytest.raises(DataError, match=r"two columns have the same name.* by their numbers"):
        table(tmp_path, "0,0,a film\n1,0,a plot\n")


def test_pairs_without_a_header_are_told_with_both_columns(tmp_path: Path) -> None:
    rows = "one man sings,a man is singing,1\na cat sits,the dog runs away,0\n"
    wanted = r"no header, .* Give text_column=1 pair_column=2 label_column=3\."
    with pytest.raises(DataError, match=wanted):
        table(tmp_path, rows)


def test_a_table_in_a_txt_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("good\t1\nbad\t0\n")
    with pytest.raises(DataError, match=r"each line is a text; rename it to \.tsv"):
        read_classification(path)
    assert "rename it to .tsv" in open_rows(path).notes[0]


def test_a_file_is_read_once_however_often_it_is_checked(tmp_path: Path) -> None:
    found = table(tmp_path, "text,label\na,1\nb,0\na,1\n")
    summary = found.check()
    (tmp_path / "data.csv").unlink()
    assert found.check() is summary
    assert found.notes
    assert "1 row repeats an earlier one" in summary.repeats[0]
