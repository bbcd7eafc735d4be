"""A large matrix product: the most that each library gets out of the machine."""

from collections.abc import Callable
from typing import Any

import numpy as np

from squeezebert.bench.contenders.contract import Spec
from squeezebert.bench.workload import Workload

SIZE = 2048
FLOPS = 2 * SIZE**3
"""Of one product of two square matrices."""


class MatrixProduct:
    """The product of two square matrices; it heeds no workload."""

    settings = f"{SIZE} x {SIZE} x {SIZE}"

    def __init__(self, multiply: Callable[[], Any]) -> None:
        self._multiply = multiply

    def prepare(self, workload: Workload) -> Callable[[], Any]:
        return self._multiply


def open_contender(spec: Spec) -> MatrixProduct:
    makers = {"torch": _torch, "onnxruntime": _onnxruntime, "openvino": _openvino}
    return MatrixProduct(makers[spec.framework](spec))


def _torch(spec: Spec) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(spec.threads)
    dtype = torch.bfloat16 if spec.kind == "bf16" else torch.float32
    x, y = torch.randn((2, SIZE, SIZE), dtype=dtype)
    out = torch.empty(SIZE, SIZE, dtype=dtype)
    return lambda: torch.mm(x, y, out=out)


def _onnxruntime(spec: Spec) -> Callable[[], Any]:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    from squeezebert.bench.contenders.onnxruntime import session_options

    random = np.random.default_rng(0)
    shape = (SIZE, SIZE)
    integer = spec.kind == "int8"
    a = random.integers(0, 256, shape, np.uint8) if integer else random.random(shape, np.float32)
    b = random.integers(-127, 128, shape, np.int8) if integer else random.random(shape, np.float32)
    taken, given = (
        (TensorProto.UINT8, TensorProto.INT32)
        if integer
        else (TensorProto.FLOAT, TensorProto.FLOAT)
    )
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger" if integer else "MatMul", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", taken, shape)],
        [helper.make_tensor_value_info("c", given, shape)],
        [numpy_helper.from_array(b, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(),
        session_options(spec.threads),
        providers=["CPUExecutionProvider"],
    )
    return lambda: session.run(None, {"a": a})


def _openvino(spec: Spec) -> Callable[[], Any]:
    import openvino
    from openvino import opset13 as ops

    from squeezebert.bench.contenders.openvino import compile_model

    random = np.random.default_rng(0)
    shape = (SIZE, SIZE)
    if spec.kind == "int8":
        a = random.integers(0, 256, shape, np.uint8)
        taken = ops.parameter(shape, np.uint8)
        scale = np.array(0.01, np.float32)
        weights = ops.convert(ops.constant(random.integers(-127, 128, shape, np.int8)), "f32")
        product = ops.matmul(
            ops.multiply(ops.convert(taken, "f32"), scale),
            ops.multiply(weights, scale),
            False,
            False,
        )
    else:
        a = random.random(shape, np.float32)
        taken = ops.parameter(shape, np.float32)
        product = ops.matmul(taken, ops.constant(random.random(shape, np.float32)), False, False)
    model = openvino.Model([product], [taken])
    request = compile_model(
        openvino.Core(), model, spec, "LATENCY", streams=1
    ).create_infer_request()
    return lambda: request.infer([a], share_inputs=True, share_outputs=True)
