"""The command line as a whole: its commands and options, its errors, what it needs."""

import errno
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from tests.commands import all_commands
from typer.testing import CliRunner

from squeezebert.cli import app, main
from squeezebert.errors import BundleError, InputError, SqueezeBertError
from squeezebert.files import sole_writer

TRAIN_PACKAGES = [
    "torch", "transformers", "accelerate", "datasets", "sklearn", "scipy", "matplotlib",
    "zstandard", "optuna", "pandas", "pyarrow", "ray", "psutil", "onnx", "onnxruntime",
    "openvino", "nncf",
]  # fmt: skip

SERVE_PACKAGES = ["fastapi", "starlette", "pydantic", "uvicorn", "prometheus_client"]

COMMANDS = {
    "predict": (
        "TEXTS --model --task --file --format --output -o --ray --text-column --pair-column "
        "--label-column --keep --on-error --context --pair --labels --labels-column "
        "--multi-label --template --examples --similar-to --top --long --min-score --always-answer "
        "--answer-tokens --threads"
    ),
    "learn": (
        "FILE --output -o --task --from --text-column --pair-column --label-column "
        "--problem-type --best --minutes --shared --anyway"
    ),
    "models": "--language",
    "serve": (
        "MODELS --host --port --uds --default --preload --watch --allow-learn --api-key --grace "
        "--threads --max-waiting --max-body --max-items --max-text"
    ),
    "squeeze": (
        "TEACHER --text --output -o --held-out --tokens --minutes --mixer --groups --neurons "
        "--kernel-size --from --length --batch-size --learning-rate --seed --resume --clean"
    ),
    "adapt": (
        "CHECKPOINT --text --output -o --held-out --tokens --minutes --teacher --grow --length "
        "--batch-size --learning-rate --seed --resume --clean"
    ),
    "pretrain": (
        "--text --output -o --held-out --tokens --minutes --shape --spelling --pieces --length "
        "--batch-size --learning-rate --seed --resume --clean"
    ),
    "trim": "CHECKPOINT --text --output -o --keep --coverage",
    "compact": "CHECKPOINT --output -o --word-bits --layer-bits",
    "probe": "CHECKPOINTS --teacher --data --sst2 --mrpc --stsb --conll2003 --text --seed --json "
    "--resume --clean",
    "train": (
        "--from --output -o --train --plan --task --dev --text-column --pair-column --label-column "
        "--problem-type --label-names --teacher --answers --unlabelled --temperature --alpha "
        "--epochs --learning-rate --batch-size --max-length --seed --freeze-embeddings "
        "--train-embeddings --balance-classes --patience --search --resume --clean"
    ),
    "evaluate": (
        "--model --data --task --text-column --pair-column --label-column --errors --examples "
        "--split --report --json --threads"
    ),
    "export": (
        "CHECKPOINT --output -o --data --tolerance --text-column --pair-column --label-column "
        "--entailment --max-length --word-bits --language --card --untrained"
    ),
    "combine": "BUNDLES --output -o",
    "info": "MODEL --length --groups --kernel-size --json --machine",
    "bench": (
        "MODEL --peers --quick --shape --text --threads --core-watts --grams-per-kwh --accuracy "
        "--json --output -o"
    ),
}


def test_commands_and_options_are_these() -> None:
    commands = all_commands()
    found = {
        name: " ".join(
            option
            for parameter in command.params
            for option in (
                [*parameter.opts, *parameter.secondary_opts]
                if parameter.param_type_name == "option"
                else [parameter.name.upper()]
            )
        )
        for name, command in commands.items()
    }
    assert found == COMMANDS


