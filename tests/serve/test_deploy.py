"""What deploys the server is what systemd and Kubernetes take, and asks for options there are."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.commands import all_commands

DEPLOY = Path(__file__).parent.parent.parent / "deploy"


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_the_unit() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", str(DEPLOY / "squeezebert.service")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "squeezebert.service" not in done.stderr


def test_kubernetes_takes_the_manifests(manifests: list[dict[str, Any]]) -> None:
    assert [each["kind"] for each in manifests] == [
        "Deployment", "Service", "PodDisruptionBudget",
    ]  # fmt: skip
    for manifest in manifests:
        kubernetes_validate.validate(manifest, desired_version="1.30", strict=True)


def test_pods_are_asked_at_paths_that_the_server_has(
    manifests: list[dict[str, Any]], client: Any
) -> None:
    [container] = manifests[0]["spec"]["template"]["spec"]["containers"]
    probes = [value for name, value in container.items() if name.endswith("Probe")]
    assert len(probes) == 3
    for probe in probes:
        assert client.get(probe["httpGet"]["path"]).status_code == 200
    annotations = manifests[0]["spec"]["template"]["metadata"]["annotations"]
    assert client.get(annotations["prometheus.io/path"]).status_code == 200


def test_a_pod_has_longer_to_stop_than_the_server_takes(
    manifests: list[dict[str, Any]],
) -> None:
    pod = manifests[0]["spec"]["template"]["spec"]
    arguments = pod["containers"][0]["args"]
    grace = float(arguments[arguments.index("--grace") + 1])
    assert pod["terminationGracePeriodSeconds"] > grace


def test_options_are_options_there_are(manifests: list[dict[str, Any]]) -> None:
    [container] = manifests[0]["spec"]["template"]["spec"]["containers"]
    unit = (DEPLOY / "squeezebert.service").read_text()
    [start] = re.findall("^ExecStart=.* serve (.*)$", unit, re.MULTILINE)
    image = (DEPLOY / "Containerfile").read_text()
    [default] = re.findall(r"^CMD \[(\"--.*)\]$", image, re.MULTILINE)
    serve = all_commands()["serve"]
    for arguments in (container["args"], shlex.split(start), shlex.split(default.replace(",", ""))):
        serve.make_context("serve", list(arguments))
