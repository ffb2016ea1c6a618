"""Holds a folder of `framewright export --dialect standard --copy` to the ONNX standard and to another export of the same
model: onnx.checker in full, no operator of another domain, and what onnxruntime's Python package computes on a CPU.

    python check_export.py STANDARD OTHER

Prints a line of JSON a graph: the largest relative error of its outputs on random inputs. Exits with 1 where a file is
refused or an error is above 1e-5. Needs onnx and onnxruntime.
"""

import glob
import json
import os
import re
import sys

import numpy as np
import onnx
import onnxruntime

# Sizes that symbols of inputs' shapes stand for.
SIZES = {"batch": 1, "frames": 2, "height": 4, "width": 4, "text": 24, "tokens": 24, "length": 24}
TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}


def size_of(dim):
    if isinstance(dim, int):
        return dim
    names = {name: SIZES.get(name, 8) for name in re.findall(r"[a-z_]\w*", dim)}
    return eval(dim, {"__builtins__": {}}, names)  # a polynomial, such as 2*h*w+1


def feeds_of(session):
    random = np.random.default_rng(1)
    feeds = {}
    for each in session.get_inputs():
        shape = [size_of(dim) for dim in each.shape]
        dtype = TYPES[each.type]
        feeds[each.name] = (
            random.standard_normal(shape).astype(dtype) if dtype == np.float32 else np.ones(shape, dtype)
        )
    return feeds


def run(path, feeds=None):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = feeds or feeds_of(session)
    return feeds, session.run(None, feeds)


def difference(a, b):
    a, b = (each.astype(np.float64).ravel() for each in (a, b))
    # Bytes of pictures: one may be rounded the other way.
    if np.array_equal(b, np.round(b)):
        return 0.0 if np.abs(a - b).max() <= 1 else float("inf")
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30))


def main(standard, other):
    onnxruntime.set_default_logger_severity(3)
    failed = False
    for path in sorted(glob.glob(os.path.join(standard, "*.onnx"))):
        onnx.checker.check_model(path, full_check=True)
        model = onnx.load(path, load_external_data=False)
        domains = {node.domain for node in model.graph.node} | {each.domain for each in model.opset_import}
        feeds, own = run(path)
        _, expected = run(os.path.join(other, os.path.basename(path)), feeds)
        error = max(difference(a, b) for a, b in zip(own, expected))
        failed |= error > 1e-5 or domains != {""}
        print(json.dumps({"graph": os.path.basename(path), "domains": sorted(domains), "error": error}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
