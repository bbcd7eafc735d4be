"""The page, in a real browser: what a person sees, types and hears."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.serve.conftest import Running, Serving

CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the page is tested in chromium: apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def teaching(serving: Serving) -> Iterator[Running]:
    """A server that learns from files."""
    with serving(allow_learn=True, api_key="secret", default="embed") as server:
        yield server


@pytest.fixture(scope="module")
def built_in(serving: Serving) -> Iterator[Running]:
    """The built-in models, whose answers make sense."""
    from squeezebert.serve import sources_of

    with serving(sources=sources_of(()), preload=True) as server:
        yield server


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context() as context:
        yield context


@pytest.fixture
def page(context: BrowserContext, built_in: Running) -> Iterator[Page]:
    """The page; nothing that the browser complains about goes unseen."""
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: _noted(message.text, complaints))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: _only(request.url, built_in.address, complaints))
    page.goto(built_in.address)
    expect(page.get_by_role("combobox")).to_have_value("assistant")
    yield page
    assert not complaints


def _noted(message: str, complaints: list[str]) -> None:
    if "status of 422" not in message:  # which the page tells
        complaints.append(message)


def _only(url: str, address: str, complaints: list[str]) -> None:
    if not url.startswith((address, "data:")):
        complaints.append(f"a request to {url}")


def ask(page: Page, model: str, **typed: str) -> Any:
    """Chooses a model, types over its example, and asks."""
    page.get_by_role("combobox").select_option(model)
    for name, text in typed.items():
        page.locator(f"#{name}").fill(text)
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#facts")).to_contain_text("tokens", timeout=20_000)
    return page.get_by_role("status").first


def test_labels_are_bars_with_the_likeliest_first(page: Page) -> None:
    answer = ask(page, "sentiment", text="A gripping, beautifully shot film.")
    expect(answer.locator("strong")).to_have_text("positive")
    first = answer.locator("li").first
    expect(first).to_contain_text("positive")
    share = first.locator(".track div").evaluate("bar => parseFloat(bar.style.width)")
    assert 50 < share <= 100
    expect(page.locator("#facts")).to_contain_text("nothing was cut")
    expect(page.locator("#facts")).to_contain_text("ms in the server")


def test_entities_are_marked_where_they_are_also_after_an_emoji(page: Page) -> None:
    answer = ask(page, "ner", text="It is fine. \N{GRINNING FACE} . Ada Lovelace lived in London.")
    marks = answer.locator("mark")
    expect(marks).to_have_count(2)
    expect(marks.nth(0)).to_have_text("Ada Lovelace PER")
    expect(marks.nth(1)).to_have_text("London LOC")
    text = answer.locator(".marked").inner_text()
    assert text == "It is fine. \N{GRINNING FACE} . Ada Lovelace PER lived in London LOC."


def test_an_answer_is_marked_in_its_text(page: Page) -> None:
    text = "Ada Lovelace met Charles Babbage at a party in London in 1833."
    answer = ask(page, "qa", question="Where did Ada meet Babbage?", text=text)
    said = answer.locator("strong").inner_text()
    expect(answer.locator("mark")).to_have_text(said)
    assert said in text


def test_similar_texts_are_ranked(page: Page) -> None:
    answer = ask(page, "embed", text="I forgot my password.",
                 others="The train is late.\nHow do I reset my login?\n")  # fmt: skip
    expect(answer.locator("li")).to_have_count(2)
    expect(answer.locator("li").first).to_contain_text("reset my login")


def test_labels_of_ones_own_are_chosen_from(page: Page) -> None:
    answer = ask(page, "nli", text="The match went to penalties.", labels="sport, politics, food")
    expect(answer.locator("li")).to_have_count(3)
    expect(answer.locator("li").first).to_contain_text("sport")


def test_what_was_cut_is_said(page: Page) -> None:
    ask(page, "sentiment", text="good " * 2000)
    expect(page.locator("#facts .cut")).to_contain_text("the model saw")


def test_what_went_wrong_is_said_and_the_next_try_works(page: Page) -> None:
    page.get_by_role("combobox").select_option("qa")
    page.locator("#question").fill(" ")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#answer .wrong")).to_contain_text("question is empty")
    ask(page, "sentiment")


def test_text_is_shown_as_text(page: Page) -> None:
    answer = ask(page, "ner", text="<img src=x onerror=alert(1)> Ada lived in London.")
    assert "<img src=x" in answer.inner_text()
    assert page.locator("#answer img").count() == 0


def test_the_keyboard_is_enough(page: Page) -> None:
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id"))
    assert seen[:4] == ["model", "text", "pair", "ask"]
    page.locator("#text").focus()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#facts")).to_contain_text("tokens")


def test_the_request_shown_gives_the_same_answer(
    page: Page, context: BrowserContext, built_in: Running
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, "sentiment", text="It's a \"fine\" film, isn't it? \\ é")
    shown = json.loads(
        built_in.client.post(
            "/v1/models/sentiment/predict",
            json={"items": ["It's a \"fine\" film, isn't it? \\ é"]},
        ).text
    )
    page.get_by_role("button", name="Copy the curl command").click()
    expect(page.locator("#copied")).to_contain_text("curl command is copied")
    curl = page.evaluate("navigator.clipboard.readText()")
    body = re.search(r"--json '(.*)'$", curl.replace("'\\''", "\0"), re.DOTALL)
    assert body is not None
    answer = built_in.client.post(
        "/v1/models/sentiment/predict", content=body[1].replace("\0", "'")
    )
    assert answer.json()["predictions"] == shown["predictions"]
    page.get_by_role("button", name="Copy the Python program").click()
    expect(page.locator("#copied")).to_contain_text("Python program is copied")
    program = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(["python3", "-c", program], capture_output=True, text=True, check=True)
    assert repr(shown["predictions"][0]["score"]) in done.stdout


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nobody_is_shut_out(page: Page, scheme: Any, width: int) -> None:
    """Nothing that axe-core knows of, in both schemes, on a phone and a desk."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    for model in ("sentiment", "ner", "qa", "embed", "nli"):
        ask(page, model)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0


