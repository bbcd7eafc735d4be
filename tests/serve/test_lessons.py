"""Files that are sent to learn from, and the models that come of them."""

import gzip
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.conftest import Running, Serving

import squeezebert

SUBJECTS = ("the film", "this plot", "our seats", "the sound", "that book", "my order")
ROWS = [
    (f"{subject} was {word} number {turn}", label)
    for turn in range(3)
    for subject in SUBJECTS
    for word, label in (("good and lovely", "praise"), ("bad and broken", "complaint"))
]
CSV = "remark,kind\n" + "".join(f"{text},{label}\n" for text, label in ROWS)


@pytest.fixture(scope="module")
def teaching(serving: Serving) -> Iterator[Running]:
    with serving(allow_learn=True) as server:
        yield server


@pytest.fixture
def client(teaching: Running) -> httpx.Client:
    return teaching.client


def sent(client: httpx.Client, content: str | bytes = CSV, name: str = "tickets.csv") -> Any:
    answer = client.post("/v1/learn", params={"file": name}, content=content)
    assert answer.status_code == 200, answer.text
    return answer.json()


def learnt(client: httpx.Client, id: str, **columns: str) -> Any:
    """Learns, and returns what is said at the end."""
    columns = {"text": "remark", "label": "kind"} | columns
    begun = client.post(f"/v1/learn/{id}/start", json=columns)
    assert begun.status_code == 200, begun.text
    until = time.monotonic() + 120
    while (now := client.get(f"/v1/learn/{id}").json())["state"] == "learning":
        assert time.monotonic() < until
        time.sleep(0.05)
    return now


@pytest.fixture(scope="module")
def lesson(teaching: Running) -> Any:
    id = sent(teaching.client)["id"]
    return learnt(teaching.client, id)


def test_columns_are_guessed_from_their_names(client: httpx.Client) -> None:
    guess = sent(client, CSV.replace("remark,kind", "text,label"))
    assert (guess["text"], guess["pair"], guess["label"]) == ("text", None, "label")
    assert guess["columns"] == ["text", "label"]
    assert guess["rows"][0] == {"text": ROWS[0][0], "label": ROWS[0][1]}
    assert len(guess["rows"]) == 5


def test_columns_that_cannot_be_guessed_are_asked_for(client: httpx.Client) -> None:
    guess = sent(client, "remark,kind,day\ngood,a,1\nbad,b,2\n")
    assert guess["text"] is None
    assert "which column is the text, and which the label?" in guess["note"]
    assert "/tmp" not in guess["note"]


def test_a_file_becomes_a_model_with_a_report(client: httpx.Client, lesson: Any) -> None:
    assert lesson["state"] == "learnt", lesson
    assert lesson["labels"] == ["complaint", "praise"]
    most_frequent, *_, best = lesson["scores"]["rows"]
    assert best["score"] > most_frequent["score"]
    assert lesson["scores"]["joules_are"]
    remarks = "".join(lesson["scores"]["remarks"])
    assert "24 of 36 rows are like an earlier one" in remarks
    report = client.get(f"/v1/learn/{lesson['id']}/report")
    assert "Learnt from tickets.csv" in report.text
    assert "sandbox" in report.headers["content-security-policy"]


def test_the_model_is_tried_taken_away_and_served(
    client: httpx.Client, lesson: Any, tmp_path: Path
) -> None:
    body = {"items": ["the sound was good and lovely", "my seats were bad and broken"]}
    tried = client.post(f"/v1/learn/{lesson['id']}/predict", json=body).json()["predictions"]
    assert [each["label"] for each in tried] == ["praise", "complaint"]

    packed = client.get(f"/v1/learn/{lesson['id']}/bundle.zip")
    assert packed.headers["content-type"] == "application/zip"
    zipfile.ZipFile(io.BytesIO(packed.content)).extractall(tmp_path)
    away = squeezebert.load(tmp_path / "tickets")(body["items"])
    assert [answer.score for answer in away] == [each["score"] for each in tried]
    assert (tmp_path / "tickets" / "report.html").is_file()

    taken = client.post(f"/v1/learn/{lesson['id']}/serve", json={"name": "qa"})
    assert taken.status_code == 422
    assert "another name" in taken.json()["error"]
    served = client.post(f"/v1/learn/{lesson['id']}/serve", json={"name": "tickets"})
    assert served.json()["labels"] == ["complaint", "praise"]
    answer = client.post("/v1/models/tickets/predict", json=body).json()
    assert answer["predictions"] == tried
    for name in ("..", ".tickets", "shop"):  # names that are no name, and a second one
        again = client.post(f"/v1/learn/{lesson['id']}/serve", json={"name": name})
        assert again.status_code == 422, again.text
    assert client.delete(f"/v1/learn/{lesson['id']}").status_code == 422