def test_help_lists_every_command_under_a_heading_with_a_whole_sentence() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    sections = dict(re.findall(r"^(\w+):\n((?:  .*\n)+)", shown, re.MULTILINE))
    assert {"Use", "Make", "Measure"} <= sections.keys()
    listed = [
        " ".join(entry.split())
        for heading in ("Use", "Make", "Measure")
        for entry in re.split(r"\n(?=  \w)", sections[heading])
    ]
    assert sorted(entry.partition(" ")[0] for entry in listed) == sorted(COMMANDS)
    assert all(entry.endswith(".") and "..." not in entry for entry in listed)


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("evaluate BUNDLE", "evaluate --model <str> --data <str> [OPTIONS]"),
        ("export --model x", "export {checkpoint} --output <path> [OPTIONS]"),
        ("info --model x", "info [MODEL|SHAPE] [OPTIONS]"),
    ],
)
def test_wrong_usage_is_told_with_what_a_command_needs(command: str, usage: str) -> None:
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 2
    assert f" {usage}\n" in done.stderr


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("predict --task a --task b hi", "--task"),
        ("compact no-such -o one --output two", "--output"),
        ("learn no.csv -o m --text-column a --text-column b", "--text-column"),
    ],
)
def test_an_option_of_one_value_that_is_given_twice_is_told(command: str, option: str) -> None:
    done = CliRunner().invoke(app, command.split())
    assert f"note: {option} is given more than once; the last counts." in done.stderr


def test_an_option_that_may_be_given_again_is_not_told() -> None:
    done = CliRunner().invoke(
        app, ["pretrain", "--text", "no.txt", "--text", "none.txt", "-o", "m"]
    )
    assert "more than once" not in done.stderr


def test_called_alone_it_shows_three_commands_to_begin_with() -> None:
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0
    shown = re.findall(r"^  squeezebert (.*)", done.output, re.MULTILINE)
    assert len(shown) == 3
    commands = all_commands()
    for name, *arguments in map(shlex.split, shown):
        commands[name].make_context(name, arguments)


