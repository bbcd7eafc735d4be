"""`squeezebert predict` as a user meets it."""

import csv
import gzip
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from squeezebert import cli
from squeezebert.pipelines import load

BundleMaker = Callable[..., Path]
Predict = Callable[..., tuple[int, str, str]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def predict(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Predict:
    """Runs the command with the tiny model; returns exit status, stdout and stderr."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> tuple[int, str, str]:
        model = () if "--model" in arguments else ("--model", tiny_bundle)
        command = ["squeezebert", "predict", *model, *arguments]
        monkeypatch.setattr(sys, "argv", [str(part) for part in command])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return int(exit_.value.code or 0), *capsys.readouterr()

    return run


def test_piped_answers_are_json_lines(predict: Predict, tiny_bundle: Path) -> None:
    status, out, err = predict("a good film é", "bad")
    assert (status, err) == (0, "")
    records = [json.loads(line) for line in out.splitlines()]
    [answer, _] = load(tiny_bundle)(["a good film é", "bad"])
    assert records[0] == {
        "text": "a good film é",
        "label": answer.label,
        "score": pytest.approx(answer.score, abs=1e-6),
        "scores": pytest.approx(answer.scores, abs=1e-6),
        "tokens": 6,
        "total_tokens": 6,
        "truncated": False,
        "blank": False,
    }
    assert records[1]["text"] == "bad"


def test_answers_at_a_terminal_are_readable(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    predict("a good\n film", "bad " * 100)
    first, second = terminal.getvalue().splitlines()
    label, score, text = first.split(maxsplit=2)
    assert label in ("negative", "positive")
    assert score.endswith("%")
    assert text == "a good  film"
    assert second.endswith("…")


def test_long_and_empty_texts_are_noted(predict: Predict) -> None:
    status, out, err = predict("good " * 50, "", "  ", "bad")
    assert status == 0
    assert [json.loads(line)["truncated"] for line in out.splitlines()] == [True] + [False] * 3
    assert "1 of 4 texts had more than 12 tokens" in err
    assert "2 of 4 texts were empty or held no word that the model knows" in err
    status, out, err = predict("👍")
    assert (json.loads(out)["blank"], "1 of 1 texts were empty or held no word" in err) == (
        True,
        True,
    )


def test_a_text_that_is_a_name_is_noted(predict: Predict, tmp_path: Path) -> None:
    file = tmp_path / "my reviews.csv"
    file.write_text("text\nA good film.\n")
    code, out, err = predict("embed", file, "a" * 5000, "A good film.")
    assert (code, len(out.splitlines())) == (0, 4)
    assert "'embed' is answered as a text. To ask the model of that name: --model embed" in err
    assert f"To ask about what the file holds: --file '{file}'" in err
    assert err.count("is answered as a text") == 2


def test_a_folder_with_the_name_of_a_model_is_noted(
    predict: Predict, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_bundle, tmp_path / "sentiment")
    (tmp_path / "embed").mkdir()  # of something else
    monkeypatch.chdir(tmp_path)
    told = "note: sentiment is the installed model of that name. The folder here is ./sentiment"
    assert told in predict("A good film.", "--model", "sentiment")[2]
    for other in ("./sentiment", "sentiment/", "embed"):
        assert "installed model" not in predict("A good film.", "--model", other)[2]


@pytest.mark.parametrize("kind", ["txt", "txt.gz", "csv", "tsv", "jsonl", "parquet"])
def test_every_kind_of_file(predict: Predict, tmp_path: Path, kind: str) -> None:
    texts = [f'{word} "film"' for word in ("good", "bad", "very not", "")] * 100  # two chunks
    file = tmp_path / f"in.{kind}"
    if kind == "txt":
        file.write_text("".join(f"{text}\n" for text in texts))
    elif kind == "txt.gz":
        file.write_bytes(gzip.compress("\n".join(texts).encode()))
    elif kind == "csv":
        with file.open("w", newline="") as stream:
            csv.writer(stream).writerows([["id", "text"], *enumerate(texts)])
    elif kind == "tsv":
        file.write_text("text\tlabel\n" + "".join(f"{text}\t1\n" for text in texts))
    elif kind == "jsonl":
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    else:
        arrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(arrow.table({"text": texts}), file)
    output = tmp_path / "out.jsonl"
    status, out, err = predict("--file", file, "--output", output)
    assert (status, out) == (0, ""), err
    assert [json.loads(line)["text"] for line in output.read_text().splitlines()] == texts
    assert ("guessed" in err) == (kind in ("csv", "tsv"))  # elsewhere it is the only column


def test_parquet_without_pyarrow(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, _, err = predict("--file", tmp_path / "in.parquet")
    assert status == 2
    assert "pip install 'squeezebert[train]'" in err


def test_progress_is_shown_at_a_terminal(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "in.txt"
    file.write_text("good film\n" * 300)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    predict("--file", file, "-o", tmp_path / "out.csv")
    assert "300/300" in terminal.getvalue()


def test_pairs_and_csv(predict: Predict, tmp_path: Path) -> None:
    file, output = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text('a,b\n"good, film",bad\nnot,un\n')
    status, _, err = predict(
        *("--file", file, "--text-column", "a", "--pair-column", "b", "-o", output)
    )
    assert (status, err) == (0, "")
    with output.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["text"], row["pair"]) for row in rows] == [("good, film", "bad"), ("not", "un")]
    scores = float(rows[0]["score_negative"]), float(rows[0]["score_positive"])
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert float(rows[0]["score"]) == max(scores)


def test_a_regression_prints_values(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    model = make_bundle(tmp_path / "r", labels=("stars",), problem_type="regression")
    _, out, _ = predict("--model", model, "good")
    assert set(json.loads(out)) == {
        *("text", "value", "tokens", "total_tokens", "truncated", "blank")
    }


def test_texts_of_another_language_are_noticed(predict: Predict, tmp_path: Path) -> None:
    data = tmp_path / "rows.csv"
    rows = [
        "das ist nicht gut,negative",
        "wir sind sehr zufrieden,positive",
        "ich mag das,positive",
    ]
    data.write_text("\n".join(["text,label", *rows]) + "\n")
    sentiment = ("--model", "sentiment")
    noticed = "note: Many of the texts look like German, and sentiment was made for English."
    assert noticed in predict(*sentiment, "--file", data)[2]
    done = CliRunner().invoke(cli.app, ["evaluate", *sentiment, "--data", str(data)])
    assert noticed in done.stderr
    data.write_text("text,label\nthis is not good,negative\nwe are very pleased,positive\n")
    assert "look like" not in predict(*sentiment, "--file", data)[2]


def test_stdin_is_one_text_a_line(predict: Predict) -> None:
    status, out, err = predict("--file", "-", stdin=b"good\r\n\nbad film")
    assert status == 0
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["good", "", "bad film"]
    assert "1 of 3 texts were empty" in err


def test_a_line_is_answered_when_it_comes(tiny_bundle: Path) -> None:
    command = [sys.executable, "-c", "from squeezebert.cli import main; main()", "predict"]
    command += ["--model", str(tiny_bundle), "--file", "-"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What runs in the background of a shell is born deaf to Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for text in ("good", "bad film"):  # waits for the answer before the next line
            process.stdin.write(f"{text}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == text
        process.send_signal(signal.SIGINT)  # while it waits for more
        assert process.wait(timeout=60) == 130
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("id,text\n7,good\n", "csv"),
        ('"id";"Text"\n7;good\n', "csv"),
        ("id\ttext\n7\tgood\n", "tsv"),
        ("Text\ngood\n", "csv"),
        ('{"id": 7, "text": "good"}\n', "jsonl"),
    ],
)
def test_what_comes_through_stdin_is_found_out_and_said(
    predict: Predict, content: str, kind: str
) -> None:
    status, out, err = predict("--file", "-", stdin=content.encode())
    assert status == 0
    assert json.loads(out)["text"] == "good"
    assert f"stdin: its first line is that of a {kind} file" in err
    _, out, _ = predict("--file", "-", "--format", "txt", stdin=content.encode())
    assert json.loads(out.splitlines()[-1])["text"] == content.splitlines()[-1], "as told"


def test_what_columns_are_named_of_is_a_table(predict: Predict) -> None:
    content = b"a,b\n7,good\n"
    assert (
        json.loads(predict("--file", "-", "--text-column", "b", stdin=content)[1])["text"] == "good"
    )
    numbered = predict("--file", "-", "--text-column", "2", stdin=content)[1]
    assert [json.loads(line)["text"] for line in numbered.splitlines()] == ["b", "good"]
    assert (
        "no column 'c'. Its columns are 'a', 'b'"
        in predict("--file", "-", "--text-column", "c", stdin=content)[2]
    )
    noted = "stdin: each line is read as a text. If it is a table, name its column."
    assert noted in predict("--file", "-", stdin=content)[2]
    assert not predict("--file", "-", stdin=b"good, bad\na film;,\n")[2]
    assert "Write each object in a line" in predict("--file", "-", stdin=b'[\n{"text": "a"}]')[2]


def test_the_likeliest_labels_are_shown_alone(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    model = make_bundle(tmp_path / "many", labels=("a", "b", "c", "d"))
    [whole] = load(model)(["a good film"])
    ranked = sorted(whole.scores, key=whole.scores.__getitem__, reverse=True)
    found = json.loads(predict("--model", model, "--top", "2", "a good film")[1])
    assert found["label"] == ranked[0]
    assert [*found["scores"]] == ranked[:2]
    table = tmp_path / "out.csv"
    predict("--model", model, "--top", "2", "a good film", "bad", "-o", table)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [rows[0]["label_1"], rows[0]["label_2"]] == ranked[:2]
    assert not any(name.startswith("score_a") for name in rows[0])
    values = make_bundle(tmp_path / "values", labels=("value",), problem_type="regression")
    assert "--top needs a model of classes" in predict("--model", values, "--top", "2", "good")[2]


def test_a_fault_in_a_later_line_of_stdin_leaves_the_earlier_answers(predict: Predict) -> None:
    status, out, err = predict("--file", "-", stdin=b"good\nb\0d\n")
    assert status == 2
    assert "line 2" in err
    assert [json.loads(line)["text"] for line in out.splitlines()] in (["good"], [])


@pytest.mark.parametrize("name", ["in.csv", "./in.csv", "link.csv"])
def test_an_output_that_is_the_input_is_refused(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("in.csv")
    file.write_text("id,text,label\n1,good,yes\n")
    before = file.read_text()
    Path("link.csv").symlink_to("in.csv")
    status, _, err = predict("--file", file, "-o", name)
    assert status == 2
    assert "would be replaced. Name another output" in err
    for option in ("--similar-to", "--examples", "--context"):
        status, _, err = predict(option, file, "-o", name, "good")
        assert (status, "would be replaced" in err) == (2, True)
    assert file.read_text() == before


def test_options_of_a_task_reach_its_model(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    long = "good film and very bad plot . " * 20
    whole = json.loads(predict("--long", "windows", long)[1])
    assert (whole["tokens"], whole["truncated"]) == (142, False)
    kind = {"problem_type": None}
    find = make_bundle(tmp_path / "ner", task="entities", labels=("O", "B-A", "I-A"), **kind)
    texts = ["a good film", "very bad plot", "un moved !"]
    all_of, none = (
        [
            json.loads(line)["entities"]
            for line in predict("--model", find, *more, *texts)[1].split("\n")[:-1]
        ]
        for more in ([], ["--min-score", "1"])
    )
    assert any(all_of)
    assert not any(none)
    ask = make_bundle(
        tmp_path / "qa",
        task="question-answering",
        labels=(),
        max_length=20,
        null_threshold=-1e9,
        **kind,
    )
    context = tmp_path / "context.txt"
    context.write_text("a very good film and a bad plot")
    options: list[str | Path] = ["--model", ask, "--context", context, "very good"]
    assert json.loads(predict(*options)[1])["answer"] is None
    forced = json.loads(predict(*options, "--always-answer", "--answer-tokens", "1")[1])
    assert len(forced["answer"].split()) == 1
    assert predict("--threads", "1", "good")[0] == 0


def test_no_texts_are_noted(predict: Predict) -> None:
    assert predict("--file", "-") == (0, "", "note: there were no texts.\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"good\n" + bytes(range(0xE0, 0xE8)), "line 2: byte 0xe0 is not UTF-8"),
        (b"good\nb\0d\n", "line 2: holds a NUL"),
    ],
)
def test_bytes_that_are_no_text(
    predict: Predict, tmp_path: Path, data: bytes, message: str
) -> None:
    file, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    file.write_bytes(data)
    for arguments in (["--file", file, "-o", output], ["--file", "-"]):
        status, out, err = predict(*arguments, stdin=data)
        assert status == 2
        assert message in err
        assert not out or (arguments[1] == "-" and json.loads(out)["text"] == "good")
    assert not output.exists()


def test_a_lone_surrogate_in_a_record_is_named(predict: Predict, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": "good"}\n{"text": "\\ud800"}\n')
    status, _, err = predict("--file", file)
    assert status == 2
    assert "in.jsonl, line 2: 'text' holds a lone surrogate" in err


def test_an_argument_that_is_not_utf8_is_named(predict: Predict) -> None:
    status, _, err = predict("good", "bad \udcff")
    assert status == 2
    assert "Text 2: it holds a lone surrogate" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give either texts or --file"),
        (["good", "--file", "in.txt"], "Give either texts or --file"),
        (["good", "--text-column", "a"], "are for files"),
        (["good", "-o", "out.xlsx"], "ends in .jsonl or .csv"),
        (["good", "--model", "no-such-model"], "There is no model 'no-such-model'"),
        (["--file", "no-such.txt"], "no-such.txt: no such file"),
        (["--context", "no-such.txt", "Who?"], "--context needs a model that answers questions"),
        (["--context", "no-such.txt", "Who?"], "Give --model qa."),
        (["--labels", "a,b", "good"], "--labels needs a model of entailment"),
        (["--labels", "a,b", "good"], "Give --model nli."),
        (["--examples", "no-such.csv", "good"], "Give --model embed."),
        (["--similar-to", "no-such.txt", "good"], "Give --model embed."),
        (["--top", "0", "good"], "--top"),
        (["--template", "a {}", "good"], "--template is for --labels"),
        (["--multi-label", "good"], "--multi-label is for --labels"),
        (["--min-score", "0.5", "good"], "--min-score needs a model that finds entities"),
        (["--always-answer", "good"], "--always-answer needs a model that answers questions"),
        (["--answer-tokens", "5", "good"], "--answer-tokens needs a model that answers questions"),
        (["--long", "all", "good"], "--long"),
        (["--threads", "0", "good"], "--threads"),
    ],
)
def test_wrong_usage(predict: Predict, arguments: list[str], message: str) -> None:
    status, out, err = predict(*arguments)
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_a_full_disk_leaves_the_old_output(predict: Predict, tmp_path: Path, name: str) -> None:
    """The limit on the size of a file stands for the full disk."""
    file, output = tmp_path / "in.txt", tmp_path / name
    file.write_text("good film\n" * 1000)
    output.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        status, _, err = predict("--file", file, "-o", output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 2
    assert f"{name} could not be written" in err
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", name, "tiny"]


@pytest.mark.parametrize(
    ("task", "labels"),
    [("classification", ("no", "yes")), ("entities", ("O", "B-PER", "I-PER")), ("embedding", ())],
)
def test_predicting_imports_no_torch_and_little_else(
    tmp_path: Path, make_bundle: BundleMaker, task: str, labels: tuple[str, ...]
) -> None:
    kind = {"problem_type": None} if task != "classification" else {}
    bundle = make_bundle(tmp_path / "tiny", task=task, labels=labels, **kind)
    script = f"""
import sys
sys.argv = ["squeezebert", "predict", "--model", {str(bundle)!r}, "good"]
from squeezebert.cli import main
try:
    main()
except SystemExit:
    pass
slow = {{"torch", "transformers", "rich", "pydantic", "safetensors", "datasets"}} & set(sys.modules)
assert not slow, slow
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_nearest_of_a_list_are_found(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    faq = tmp_path / "faq.txt"
    faq.write_text("a good film\n\na bad plot\nvery good !\n")
    options: list[str | Path] = ["--model", embed, "--similar-to", faq]
    status, out, err = predict(*options, "--top", "2", "a bad plot")
    assert (status, "1 empty texts of" in err) == (0, True)
    record = json.loads(out)
    assert record["matches"][0] == {"index": 1, "text": "a bad plot", "score": pytest.approx(1)}
    assert len(record["matches"]) == 2

    table = tmp_path / "found.csv"
    queries = tmp_path / "queries.txt"
    queries.write_text("very good !\n")
    assert predict(*options, "--file", queries, "-o", table)[0] == 0
    [row] = csv.DictReader(table.read_text().splitlines())
    assert (row["text"], row["match_1"], float(row["score_1"])) == ("very good !",) * 2 + (1,)

    pairs = tmp_path / "faq.csv"
    pairs.write_text("question,answer\na good film,yes\na bad plot,no\n")
    options[3] = pairs
    found = json.loads(predict(*options, "a good film")[1])
    assert found["matches"][0]["text"] == "a good film"

    status, _, err = predict("--similar-to", faq, "a film")
    assert status == 2
    assert "needs a model of embeddings, and this one is for classification" in err
    faq.write_text("\n")
    options[3] = faq
    assert "no texts to search in" in predict(*options, "a film")[2]


def test_other_columns_of_the_texts_searched_in_come_with_what_is_found(
    predict: Predict,
    tmp_path: Path,
    make_bundle: BundleMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    faq, asked = tmp_path / "faq.csv", tmp_path / "asked.csv"
    faq.write_text("entry,score,id\na good film,yes,1\n,,2\na bad plot,no,3\n")
    asked.write_text("query,id\na bad plot,x\n")
    options = ["--model", str(embed), "--similar-to", str(faq), "--top", "1"]
    named = [*options, "--text-column", "entry"]

    _, out, _ = predict(*named, "--keep", "id,score", "a bad plot")
    [match] = json.loads(out)["matches"]
    assert match == {
        "index": 1, "text": "a bad plot", "score": pytest.approx(1), "input_score": "no", "id": "3",
    }  # fmt: skip
    _, out, err = predict(*named, "--keep", "all", "--file", asked)
    record = json.loads(out)
    assert (record["text"], record["id"], record["matches"][0]["id"]) == ("a bad plot", "x", "3")
    assert "guessed the columns: text 'query'" in err
    table = tmp_path / "found.csv"
    predict(*named, "--keep", "id", "--file", asked, "-o", table)
    [row] = csv.DictReader(table.read_text().splitlines())
    assert (row["id"], row["match_1"], row["id_1"]) == ("x", "a bad plot", "3")

    for given, message in (
        (["--keep", "answr", "a film"], "faq.csv: no column 'answr'"),
        (["--keep", "answr", "--file", asked], "asked.csv: no column 'answr'"),
        (["--text-column", "anfrage", "--file", asked], "faq.csv: no column 'anfrage'"),
    ):
        status, _, err = predict(*named, *given)
        assert (status, message in err) == (2, True), err

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    predict(*named, "--keep", "id", "a bad plot")
    assert terminal.getvalue() == "a bad plot\n 1.0000  a bad plot\n         id: 3\n"


def test_vectors_and_similarities_are_shown(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    status, out, _ = predict("--model", embed, "a good film")
    vector = json.loads(out)["vector"]
    assert (status, len(vector)) == (0, 16)
    assert sum(value**2 for value in vector) == pytest.approx(1, abs=1e-5)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("text1,text2\ngood,good\n")
    _, out, _ = predict("--model", embed, "--file", pairs)
    assert json.loads(out)["similarity"] == pytest.approx(1, abs=1e-5)
    assert json.loads(out)["pair"] == "good"


def test_labels_of_the_caller_need_a_model_of_entailment(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    labels = ["--labels", "film,plot", "--template", "a {} ."]
    infer = make_bundle(
        tmp_path / "nli", labels=("no", "entailment"), max_length=20, entailment="entailment"
    )
    status, out, _ = predict("--model", infer, *labels, "a good film")
    assert status == 0
    assert json.loads(out)["scores"].keys() == {"film", "plot"}
    labels[1] = '"film, plot",plot'
    record = json.loads(predict("--model", infer, *labels, "--multi-label", "a good film")[1])
    assert record["scores"].keys() == {"film, plot", "plot"}
    assert isinstance(record["labels"], list)
    assert (
        "--long needs a model"
        in predict("--model", infer, *labels, "--long", "windows", "a film")[2]
    )
    status, _, err = predict(*labels, "a good film")
    assert status == 2
    assert "none of this one's labels was named as that of entailment when it was exported" in err


def test_a_file_may_have_labels_for_each_text(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    infer = make_bundle(
        tmp_path / "nli", labels=("no", "entailment"), max_length=20, entailment="entailment"
    )
    texts = tmp_path / "texts.jsonl"
    rows = [("good film", ["film", "plot"]), ("bad plot", ["good", "bad", "a, b"])]
    texts.write_text("".join(json.dumps({"text": t, "about": a}) + "\n" for t, a in rows))
    asked = ["--model", infer, "--file", texts]
    status, out, _ = predict(*asked, "--labels-column", "about")
    assert status == 0
    answers = map(json.loads, out.splitlines())
    assert [[*answer["scores"]] for answer in answers] == [labels for _, labels in rows]
    table = tmp_path / "texts.csv"
    table.write_text("text,about\ngood,film|plot\nbad,film\n")
    asked[-1] = table
    assert "line 3" in predict(*asked, "--labels-column", "about")[2]
    _, out, err = predict(*asked, "--labels-column", "about", "--on-error", "skip")
    assert len(out.splitlines()) == 1
    assert "skipped: " in err
    refused = ["--labels-column", "about", "-o", tmp_path / "out.csv"]
    assert "JSON lines" in predict(*asked, *refused)[2]


def test_what_the_model_refuses_is_named_by_its_line(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    infer = make_bundle(
        tmp_path / "nli", labels=("no", "entailment"), max_length=20, entailment="entailment"
    )
    texts = tmp_path / "texts.txt"
    texts.write_text("good\n" * 299 + "\ngood\n")
    zero_shot = ["--model", infer, "--labels", "film,plot", "--template", "a {} ."]
    output = tmp_path / "out.jsonl"
    status, _, err = predict(*zero_shot, "--file", texts, "-o", output)
    assert (status, output.exists()) == (2, False)
    assert f"{texts}, line 300: it is empty" in err
    status, _, err = predict(*zero_shot, "--file", "-", stdin=b"good\n\n")
    assert "stdin, line 2: it is empty" in err


def test_a_process_without_stdout_or_in_another_encoding(tiny_bundle: Path) -> None:
    command = [sys.executable, "-c", "from squeezebert.cli import main; main()", "predict"]
    command += ["--model", str(tiny_bundle), "a good film é"]
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    assert subprocess.run(closed, capture_output=True, check=True).stderr == b""
    in_ascii = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, check=True, env=in_ascii)
    assert json.loads(done.stdout.decode())["text"] == "a good film é"


def test_a_terminated_process_leaves_nothing_half_written(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    command = [sys.executable, "-c", "from squeezebert.cli import main; main()", "predict"]
    command += ["--model", str(tiny_bundle), "--file", "-", "-o", str(output)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"good\n" * 300)
        process.stdin.flush()
        while not any(file.stat().st_size for file in tmp_path.glob(".out.jsonl.*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.terminate()
        assert process.wait() == 143
    assert list(tmp_path.glob("*out.jsonl*")) == []


def test_a_pair_with_a_missing_side_is_named_by_its_line(predict: Predict, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("text1\ttext2\ngood\tbad\ngood\t \n")
    status, out, err = predict("--file", pairs)
    assert (status, out) == (2, "")
    assert "line 3: a text of the pair is empty" in err


def test_columns_of_a_file_without_a_header_have_numbers(predict: Predict, tmp_path: Path) -> None:
    path = tmp_path / "cola.tsv"
    path.write_text("gj04\t1\ta good film\n")
    _, out, _ = predict("--file", path, "--text-column", "3")
    assert json.loads(out)["text"] == "a good film"


def test_labels_are_learnt_from_a_few_examples(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    examples = tmp_path / "examples.csv"
    rows = ["a good film,praise", "good film !,praise", "a bad plot,blame", "bad plot !,blame"]
    examples.write_text("\n".join(["text,label", *rows, "un moved,out_of_scope"]) + "\n")
    status, out, err = predict("--model", embed, "--examples", examples, "a good film !")
    assert (status, err) == (0, f"note: {examples}: guessed text 'text', label 'label'.\n")
    record = json.loads(out)
    assert record["scores"].keys() == {"praise", "blame"}

    status, _, err = predict("--examples", examples, "a film")
    assert status == 2
    assert "--examples needs a model of embeddings, and this one is for classification" in err
    examples.write_text("text,label\n" + "good,praise|story\nbad,blame\n" * 2)
    _, out, _ = predict("--model", embed, "--examples", examples, "a film")
    assert json.loads(out)["scores"].keys() == {"praise", "blame", "story"}
    examples.write_text("text1,text2,label\n" + "a,b,yes\nb,a,no\n" * 2)
    _, _, err = predict("--model", embed, "--examples", examples, "a")
    assert "compares two texts. Give the other one: --pair" in err


ROWS = [("7", "a good film", "9"), ("8", "bad !", "1")]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("csv", "id,text,label\n7,a good film,9\n8,bad !,1\n"),
        ("csv", "id;text;label\n7;a good film;9\n8;bad !;1\n"),
        ("tsv", "id\ttext\tlabel\n7\ta good film\t9\n8\tbad !\t1\n"),
        (
            "jsonl",
            '{"id": "7", "text": "a good film", "label": "9"}\n'
            '{"id": "8", "text": ["bad", "!"], "label": "1"}\n',
        ),
    ],
)
def test_tables_come_through_stdin_and_their_columns_are_kept(
    predict: Predict, kind: str, content: str
) -> None:
    options = ["--file", "-", "--format", kind, "--keep", "all"]
    status, out, err = predict(*options, stdin=content.encode())
    assert status == 0, err
    assert "guessed the columns: text 'text'" in err
    assert ("separated by semicolons" in err) == (";" in content)
    records = [json.loads(line) for line in out.splitlines()]
    assert [(r["id"], r["text"], r["input_label"]) for r in records] == ROWS
    assert {record["label"] for record in records} <= {"negative", "positive"}


def test_columns_are_kept_by_name_in_csv(predict: Predict, tmp_path: Path) -> None:
    file, output = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text("date,id,text\nmay,7,good\njune,8,bad\n")
    assert predict("--file", file, "--keep", "id, date", "-o", output)[0] == 0
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert [(row["id"], row["date"], row["text"]) for row in rows] == [
        ("7", "may", "good"),
        ("8", "june", "bad"),
    ]
    assert "no column 'day'" in predict("--file", file, "--keep", "day")[2]


def test_bad_records_are_skipped_and_told(predict: Predict, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    lines = [
        '{"text": "good"}',
        "{",
        '{"text": ["a", 1]}',
        '{"text": "\\ud800"}',
        '{"text": "bad"}',
    ]
    file.write_text("\n".join(lines))
    assert predict("--file", file)[0] == 2
    for source, stdin in ((file, b""), ("-", file.read_bytes())):
        kind = ["--format", "jsonl"] if source == "-" else []
        status, out, err = predict("--file", source, *kind, "--on-error", "skip", stdin=stdin)
        assert status == 0
        assert [json.loads(line)["text"] for line in out.splitlines()] == ["good", "bad"]
        told = [line for line in err.splitlines() if line.startswith("skipped: ")]
        assert [f"line {number}" in line for number, line in zip((2, 3, 4), told, strict=True)]
        assert "3 records were skipped" in err


def test_what_the_model_refuses_is_skipped_too(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    model = make_bundle(tmp_path / "q", task="question-answering", labels=(), problem_type=None)
    file = tmp_path / "q.csv"
    question = "good " * 40
    file.write_text(f"question,context\nwhat ?,a good film\n{question},a film\nwhat ?,bad\n")
    status, out, err = predict("--model", model, "--file", file, "--on-error", "skip")
    assert (status, len(out.splitlines())) == (0, 2), err
    assert f"skipped: {file}, line 3" in err


def test_how_a_file_was_read_is_noted(predict: Predict, tmp_path: Path) -> None:
    file = tmp_path / "in.txt"
    file.write_bytes("café\n".encode("cp1252"))
    status, out, err = predict("--file", file)
    assert (status, json.loads(out)["text"]) == (0, "café")
    assert err.count("read as Windows-1252") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--keep", "id", "good"], "--keep and --on-error are for files"),
        (["--on-error", "skip", "good"], "--keep and --on-error are for files"),
        (["--format", "csv", "good"], "--format is for stdin"),
        (["--label-column", "x", "good"], "--label-column is for --examples"),
    ],
)
def test_options_of_files_need_one(predict: Predict, options: list[str], message: str) -> None:
    status, _, err = predict(*options)
    assert (status, message in err) == (2, True)


def test_columns_that_are_named_hold_for_examples(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    examples = tmp_path / "ex.csv"
    examples.write_text(
        "utterance_text,kind_of,day\ngood,praise,1\nvery good,praise,2\nbad,no,3\nun,no,4\n"
    )
    options = ["--model", embed, "--examples", examples, "--text-column", "utterance_text"]
    status, _, err = predict(*options, "good")
    assert (status, "which column is the label" in err, "Give --label-column NAME" in err) == (
        2,
        True,
        True,
    )
    status, out, _ = predict(*options, "--label-column", "kind_of", "good")
    assert (status, json.loads(out)["label"]) == (0, "praise")


def test_columns_of_examples_may_be_no_columns_of_the_file(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    examples, asked = tmp_path / "ex.csv", tmp_path / "asked.txt"
    examples.write_text("message,topic\ngood,praise\nvery good,praise\nbad,no\nun,no\n")
    asked.write_text("good\n")
    options = ["--model", embed, "--examples", examples, "--text-column", "message"]
    status, out, _ = predict(*options, "--label-column", "topic", "--file", asked)
    assert (status, json.loads(out)["label"]) == (0, "praise")
    asked.write_text("1.5\n")
    kept = [*options, "--label-column", "topic", "--file", asked, "--keep", "topic"]
    status, _, err = predict(*kept)
    assert (status, "no column 'topic'" in err) == (2, True)
    options[-1] = "massage"
    status, _, err = predict(*options, "--label-column", "topic", "--file", asked)
    assert (status, "no column 'massage'" in err) == (2, True)


def test_pairs_are_learnt_from_examples_by_their_columns(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    examples = tmp_path / "ex.csv"
    examples.write_text("q1,q2,same\n" + "good,good,yes\nbad,bad,yes\ngood,bad,no\nun,film,no\n")
    options = ["--model", embed, "--examples", examples, "--text-column", "q1"]
    options += ["--pair-column", "q2", "--label-column", "same"]
    status, out, _ = predict(*options, "--file", examples)
    assert (status, len(out.splitlines())) == (0, 4)
    status, out, _ = predict(*options, "--pair", "good", "good")
    assert (status, len(out.splitlines())) == (0, 1)
    half = tmp_path / "half.csv"
    half.write_text("q1,other\ngood,bad\n")
    status, _, err = predict(*options, "--file", half)
    assert (status, "no column 'q2'" in err) == (2, True)


def test_a_stream_without_a_header_is_read_by_the_numbers_of_its_columns(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    examples = tmp_path / "ex.csv"
    examples.write_text("good,praise\nvery good,praise\nbad,no\nun,no\n")
    options = ["--model", embed, "--examples", examples, "--text-column", "1"]
    options += ["--label-column", "2", "--file", "-"]
    status, out, _ = predict(*options, stdin=b"a good film,5\n")
    assert (status, json.loads(out)["text"]) == (0, "a good film")


def test_texts_are_given_labels_or_searched_but_not_both(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    file = tmp_path / "texts.csv"
    file.write_text("question,sentence\na film,good\nun,bad\n")
    for given in (("--examples", file), ("--labels", "a,b")):
        status, _, err = predict("--model", embed, *given, "--similar-to", file, "good")
        assert (status, "--similar-to finds texts like them. Give one." in err) == (2, True)
    status, _, err = predict("--model", embed, "--similar-to", file, "good")
    assert (status, "read as pairs of texts, and single ones are searched in" in err) == (2, True)


def test_what_a_stream_is_does_not_hang_on_columns_of_the_searched_file(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    file = tmp_path / "faq.csv"
    file.write_text("question,answer\ngood film,yes\nbad film,no\n")
    options = ["--model", embed, "--similar-to", file, "--keep", "answer", "--top", "1"]
    status, out, _ = predict(*options, "--file", "-", stdin=b"a good film\nbad\n")
    assert (status, [json.loads(line)["text"] for line in out.splitlines()]) == (
        0,
        ["a good film", "bad"],
    )


def test_cells_that_are_kept_need_characters_and_names_of_their_own(
    predict: Predict, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    for row in ('"note": "\\ud800"', '"note": ["\\ud800"]', '"\\ud800": "x"'):
        file.write_text(f'{{"text": "good", {row}}}\n')
        status, _, err = predict("--file", file, "--keep", "all")
        assert (status, "line 1: what is kept of it holds a lone surrogate" in err) == (2, True)
    file.write_text('{"text": "good", "label": "gold", "input_label": "older"}\n')
    status, out, _ = predict("--file", file, "--keep", "all")
    record = json.loads(out)
    assert (record["input_label"], record["input_input_label"]) == ("older", "gold")
    file.write_text('{"text": "good"}\n{"text": "bad", "day": 3}\n')
    status, out, _ = predict("--file", file, "--keep", "all")
    assert [json.loads(line)["day"] for line in out.splitlines()] == [None, 3]


def test_labels_with_a_line_break_are_refused(
    predict: Predict, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    nli = make_bundle(tmp_path / "nli", labels=("no", "yes"), inputs="pair", entailment="yes")
    status, _, err = predict("--model", nli, "--labels", "sport\npolitics", "good")
    assert (status, "holds a line break. Put commas between the labels" in err) == (2, True)


def test_what_comes_through_a_pipe_is_read_whole_whatever_its_columns_are_called(
    predict: Predict,
) -> None:
    rows = "remark,kind\n" + "a good film this was,x\na bad one this was,y\n" * 150
    status, _, err = predict("--file", "-", "--keep", "kind", stdin=rows.encode())
    assert (status, "which column is the text?" in err) == (2, True)
    given = ("--file", "-", "--text-column", "remark")
    status, out, _ = predict(*given, stdin=rows.encode())
    assert (status, len(out.splitlines())) == (0, 300)
