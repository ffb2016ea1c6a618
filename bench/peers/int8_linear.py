"""Linear layers of a Wan 1.3B in 8 bits on a CPU: ONNX Runtime's operators beside its f32, and PyTorch in f32 and bf16.

Needs onnx, onnxruntime, torch and numpy:
  OMP_NUM_THREADS=1 python int8_linear.py [--tokens 1792] [--rounds 5] [--threads 1]
Every way multiplies the same activations [tokens, in] by the same weight [out, in]; rounds are made in turn, and the
median of each is printed with its error, ‖y − y_f64‖ / ‖y_f64‖. Activations are normal numbers with one channel in a
hundred ten times as large, as transformers have them.
"""

import argparse
import json
import statistics
import time

import numpy
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

SHAPES = [(1536, 1536), (1536, 8960), (8960, 1536)]


def session(nodes, initializers, width, threads):
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in initializers.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def n_bits(weight, bits, block, threads):
    """MatMulNBits with integer accumulation: activations are rounded to 8 bits in blocks."""
    out, width = weight.shape
    grouped = weight.reshape(out, width // block, block)
    half = 2 ** (bits - 1)
    scale = numpy.abs(grouped).max(axis=2) / (half - 1)
    codes = numpy.clip(numpy.round(grouped / scale[:, :, None]) + half, 0, 2 * half - 1).astype(numpy.uint8)
    if bits == 4:
        codes = codes[:, :, 0::2] | (codes[:, :, 1::2] << 4)
    node = helper.make_node(
        "MatMulNBits", ["x", "w", "s"], ["y"], domain="com.microsoft",
        K=width, N=out, bits=bits, block_size=block, accuracy_level=4,
    )
    return session([node], {"w": codes, "s": scale.astype(numpy.float32).reshape(-1)}, width, threads)


def dynamic(weight, threads):
    """DynamicQuantizeLinear and MatMulInteger: one scale for all activations, one for each output."""
    width = weight.shape[1]
    scale = (numpy.abs(weight).max(axis=1) / 127).astype(numpy.float32)
    codes = numpy.clip(numpy.round(weight / scale[:, None]), -127, 127).T.astype(numpy.int8)
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"]),
        helper.make_node("MatMulInteger", ["q", "w", "qz"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["qs", "ws"], ["s"]),
        helper.make_node("Mul", ["f", "s"], ["y"]),
    ]
    return session(nodes, {"w": numpy.ascontiguousarray(codes), "ws": scale}, width, threads)


def by_row(weight, threads):
    """As `--precision int8` has it: MatMulInteger with a scale for each row of the activations and each output."""
    width = weight.shape[1]
    scale = (numpy.abs(weight).max(axis=1) / 127).astype(numpy.float32)
    codes = numpy.clip(numpy.round(weight / scale[:, None]), -127, 127).T.astype(numpy.int8)
    axes = numpy.array([-1], numpy.int64)
    number = lambda value: numpy.array(value, numpy.float32)
    nodes = [
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("ReduceMax", ["a", "axes"], ["m"]),
        helper.make_node("Mul", ["m", "step"], ["ms"]),
        helper.make_node("Max", ["ms", "least"], ["rs"]),
        helper.make_node("Div", ["x", "rs"], ["d"]),
        helper.make_node("Round", ["d"], ["r"]),
        helper.make_node("Clip", ["r", "low", "high"], ["c"]),
        helper.make_node("Add", ["c", "half"], ["u"]),
        helper.make_node("Cast", ["u"], ["q"], to=TensorProto.UINT8),
        helper.make_node("MatMulInteger", ["q", "w", "zero"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["f", "rs"], ["t"]),
        helper.make_node("Mul", ["t", "ws"], ["y"]),
    ]
    constants = {
        "w": numpy.ascontiguousarray(codes), "ws": scale, "axes": axes, "step": number(1 / 127), "least": number(1e-30),
        "low": number(-127), "high": number(127), "half": number(128), "zero": numpy.array(128, numpy.uint8),
    }
    return session(nodes, constants, width, threads)


def ways(weight, x, threads):
    width = weight.shape[1]
    f32 = session([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": numpy.ascontiguousarray(weight.T)}, width, threads)
    sessions = {"f32": f32}
    makers = {
        "int8, MatMulNBits, blocks of 32": lambda: n_bits(weight, 8, 32, threads),
        "int8, MatMulNBits, blocks of 128": lambda: n_bits(weight, 8, 128, threads),
        "int4, MatMulNBits, blocks of 32": lambda: n_bits(weight, 4, 32, threads),
        "int8, MatMulInteger": lambda: dynamic(weight, threads),
        "int8, MatMulInteger by row": lambda: by_row(weight, threads),
    }
    for name, make in makers.items():
        try:
            made = make()
            made.run(None, {"x": x[:8]})
            sessions[name] = made
        except Exception as error:
            print(f"  {name}: {str(error).splitlines()[0][:120]}")
    runs = {name: (lambda each=each: each.run(None, {"x": x})[0]) for name, each in sessions.items()}
    for name, dtype in [("PyTorch f32", torch.float32), ("PyTorch bf16", torch.bfloat16)]:
        w, a = torch.from_numpy(weight).to(dtype), torch.from_numpy(x).to(dtype)
        runs[name] = lambda w=w, a=a: torch.nn.functional.linear(a, w).float().numpy()
    return runs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=1792)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(torch.backends.cpu.get_cpu_capability(), "torch", torch.__version__, "onnxruntime", onnxruntime.__version__)
    random = numpy.random.default_rng(1)
    for width, out in SHAPES:
        weight = (random.standard_normal((out, width)) / numpy.sqrt(width)).astype(numpy.float32)
        x = random.standard_normal((given.tokens, width)).astype(numpy.float32)
        x[:, ::100] *= 10
        rows = x[:64].astype(numpy.float64) @ weight.T.astype(numpy.float64)
        runs = ways(weight, x, given.threads)
        seconds = {name: [] for name in runs}
        errors = {}
        for round in range(given.rounds + 1):
            for name, run in runs.items():
                started = time.perf_counter()
                y = run()
                if round > 0:
                    seconds[name].append(time.perf_counter() - started)
                errors[name] = numpy.linalg.norm(y[:64] - rows) / numpy.linalg.norm(rows)
        base = statistics.median(seconds["f32"])
        print(f"{given.tokens} × {width} → {out}")
        for name, all in seconds.items():
            median = statistics.median(all)
            print(f"  {name:34} {1000 * median:9.1f} ms  {base / median:5.2f} × f32  error {errors[name]:.1e}")


main()
