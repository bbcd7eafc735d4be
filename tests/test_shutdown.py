"""Processes that end, or fork, while other threads predict: quietly, with their own exit codes."""

import subprocess
import sys

import pytest

PREDICTING = """
import os, sys, threading, time, warnings
import squeezebert
warnings.simplefilter("ignore")  # of Python 3.12 and later, about forks of a process with threads
pipeline = squeezebert.load("sentiment", threads=2)
texts = ["a very good film and a bad plot"] * 32
[expected] = pipeline(texts[:1])

def predict():
    while True:
        pipeline(texts)

for _ in range(3):
    threading.Thread(target=predict, daemon=True).start()
time.sleep(0.05)
"""
FORK = """
for attempt in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0 if pipeline(texts)[31] == expected else 1)
    for _ in range(3000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(child, 9)
        sys.exit("the child hangs")
    if status:
        sys.exit(f"the child ended with {status}")
sys.exit(0)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize(
    ("ending", "status", "said"),
    [
        ("sys.exit(3)", 3, ""),
        ("", 0, ""),
        ("raise RuntimeError('of the main thread')", 1, "RuntimeError: of the main thread"),
    ],
)
def test_the_end_of_the_interpreter_is_quiet_while_daemon_threads_predict(
    ending: str, status: int, said: str
) -> None:
    for _ in range(3):
        done = run(PREDICTING + ending)
        assert (done.returncode, done.stderr.splitlines()[-1:]) == (status, [said] if said else [])


def test_a_callback_at_exit_may_still_predict() -> None:
    script = "import atexit\nanswers = []\n"
    script += "atexit.register(lambda: print(pipeline(texts[:1])[0] == expected))\n"
    done = run(script + PREDICTING)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_process_forked_while_other_threads_predict_answers() -> None:
    done = run(PREDICTING + FORK)
    assert (done.returncode, done.stderr) == (0, "")
