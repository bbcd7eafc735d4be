"""The steps that make the built-in models on a graphics processor, tiny and on the CPU."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.gpu import flat, students
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.augment import Vocabulary, closed
from benchmarks.gpu.blocks import block
from benchmarks.gpu.device import LOW
from benchmarks.gpu.encoder import Parameters, Shape, states
from benchmarks.gpu.fit import Settings, Training, fit
from benchmarks.gpu.languages import LANGUAGES, LIKENESS
from benchmarks.gpu.objectives import (
    COMPARED,
    Kind,
    add_head,
    add_widening,
    loss,
    outputs_and_states,
)
from benchmarks.gpu.rows import Rows, count, joined, starts, take
from benchmarks.gpu.scores import Dev
from benchmarks.gpu.store import Arrays, Work, load_encoder, save_encoder
from benchmarks.gpu.teach import TASKS
from benchmarks.gpu.tokenise import pieces, tagged, texts
from benchmarks.gpu.weights import of_student, of_teacher
from tests.shapes import student_config
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from squeezebert.errors import InputError
from squeezebert.export.provenance import provenance
from squeezebert.model import SqueezeBertConfig, SqueezeBertModel, SqueezeBertSeparableConfig
from squeezebert.squeeze.teacher import Teacher
from squeezebert.tokenizer import Tokenizer

TeacherMaker = Callable[[str], Path]
SENTENCES = ["a good film", "a bad plot", "very good and not bad", "unmoved . bad films !"] * 6
IDS = torch.tensor([[2, 5, 6, 8, 3, 0, 0], [2, 7, 9, 11, 13, 14, 3]])
LENGTHS = torch.tensor([5, 7], dtype=torch.int32)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path / "work")


@pytest.fixture
def tokenizer(tmp_path: Path, tokenizer_json: bytes) -> Path:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(tokenizer_json)
    return path


def run(work: Work, *step: str | Path) -> int:
    return main([str(work.folder), *map(str, step)])


def sentences(tokenizer: Path, lines: list[str] = SENTENCES) -> Arrays:
    return texts(Tokenizer.from_file(tokenizer), lines, 16)


def squeezed(work: Work, teacher: Path) -> None:
    """Makes a student called mini."""
    random = np.random.default_rng(0)
    for part, sequences in (("", 64), (".held", 8)):
        ids = random.integers(5, 19, (sequences, 24), dtype=np.uint16)
        work.save(f"text.english{part}", {"ids": ids})
    step = ["squeeze", "mini=5", "--teacher", str(teacher), "--text", "english"]
    assert run(work, *step, "--neurons", "8", "--batch", "8", "--seconds", "1") == 0


def assert_same_states(model: torch.nn.Module, parameters: Parameters, shape: Shape) -> None:
    inside = torch.arange(IDS.shape[1])[None] < LENGTHS[:, None]
    with torch.no_grad():
        theirs = model(IDS, attention_mask=inside.long(), output_hidden_states=True).hidden_states
        ours = states(parameters, shape, IDS, LENGTHS)
    for mine, other in zip(ours, theirs[1:], strict=True):
        torch.testing.assert_close(mine[inside], other[inside], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["bert", "mpnet"])
def test_a_teacher_has_the_states_of_transformers_model(
    make_teacher: TeacherMaker, family: str
) -> None:
    teacher = Teacher(str(make_teacher(family)))
    parameters, shape = of_teacher(teacher)
    ids = torch.randint(5, 19, (3, 20), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        theirs = teacher.hidden_states(ids)[1:]
        for ours, other in zip(states(parameters, shape, ids), theirs, strict=True):
            torch.testing.assert_close(ours, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", [SqueezeBertConfig, SqueezeBertSeparableConfig])
def test_a_student_has_the_states_of_the_model(kind: type[SqueezeBertConfig]) -> None:
    torch.manual_seed(0)
    model = SqueezeBertModel(kind(**student_config()))
    model.train(mode=False)
    assert_same_states(model, *of_student(model))
    if kind is SqueezeBertConfig:  # taps that are put in change nothing
        assert_same_states(model, *of_student(model, taps=5))


def test_a_classifier_is_made_from_a_teacher_on(
    make_teacher: TeacherMaker, tokenizer: Path, work: Work, tmp_path: Path
) -> None:
    teacher = make_teacher("bert")
    squeezed(work, teacher)
    _, shape, record = load_encoder(work.made("mini"), "")
    assert (shape.taps, shape.groups, shape.neurons) == (5, 2, 8)
    errors = record["held_out_relative_error"]
    assert errors["end"][-1] < errors["start"][-1]
    assert run(work, "weights", f"mpnet={teacher}") == 0
    work.save("vocabulary", pieces(tokenizer))
    label = np.array([1, 0, 1, 0] * 6)
    for part in ("train", "dev"):
        work.save(f"sst2.{part}", {**sentences(tokenizer), "label": label})
    assert run(work, "teach", "sst2") == 0
    told = work.data("sst2.told")
    assert told["told"].shape == (4 * 24, 2), "the texts and three copies with words replaced"
    assert set(told["label"][24:]) == {-1}
    assert (
        told["ids"][: starts(told)[24]] != told["ids"][starts(told)[24] : starts(told)[48]]
    ).any()
    _assert_states_were_told(work, "sst2")
    assert run(work, "student", "mini", "sst2") == 0
    output = tmp_path / "checkpoint"
    step: list[str | Path] = ["checkpoint", "mini.sst2", "--tokenizer", teacher, "-o", output]
    assert run(work, *step) == 0
    model = AutoModelForSequenceClassification.from_pretrained(output)
    parameters, shape, _ = load_encoder(work.made("mini.sst2"), "")
    assert_same_states(model.transformer, parameters, shape)
    assert model.config.id2label == {0: "negative", 1: "positive"}
    training = provenance(output)["training"]
    assert (training["task"], training["student"]) == ("sst2", "mini")
    assert training["settings"]["learning_rate"] == 4e-4
    assert run(work, "checkpoint", "mini", "--tokenizer", teacher, "-o", tmp_path / "mini") == 0
    assert (tmp_path / "mini" / "squeeze.json").is_file()
    assert_same_states(
        AutoModel.from_pretrained(tmp_path / "mini"), *load_encoder(work.made("mini"), "")[:2]
    )


def test_a_teacher_of_entities_tells_the_states_of_tokens(
    make_teacher: TeacherMaker, tokenizer: Path, work: Work, tmp_path: Path
) -> None:
    assert run(work, "weights", f"mpnet={make_teacher('mpnet')}") == 0
    work.save("vocabulary", pieces(tokenizer))
    file = tmp_path / "some.conll"
    file.write_text("a\tO\ngood\tB-PER\nfilms\tI-PER\n\nbad\tB-LOC\n\n" * 4)
    names = tagged(Tokenizer.from_file(tokenizer), file, TASKS["conll"].tags, 16)
    for part in ("train", "dev"):
        work.save(f"conll.{part}", names)
    work.save("pool.news", sentences(tokenizer))
    assert run(work, "teach", "conll") == 0
    _assert_states_were_told(work, "conll")


def _assert_states_were_told(work: Work, name: str) -> None:
    """The teacher itself is not wrong about them, and another encoder is."""
    parameters, shape = work.encoder(f"mpnet.{name}", "")
    told, states_told = work.data(f"{name}.told"), work.data(f"{name}.told_states")
    by_token = TASKS[name].kind == Kind.TAGS
    rows, layers = (len(told["ids"]), COMPARED) if by_token else (count(told), 2 * COMPARED)
    assert states_told["told_states"].shape == (rows, layers, shape.width)
    assert len(set(told["lengths"])) > 1, "so that there is padding"
    batch = next(Rows(told | states_told).parts(2000))
    states_alone = replace(TASKS[name], told=1.0)
    expected = dict(batch)
    del expected["told_states"]
    by_itself = loss(parameters, shape, states_alone, batch)
    assert by_itself == pytest.approx(0, abs=1e-4)
    other = {name: value + 0.1 for name, value in parameters.items()}
    without = loss(other, shape, states_alone, expected)
    assert loss(other, shape, states_alone, batch) > without + 0.01


def test_a_student_as_wide_as_its_teacher_has_its_head_and_its_states(
    make_teacher: TeacherMaker, tokenizer: Path, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters, shape = of_teacher(Teacher(str(make_teacher("mpnet"))))
    save_encoder(work.made("student"), parameters, shape)
    head = {
        f"cola.{part}.{kind}": torch.ones(1)
        for part in ("pooler", "classifier")
        for kind in ("weight", "bias")
    }
    save_encoder(work.made("mpnet.cola"), {**parameters, **head}, shape)
    wider = replace(shape, width=2 * shape.width)
    save_encoder(
        work.made("mpnet.sst2"), {**parameters, "sst2.classifier.bias": torch.ones(1)}, wider
    )
    data = {**sentences(tokenizer), "label": np.array([1, 0, 1, 0] * 6)}
    for task, of in (("cola", shape), ("sst2", wider)):
        zeros = np.zeros((24, 2 * COMPARED, of.width), np.float16)
        work.save(f"{task}.told_states", {"told_states": zeros})
    begun: list[tuple[Parameters, Arrays]] = []

    def caught(parameters: Parameters, shape: Shape, trainings: list[Training], *_: object) -> None:
        begun.append((parameters, trainings[0].data))

    monkeypatch.setattr(students, "fit", caught)
    for task in ("cola", "sst2", "stsb"):
        for part in ("told", "dev"):
            work.save(f"{task}.{part}", data)
        students.learn(work, "student", task)
    as_wide, narrower, of_none = ((each.keys() - parameters.keys(), told) for each, told in begun)
    assert as_wide[0] == head.keys()
    assert narrower[0] == {"sst2.widening"}
    assert not of_none[0]
    assert [told["told_states"].shape[-1] for _, told in (as_wide, narrower)] == [
        shape.width,
        wider.width,
    ]
    assert "told_states" not in of_none[1]


@pytest.mark.parametrize("name", ["sst2", "conll"])
def test_a_narrower_student_learns_a_linear_map_to_its_teachers_states(
    make_teacher: TeacherMaker, name: str
) -> None:
    parameters, shape = of_teacher(Teacher(str(make_teacher("mpnet"))))
    task, random = TASKS[name], torch.Generator().manual_seed(0)
    add_head(parameters, shape, task, seed=0)
    add_widening(parameters, shape, task, replace(shape, width=2 * shape.width))
    batch = {"ids": IDS, "lengths": LENGTHS, "second": torch.zeros_like(LENGTHS)}
    with torch.no_grad():
        found, own = outputs_and_states(parameters, shape, task, batch)
        targets = {"tag": torch.zeros_like(IDS)} if name == "conll" else {"label": LENGTHS * 0}
        batch |= {**targets, "told": found}
        expected = loss(parameters, shape, task, batch)
        maps = torch.randn(parameters[f"{name}.widening"].shape, generator=random)
        batch["told_states"] = torch.einsum("...lw,ltw->...lt", own, maps)
        wrong = loss(parameters, shape, task, batch)
        right = loss({**parameters, f"{name}.widening": maps}, shape, task, batch)
    assert right == pytest.approx(expected.item(), abs=1e-4)
    assert wrong > expected + 0.5, "zeros are as wrong as the states are large"


def test_entities_and_vectors_are_learnt_in_several_languages(
    make_teacher: TeacherMaker, tokenizer: Path, work: Work, tmp_path: Path
) -> None:
    teacher = make_teacher("bert")
    squeezed(work, teacher)
    assert run(work, "weights", f"e5={teacher}", f"mpnet={teacher}") == 0
    file = tmp_path / "some.conll"
    file.write_text("a\tO\ngood\tB-PER\nfilms\tI-PER\n\nbad\tB-LOC\nplot\tO\n\n" * 4)
    tags = tuple(TASKS["conll"].tags)
    found = tagged(Tokenizer.from_file(tokenizer), file, tags, 16)
    assert found["tag"].tolist()[:6] == [
        -100,
        0,
        tags.index("B-PER"),
        tags.index("I-PER"),
        -100,
        -100,
    ]
    for part in ("train", "dev"):
        spoken = np.arange(count(found), dtype=np.int8) % 2
        work.save(f"entities.{part}", {**found, "language": spoken})
    pool = sentences(tokenizer)
    work.save("pool.languages", pool)
    work.save("parallel", joined(*[take(pool, np.arange(4))] * len(LANGUAGES)))
    for side in (1, 2):
        work.save(f"stsb{side}.train", take(pool, np.arange(4)))
        for language in LIKENESS:
            pairs = take(pool, np.roll(np.arange(4), side))
            work.save(f"likeness{side}.{language}", {**pairs, "number": np.arange(4.0)})
    assert run(work, "teach-languages", "entities", "embed") == 0
    assert run(work, "student-languages", "mini", "entities", "embed") == 0
    _, _, record = load_encoder(work.made("mini.embed"), "")
    assert set(record["evaluation"]["embed"]) == {"spearman", *LIKENESS}
    output = tmp_path / "entities"
    step: list[str | Path] = ["checkpoint", "mini.entities", "--tokenizer", teacher, "-o", output]
    assert run(work, *step) == 0
    model = AutoModelForTokenClassification.from_pretrained(output)
    assert_same_states(model.transformer, *load_encoder(work.made("mini.entities"), "")[:2])


def test_several_heads_are_learnt_over_one_encoder(
    make_teacher: TeacherMaker,
    tokenizer: Path,
    work: Work,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    teacher = make_teacher("bert")
    squeezed(work, teacher)
    own = sentences(tokenizer)
    file = tmp_path / "some.conll"
    file.write_text("a\tO\ngood\tB-PER\nfilms\tI-PER\n\nbad\tB-LOC\nplot\tO\n\n" * 4)
    names = tagged(Tokenizer.from_file(tokenizer), file, TASKS["conll"].tags, 16)
    random = np.random.default_rng(0)
    for name, data, outputs in (
        ("sst2", {**own, "label": np.array([1, 0, 1, 0] * 6)}, (24, 2)),
        ("clinc", {**own, "label": np.array([0, 1, 2, -1] * 6)}, (24, 150)),
        ("conll", names, (len(names["ids"]), len(TASKS["conll"].tags))),
    ):
        told = random.normal(size=outputs).astype(np.float16)
        work.save(f"{name}.told", {**data, "told": told})
        work.save(f"{name}.dev", data)
    work.save("clinc.labels", {"labels": np.array([str(number) for number in range(150)])})
    for side in (1, 2):
        work.save(f"stsb{side}.dev", take(own, np.roll(np.arange(4), side)))
    work.save("stsb.dev", {"number": np.arange(4.0)})
    for part in ("sst2", "conll"):
        work.save(f"{part}.train", work.data(f"{part}.dev"))
    for pool in ("wiki", "news", "novels", "short", "questions"):
        work.save(f"pool.{pool}", own)
    assert run(work, "weights", f"mpnet={teacher}") == 0
    assert run(work, "teach", "embed", "--vectors", "mpnet") == 0
    assert run(work, "frozen", "mini") == 0
    assert re.findall(r"^mini, (\w+), (\w+) layer: \d", capsys.readouterr().out, re.M) == [
        (task, layer) for task in ("sst2", "conll") for layer in ("middle", "last")
    ]
    assert run(work, "heads", "mini") == 0
    parameters, shape, record = load_encoder(work.made("mini.assistant"), "")
    assert set(record["evaluation"]) == {"sst2", "clinc", "conll", "embed"}
    assert "accuracy_at_70" in record["evaluation"]["clinc"]
    assert record["learnt_from"]["embed"] == ["told", "told_more", "told_states"]
    for head, kind in (("conll", AutoModelForTokenClassification), ("embed", AutoModel)):
        output = tmp_path / head
        step = ["checkpoint", "mini.assistant", "--head", head, "--tokenizer", str(teacher)]
        assert run(work, *step, "-o", output) == 0
        model = kind.from_pretrained(output)
        encoder = model if head == "embed" else model.transformer
        assert_same_states(encoder, parameters, shape)
        assert provenance(output)["training"]["task"] == head


def test_a_step_of_adam_on_a_processor_is_that_of_its_formula(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parameters, shape = of_student(SqueezeBertModel(SqueezeBertSeparableConfig(**student_config())))
    names = [name for name in parameters if name.startswith("layer")]
    monkeypatch.setattr(flat, "CPU_KERNELS", False)
    found = []
    for by_formula in (True, False):
        monkeypatch.setattr(flat, "GPU", by_formula)
        vector = flat.Flat(parameters, names, shape.matrices())
        adam = flat.Adam(vector)
        adam.rate.fill_(0.1)
        for step in range(3):
            random = torch.Generator().manual_seed(step)
            vector.gradient.copy_(torch.randn(len(vector.gradient), generator=random))
            vector.view(vector.gradient, "layer0.value.bias").zero_()
            if step == 2:
                vector.gradient[7] = torch.inf
            adam.step()
        found.append([vector.kept(of) for of in (vector.master, adam.mean, vector.low.float())])
    rounded = torch.finfo(LOW).eps  # what is computed with may be rounded the other way
    for one, other, tolerance in zip(*found, (1e-5, 1e-5, max(1e-5, rounded)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=tolerance)


def test_the_processors_products_in_groups_have_the_gradients_of_dense_ones() -> None:
    parameters, shape = of_student(SqueezeBertModel(SqueezeBertSeparableConfig(**student_config())))
    assert shape.groups > 1
    dense = replace(shape, groups=1)
    gradients = []
    for each in (shape, dense):
        own = {name: value.clone().requires_grad_() for name, value in parameters.items()}
        states(own, each, IDS, LENGTHS)[-1].square().sum().backward()
        gradients.append(own)
    for name in parameters:
        ours, wanted = (own[name].grad for own in gradients)
        if ours is None or wanted is None:
            assert ours is wanted
        elif shape.matrices().get(name, 1) > 1:  # outside of its blocks a dense one would learn too
            for index in range(shape.groups):
                of_block = (block(gradient, index, shape.groups) for gradient in (ours, wanted))
                torch.testing.assert_close(*of_block, atol=1e-5, rtol=1e-4)
        else:
            torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-4)


def test_closing_marks_are_put_and_taken(tokenizer: Path, work: Work) -> None:
    own = sentences(tokenizer, ["a good film", "unmoved .", "bad plot ."])
    none = np.zeros(0)
    marks = Vocabulary(none, none, none, special=(), closing=(int(own["ids"][-2]),))
    found = closed(own, marks, seed=0)
    once = sentences(tokenizer, ["a good film .", "unmoved", "bad plot"])
    for name, value in once.items():
        np.testing.assert_array_equal(found[name], value)


def test_a_step_that_lacks_another_says_which(
    work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(work, "student", "mini", "sst2") == 2
    assert "Run the step 'squeeze' first." in capsys.readouterr().err


def test_an_encoder_that_tells_no_tokens_apart_is_an_error(
    make_teacher: TeacherMaker, tokenizer: Path, tmp_path: Path
) -> None:
    parameters, shape = of_teacher(Teacher(str(make_teacher("bert"))))
    data = {**sentences(tokenizer), "label": np.array([1, 0, 1, 0] * 6)}
    training = Training(TASKS["sst2"], data, Dev(data))
    settings = Settings(epochs=1, learning_rate=1e-4, batch=8)
    fit(parameters, shape, [training], settings, tmp_path / "alive")
    parameters["layer1.output_norm.weight"] = torch.zeros(shape.width)
    with pytest.raises(InputError, match="halve it"):
        fit(parameters, shape, [training], settings, tmp_path / "collapsed")