def test_nothing_learnt_is_told_with_its_scores(client: httpx.Client) -> None:
    noise = "remark,kind\n" + "".join(
        f"a text about {turn % 5},{'one' if turn * 7 % 3 else 'two'}\n" for turn in range(60)
    )
    now = learnt(client, sent(client, noise)["id"])
    assert now["state"] == "failed"
    assert "Nothing was learnt from tickets.csv" in now["error"]
    assert now["scores"]["rows"]
    assert client.get(f"/v1/learn/{now['id']}/bundle.zip").status_code == 404


STARS = "remark,stars\n" + "".join(
    f"{subject} was {word} number {turn},{stars}\n"
    for turn in range(3)
    for subject in SUBJECTS
    for stars, word in ((1, "bad and broken"), (3, "so so"), (5, "good and lovely"))
)


def test_numbers_are_classes_unless_they_are_said_to_be_values(client: httpx.Client) -> None:
    classes = learnt(client, sent(client, STARS)["id"], label="stars")
    assert classes["labels"] == ["1", "3", "5"]
    [*_, note] = classes["notes"]
    assert note.endswith('As values, such as ratings: problem_type "regression"')
    values = learnt(client, sent(client, STARS)["id"], label="stars", problem_type="regression")
    assert values["labels"] == ["value"]
    assert not any("whole numbers" in note for note in values["notes"])
    body = {"items": ["the sound was good and lovely"]}
    [answer] = client.post(f"/v1/learn/{values['id']}/predict", json=body).json()["predictions"]
    assert answer["value"] > 3.5


def test_a_problem_type_that_does_not_fit_is_told(client: httpx.Client) -> None:
    now = learnt(client, sent(client)["id"], problem_type="regression")
    assert now["state"] == "failed"
    assert now["error"].startswith("tickets.csv: ")
    unknown = {"text": "remark", "label": "kind", "problem_type": "ratings"}
    begun = client.post(f"/v1/learn/{sent(client)['id']}/start", json=unknown)
    assert begun.status_code == 422
    assert "single_label_classification" in begun.json()["error"]


def test_what_was_noted_in_reading_is_told(client: httpx.Client) -> None:
    odd = CSV.replace("good and lovely", "pr\xe4chtig").encode("cp1252")
    now = learnt(client, sent(client, odd)["id"])
    assert "cp1252" in "".join(now["notes"]) or "Windows" in "".join(now["notes"]), now["notes"]


def test_rows_that_cannot_be_used_are_told_without_our_folders(client: httpx.Client) -> None:
    now = learnt(client, sent(client, "remark,kind\ngood,a\n,b\n")["id"])
    assert now["state"] == "failed"
    assert now["error"].startswith("tickets.csv: 1 with an empty 'remark' (line 3)")


def test_a_column_that_is_not_there_is_told_at_once(client: httpx.Client) -> None:
    id = sent(client)["id"]
    for columns in ({"text": "remarks"}, {"label": "topic"}, {"pair": "answer"}):
        begun = client.post(
            f"/v1/learn/{id}/start", json={"text": "remark", "label": "kind", **columns}
        )
        assert begun.status_code == 422
        [name] = columns.values()
        assert begun.json()["error"].startswith(f"tickets.csv: no column {name!r}. Its columns are")
        assert client.get(f"/v1/learn/{id}").json()["state"] == "sent"


def test_one_file_is_learnt_from_at_a_time_and_can_be_stopped(client: httpx.Client) -> None:
    first, second = (sent(client, CSV + CSV.partition("\n")[2] * 200)["id"] for _ in range(2))
    columns = {"text": "remark", "label": "kind"}
    assert client.post(f"/v1/learn/{first}/start", json=columns).status_code == 200
    busy = client.post(f"/v1/learn/{second}/start", json=columns)
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
    assert client.get(f"/v1/learn/{first}").json()["state"] == "learning"
    assert client.delete(f"/v1/learn/{first}").json() == {"forgotten": True}
    assert client.get(f"/v1/learn/{first}").status_code == 404
    assert client.post(f"/v1/learn/{second}/start", json=columns).status_code == 200
    assert client.delete(f"/v1/learn/{second}").status_code == 200


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("letter.docx", b"text", "can't be read"),
        ("", b"text", "can't be read"),
        ("empty.csv", b"", "empty"),
        ("broken.parquet", b"no table", "not a readable parquet file"),
    ],
)
def test_a_file_that_is_none_is_refused(
    client: httpx.Client, name: str, content: bytes, message: str
) -> None:
    answer = client.post("/v1/learn", params={"file": name}, content=content)
    assert answer.status_code == 422
    assert message in answer.json()["error"]
    assert "/tmp" not in answer.json()["error"]


