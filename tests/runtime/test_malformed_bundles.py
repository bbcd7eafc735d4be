"""What the native engine is kept from: parts whose digests are right, but not their content."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.shapes import native_shape

from squeezebert import load
from squeezebert.bundle.manifest import MANIFEST, part_name
from squeezebert.errors import BundleError
from squeezebert.runtime import native_engine

VALUE = "encoder.layers.0.intermediate.conv1d.weight"


@pytest.fixture
def bundle(tmp_path: Path, make_bundle: Callable[..., Path]) -> Path:
    """A bundle as wide as the native engine needs."""
    shape = native_shape()
    assert native_engine.fits(shape)
    return make_bundle(tmp_path / "bundle", architecture=shape)


def with_encoder(bundle: Path, edit: Callable[[bytes], bytes]) -> None:
    """Replaces the encoder part, and what the manifest says of its size and digest."""
    manifest: dict[str, Any] = json.loads((bundle / MANIFEST).read_bytes())
    old = next(name for name in manifest["files"] if name.startswith("encoder-"))
    data = edit((bundle / old).read_bytes())
    (bundle / old).unlink()
    digest = hashlib.sha256(data).hexdigest()
    del manifest["files"][old]
    name = part_name("encoder", digest)
    manifest["files"][name] = {"sha256": digest, "bytes": len(data)}
    (bundle / name).write_bytes(data)
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def with_header(edit: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    """An edit of a part's header that leaves its values alone."""

    def apply(data: bytes) -> bytes:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        edit(header)
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + data[8 + size :]

    return apply


def with_scale(value: bytes) -> Callable[[bytes], bytes]:
    """Sets the first float16 scale of a tensor."""

    def apply(data: bytes) -> bytes:
        start = 8 + int.from_bytes(data[:8], "little")
        at = start + json.loads(data[8:start])[f"{VALUE}.scale"]["data_offsets"][0]
        return data[:at] + value + data[at + 2 :]

    return apply


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(with_scale(b"\x00\x7e"), id="scale is NaN"),
        pytest.param(with_scale(b"\x00\x7c"), id="scale is infinite"),
        pytest.param(with_scale(b"\x00\xbc"), id="scale is negative"),
        pytest.param(with_header(lambda h: h[VALUE].update(shape=[32, 32, 1])), id="other shape"),
        pytest.param(with_header(lambda h: h[VALUE].update(shape=[2**40, 1, 1])), id="absurd size"),
        pytest.param(with_header(lambda h: h[VALUE].update(shape=[-64, -16, 1])), id="negative"),
        pytest.param(with_header(lambda h: h[VALUE].update(dtype="F16")), id="other type"),
        pytest.param(with_header(lambda h: h.pop(VALUE)), id="missing"),
        pytest.param(
            with_header(lambda h: h[VALUE].update(data_offsets=[0, 1 << 40])), id="beyond the file"
        ),
        pytest.param(lambda data: data[:-1], id="cut short"),
        pytest.param(lambda data: data + b"\0", id="too long"),
        pytest.param(lambda data: b"\xff" * 8 + data[8:], id="header beyond the file"),
    ],
)
def test_a_part_with_a_right_digest_and_wrong_content_is_refused(
    bundle: Path, edit: Callable[[bytes], bytes]
) -> None:
    with_encoder(bundle, edit)
    with pytest.raises(BundleError, match="encoder-"):
        load(bundle)


@given(position=st.integers(0, 1 << 16), byte=st.integers(0, 255))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_byte_may_change_without_harm(bundle: Path, position: int, byte: int) -> None:
    """Either the bundle is refused, or its weights are others and it answers with them."""

    def edit(data: bytes) -> bytes:
        at = position % len(data)
        return data[:at] + bytes([byte]) + data[at + 1 :]

    with_encoder(bundle, edit)
    try:
        pipeline = load(bundle)
    except BundleError:
        return
    assert len(pipeline(["a good film", ""])) == 2
