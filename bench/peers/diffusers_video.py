"""Whole videos of a Wan checkpoint in diffusers, on the CPU in single precision: the peer of `npm run bench -- denoise`.

Needs torch, diffusers, transformers and safetensors. Lines of JSON on standard input, an answer for each:
  {"call": {what the pipeline is called with}, "seed": 1}                 -> {"seconds": of one video, to its frames}
  {"call": ..., "seed": 1, "save": "frames.safetensors"}                  the same, and writes the frames, as uint8
The first line that it prints is about itself.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import time

import numpy as np
import torch
from diffusers import WanPipeline
from safetensors.numpy import save_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a folder in the diffusers layout")
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes to standard error
    pipeline = WanPipeline.from_pretrained(options.model).to(torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers")}
    about = {"python": platform.python_version(), **versions, "threads": torch.get_num_threads()}
    print(json.dumps(about), file=answers)
    for line in sys.stdin:
        question = json.loads(line)
        started = time.perf_counter()
        with torch.inference_mode():
            generator = torch.Generator().manual_seed(question["seed"])
            frames = pipeline(**question["call"], generator=generator, output_type="np").frames[0]
        seconds = time.perf_counter() - started
        if "save" in question:
            save_file({"frames": np.ascontiguousarray((frames * 255).round().astype(np.uint8))}, question["save"])
        print(json.dumps({"seconds": seconds}), file=answers)


main()