def test_help_of_any_command_is_quick_to_come() -> None:
    """It imports no package of an extra, nor NumPy."""
    heavy = [*TRAIN_PACKAGES, *SERVE_PACKAGES, "numpy", "tokenizers"]
    script = f"""
import sys
from squeezebert.cli import app
for command in {list(COMMANDS)}:
    try:
        app([command, "--help"])
    except SystemExit as stop:
        assert stop.code == 0, command
print("imported:", sorted(set({heavy}) & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("imported: []\n")


def test_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["squeezebert", "--version"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    assert capsys.readouterr().out == f"squeezebert {version('squeezebert')}\n"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("That is wrong. Do this."), 2, "error: That is wrong. Do this.\n"),
        (BundleError("It is damaged."), 2, "error: It is damaged.\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "out.csv"),
            2,
            "error: No space left on device: out.csv\n",
        ),
        (OSError("odd"), 2, "error: odd\n"),
        (
            MemoryError("Unable to allocate 32. GiB"),
            2,
            "error: There is not enough memory (Unable to allocate 32. GiB). "
            "Give a smaller model, or less at once.\n",
        ),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch.nn"),
            2,
            "error: squeezebert fail needs torch, which is not installed. "
            "Run: pip install 'squeezebert[train]'\n",
        ),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_errors_print_one_line_and_say_by_their_status_what_happened(
    error: BaseException,
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_with(error, monkeypatch)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == code
    assert capsys.readouterr() == ("", message)


@pytest.mark.parametrize("error", [ModuleNotFoundError("no", name="antigravity"), KeyError("x")])
def test_our_own_faults_keep_their_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(error, monkeypatch)
    with pytest.raises(type(error)):
        main()


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--from", "{folder}", "--train", "{data}", "-o", "out"],
        ["evaluate", "--model", "{folder}", "--data", "{data}"],
        ["export", "{folder}", "--data", "{data}", "-o", "out"],
        ["squeeze", "{folder}", "--text", "{data}", "-o", "out"],
        ["info", "{folder}"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_its_packages_a_command_names_the_extra(
    arguments: list[str], tmp_path: Path
) -> None:
    data = tmp_path / "data.csv"
    data.write_text("text,label\ngood,1\nbad,0\n")
    (tmp_path / "config.json").write_text("{}")  # so that the folder is a checkpoint
    done = run_core_only([part.format(folder=tmp_path, data=data) for part in arguments])
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith("Run: pip install 'squeezebert[train]'\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        "learn {missing}.csv",
        "train --from mini --train {missing}.csv",
        "train --from mini --plan {missing}.toml",
        "export {output}",
        "combine {missing} {missing}",
        "squeeze {missing} --text {missing}.txt",
        "adapt mini --text {missing}.txt",
        "pretrain --text {missing}.txt",
        "trim mini --text {missing}.txt",
        "compact {missing}",
    ],
)
def test_what_is_there_is_said_to_be_replaced_before_the_work_begins(
    command: str, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    for marker in ("bundle.json", "config.json", "tasks.json"):
        (output / marker).write_text("{}")
    arguments = command.format(missing=tmp_path / "missing", output=output).split()
    done = CliRunner().invoke(app, [*arguments, "-o", str(output)])
    assert done.stdout == f"{output} is there, and will be replaced at the end.\n"
    assert isinstance(done.exception, SqueezeBertError)
    assert sorted(file.name for file in output.iterdir()) == [
        "bundle.json", "config.json", "tasks.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        "learn {missing}.csv",
        "export {there} --data {missing}.csv",
        "combine {missing} {missing}",
        "trim mini --text {missing}.txt",
        "compact {missing}",
    ],
)
def test_a_folder_that_another_command_writes_is_refused(command: str, tmp_path: Path) -> None:
    output = tmp_path / "out"
    arguments = command.format(missing=tmp_path / "missing", there=tmp_path).split()
    with sole_writer(output):
        done = CliRunner().invoke(app, [*arguments, "-o", str(output)])
        assert f"Another process works at {output} right now" in str(done.exception)
    done = CliRunner().invoke(app, [*arguments, "-o", str(output)])
    assert isinstance(done.exception, SqueezeBertError)
    assert "right now" not in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_the_core_alone_learns(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("text,label\n" + "a fine day,good\na grim night,bad\n" * 4)
    done = run_core_only(["learn", str(data), "-o", str(tmp_path / "learnt")])
    assert done.returncode == 0, done.stderr
    done = run_core_only(["predict", "--model", str(tmp_path / "learnt"), "a fine night"])
    assert '"scores": {"bad": ' in done.stdout


def test_bench_names_its_own_extra() -> None:
    done = run_core_only(["bench", "--peers", "none"])
    assert done.returncode == 2
    assert done.stderr == (
        "error: squeezebert bench needs psutil, which is not installed. "
        "Run: pip install 'squeezebert[bench]'\n"
    )


def test_serve_names_its_own_extra() -> None:
    done = run_core_only(["serve"])
    assert done.returncode == 2
    assert done.stderr.endswith("Run: pip install 'squeezebert[serve]'\n")


def test_the_core_alone_predicts(tiny_bundle: Path) -> None:
    done = run_core_only(["predict", "--model", str(tiny_bundle), "a good film"])
    assert done.returncode == 0, done.stderr
    assert '"label"' in done.stdout


def test_a_reader_that_leaves_early_is_no_error(tiny_bundle: Path) -> None:
    script = "from squeezebert.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "predict", "--model", str(tiny_bundle), "--file", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.write("a good film\n" * 3)
        process.stdin.close()
        assert "Error" not in process.stderr.read()
        assert process.wait(timeout=60) == 1


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes ``squeezebert fail`` raise an error."""
    failing = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)

    @failing.command()
    def fail() -> None:
        raise error

    @failing.callback()
    def group() -> None:
        pass

    monkeypatch.setattr("squeezebert.cli.app", failing)
    monkeypatch.setattr(sys, "argv", ["squeezebert", "fail"])


def run_core_only(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs the command line as if only the core's packages were installed."""
    script = f"""
import sys
sys.modules.update(dict.fromkeys({TRAIN_PACKAGES + SERVE_PACKAGES}))  # None: importing it fails
sys.argv = ["squeezebert", *{arguments}]
from squeezebert.cli import main
main()
"""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