def test_the_page_needs_nothing_from_elsewhere(built_in: Running) -> None:
    response = built_in.client.get("/")
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    for path in ("/", "/page.css", "/page.js"):
        assert "://" not in built_in.client.get(path).text


def test_someone_without_a_shell_teaches_tries_and_serves_a_model(
    browser: Browser, teaching: Running, tmp_path: Path
) -> None:
    """With the key as a password, by the keyboard and the mouse, and nobody is shut out."""
    complaints: list[str] = []
    credentials: Any = {"username": "", "password": "secret"}
    context = browser.new_context(
        http_credentials=credentials, viewport={"width": 360, "height": 800}
    )
    page = context.new_page()
    page.on("console", lambda message: _noted(message.text, complaints))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: _only(request.url, teaching.address, complaints))
    page.goto(teaching.address)

    table = tmp_path / "my tickets.csv"
    table.write_text(_tickets("the film was fine,praise"))
    page.get_by_label("A table with a text").set_input_files(table)
    expect(page.get_by_label("Column of the text")).to_have_value("")
    expect(page.locator("#rows tr")).to_have_count(5)
    page.get_by_role("button", name="Learn").click()
    expect(page.locator("#learn-told .wrong")).to_contain_text("Choose the columns")
    expect(page.locator("#guess-note")).to_contain_text("If this first line is no header")
    page.get_by_label("The first line is a row").check()
    expect(page.locator("#label-column option")).to_have_text(["choose", "1", "2"])

    data = page.evaluate_handle(
        """text => { const data = new DataTransfer();
        data.items.add(new File([text], "my tickets.csv")); return data; }""",
        _tickets("text,label"),
    )
    page.dispatch_event("#learn", "drop", {"dataTransfer": data})
    expect(page.get_by_label("Column of the text")).to_have_value("text")
    expect(page.get_by_label("Column of the label")).to_have_value("label")
    _nobody_is_shut_out(page)
    page.get_by_role("button", name="Learn").click()
    expect(page.locator("#learning")).to_be_visible()
    _nobody_is_shut_out(page)
    page.reload()  # the learning goes on, and the page with it
    expect(page.locator("#learn-told")).to_contain_text(
        "Labels: complaint, praise.", timeout=120_000
    )
    expect(page.locator("#scores tr").first).to_contain_text("always the most frequent answer")

    page.get_by_label("Try it").fill("the sound was good and lovely")
    page.get_by_role("button", name="Ask what was learnt").click()
    expect(page.locator("#attempt-answer strong")).to_have_text("praise", timeout=20_000)
    _nobody_is_shut_out(page)

    with page.expect_download() as download:
        page.get_by_role("link", name="Download the bundle").click()
    assert download.value.suggested_filename == "my tickets.zip"
    with context.expect_page() as report:
        page.get_by_role("link", name="The whole report").click()
    expect(report.value.locator("body")).to_contain_text("Learnt from my tickets.csv")

    expect(page.get_by_label("Serve it here")).to_have_value("my-tickets")
    page.get_by_role("button", name="Serve").click()
    expect(page.locator("#model")).to_have_value("my-tickets")
    assert complaints == []
    context.close()


def test_a_learning_is_stopped_and_its_file_removed(
    browser: Browser, teaching: Running, tmp_path: Path
) -> None:
    credentials: Any = {"username": "", "password": "secret"}
    context = browser.new_context(http_credentials=credentials)
    page = context.new_page()
    page.goto(teaching.address)
    table = tmp_path / "tickets.csv"
    table.write_text(_tickets("text,label", turns=400))
    page.get_by_label("A table with a text").set_input_files(table)
    page.get_by_role("button", name="Learn").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#learn-told")).to_contain_text("are removed")
    context.close()


def _tickets(header: str, turns: int = 3) -> str:
    rows = [
        f"{subject} was {word} number {turn},{label}"
        for turn in range(turns)
        for subject in ("the film", "this plot", "our seats", "the sound", "that book")
        for word, label in (("good and lovely", "praise"), ("bad and broken", "complaint"))
    ]
    return "\n".join([header, *rows, ""])


def _nobody_is_shut_out(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
