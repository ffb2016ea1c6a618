"""The transformer of a model folder in diffusers, eager, on the CPU; started by `npm run bench -- denoise --peer`.

Needs torch, diffusers and safetensors. Takes the model folder, and lines of JSON on standard input:
  {"run": "inputs.safetensors"}                        -> {"seconds": of one pass}
  {"run": "inputs.safetensors", "save": "out.safetensors"}   the same, and writes its result
"""

import importlib.metadata
import json
import os
import sys
import time
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file, save_file


def load(folder: Path) -> WanTransformer3DModel:
    config = json.loads((folder / "config.json").read_text())
    model = WanTransformer3DModel.from_config(config)
    model.load_state_dict(load_file(folder / "diffusion_pytorch_model.safetensors"), strict=True)
    return model.eval()


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes to standard error
    model = load(Path(sys.argv[1]) / "transformer")
    versions = {name: importlib.metadata.version(name) for name in ["torch"]}
    about = {"python": sys.version.split()[0], **versions, "threads": torch.get_num_threads()}
    print(json.dumps(about), file=answers)
    inputs = {}
    for line in sys.stdin:
        question = json.loads(line)
        file = question["run"]
        if file not in inputs:
            inputs[file] = load_file(file)
        tensors = inputs[file]
        with torch.inference_mode():
            started = time.perf_counter()
            (velocity,) = model(
                hidden_states=tensors["latents"],
                timestep=tensors["timestep"],
                encoder_hidden_states=tensors["text"],
                return_dict=False,
            )
            seconds = time.perf_counter() - started
        if "save" in question:
            save_file({"velocity": velocity.contiguous()}, question["save"])
        print(json.dumps({"seconds": seconds}), file=answers)


main()