def test_a_name_is_no_path(client: httpx.Client) -> None:
    assert sent(client, name="../../../etc/passwd.csv")["file"] == "passwd.csv"
    assert sent(client, name="C:\\Data\\t.csv")["file"] == "t.csv"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_cannot_have_it_learn(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    answer = client.post("/v1/learn", params={"file": "a.csv"}, content=CSV, headers=headers)
    assert answer.status_code == 400


def test_a_large_file_is_refused_and_leaves_nothing(serving: Serving) -> None:
    from squeezebert.serve import Limits

    with serving(allow_learn=True, limits=Limits(learn_bytes=1000)) as server:
        for content in (b"x" * 1001, iter([b"x" * 600] * 2)):
            answer = server.client.post("/v1/learn", params={"file": "a.csv"}, content=content)
            assert answer.status_code == 413
        assert sent(server.client, "text,label\na,b\n")["columns"] == ["text", "label"]
        folder = server.server._lessons._folder  # type: ignore[union-attr]
        assert len(list(folder.iterdir())) == 1
    assert not folder.exists()


def test_the_oldest_files_are_forgotten(serving: Serving) -> None:
    with serving(allow_learn=True) as server:
        ids = [sent(server.client)["id"] for _ in range(10)]
        found = [server.client.get(f"/v1/learn/{id}").status_code for id in ids]
        assert found == [404] * 2 + [200] * 8


def test_the_key_is_asked_for(serving: Serving) -> None:
    with serving(allow_learn=True, api_key="secret") as server:
        asked = {"params": {"file": "a.csv"}, "content": CSV}
        assert server.client.post("/v1/learn", **asked).status_code == 401  # type: ignore[arg-type]
        key = {"Authorization": "Bearer secret"}
        answer = server.client.post("/v1/learn", headers=key, **asked)  # type: ignore[arg-type]
        assert answer.status_code == 200


def test_without_leave_nothing_is_taken(running: Running) -> None:
    assert running.client.post("/v1/learn", content=CSV).status_code == 404
    assert running.client.get("/learn.js").status_code == 404
    assert "Teach" not in running.client.get("/").text
    assert "/v1/learn" not in json.dumps(running.client.get("/openapi.json").json())


def test_a_zip_is_taken_by_what_it_holds(client: httpx.Client) -> None:
    for inside, status in (("tickets.csv", 200), ("tickets.docx", 422)):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(inside, CSV)
        answer = client.post("/v1/learn", params={"file": "all.zip"}, content=packed.getvalue())
        assert answer.status_code == status, answer.text


def test_a_file_without_a_header_is_learnt_by_the_numbers_of_its_columns(
    client: httpx.Client,
) -> None:
    guess = sent(client, CSV.partition("\n")[2])
    assert guess["note"].endswith('Give "text": "1" "label": "2".')
    now = learnt(client, guess["id"], text="1", label="2")
    assert now["labels"] == ["complaint", "praise"]


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("x" * 300 + ".csv", CSV, 422),
        ("a\0.csv", CSV, 422),
        ("halves.jsonl", '{"text": "\\ud800", "label": "a"}\n' * 3, 200),
        ("line.csv.gz", gzip.compress(b"text,label\na," + b"b" * (9 << 20)), 422),
        ("large.json.gz", gzip.compress(b'[{"text": "a"},' + b" " * (9 << 20) + b"]"), 422),
    ],
    ids=["long name", "NUL", "half a character", "a long line", "unpacks to much"],
)
def test_what_cannot_be_taken_is_no_fault_of_ours(
    client: httpx.Client, name: str, content: str | bytes, status: int
) -> None:
    answer = client.post("/v1/learn", params={"file": name}, content=content)
    assert answer.status_code == status, answer.text


def test_a_file_is_no_form_and_not_packed_by_http(client: httpx.Client) -> None:
    form = client.post("/v1/learn", params={"file": "a.csv"}, files={"file": CSV.encode()})
    assert form.status_code == 400
    assert "`-T FILE -X POST`" in form.json()["error"]
    packed = client.post(
        "/v1/learn",
        params={"file": "a.csv"},
        content=gzip.compress(CSV.encode()),
        headers={"Content-Encoding": "gzip"},
    )
    assert (packed.status_code, packed.json()["error_type"]) == (415, "unsupported_encoding")


def test_a_name_that_is_none_is_told_what_one_is(client: httpx.Client, lesson: Any) -> None:
    answer = client.post(f"/v1/learn/{lesson['id']}/serve", json={"name": "-rzte"})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("A name begins with a letter")


def test_a_first_line_of_the_same_names_is_a_row(client: httpx.Client) -> None:
    guess = sent(client, "good,good\nbad,bad\n")
    assert guess["columns"] == ["1", "2"]
    assert "two columns have the same name" in guess["note"]
