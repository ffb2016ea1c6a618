"""The transformer of a model folder in diffusers: one pass of it, measured as `framewright bench step` measures ours.

Needs torch, diffusers and safetensors. Prints a report that `framewright bench compare` reads:
  python diffusers_step.py MODEL --size 832x480 --frames 81 --device cuda --attention cudnn --compile > peer.json
MODEL is a folder in the diffusers layout, such as `framewright bench step --synthetic NAME --folder MODEL` leaves.

With --serve it is the peer of `npm run bench -- denoise`, on the CPU: lines of JSON on standard input,
  {"run": "inputs.safetensors"}                              -> {"seconds": of one pass}
  {"run": "inputs.safetensors", "save": "out.safetensors"}   the same, and writes its result
"""

import argparse
import contextlib
import importlib.metadata
import json
import math
import os
import platform
import sys
import time
from pathlib import Path

import diffusers
import torch
from safetensors.torch import load_file, save_file

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
# Names of diffusers' attention backends: torch's own choice, and cuDNN through torch.
ATTENTION = {"sdpa": "native", "cudnn": "_native_cudnn"}


def read_json(path: Path) -> dict:
    return json.loads(path.read_text()) if path.exists() else {}


def load(folder: Path, dtype: torch.dtype, device: str) -> torch.nn.Module:
    config = read_json(folder / "config.json")
    # Without memory of its own until the weights are there: 14B parameters do not fit twice.
    with torch.device("meta"):
        model = getattr(diffusers, config["_class_name"]).from_config(config)
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        for key, value in load_file(file, device=device).items():
            # As from_pretrained has it: what has to stay in 32 bits stays.
            kept = any(name in key for name in model._keep_in_fp32_modules or [])
            tensors[key] = value.to(torch.float32 if kept else dtype)
    missing = model.load_state_dict(tensors, strict=False, assign=True).missing_keys
    # Networks for a second picture hold tensors that nothing reads: synthetic folders leave them out.
    unexpected = [key for key in missing if "norm_added_q" not in key]
    if unexpected:
        raise SystemExit(f"{folder}: expected the tensors of {config['_class_name']}, got none of {unexpected[:5]}")
    for name in missing:
        owner, leaf = name.rsplit(".", 1)
        shape = model.get_parameter(name).shape
        setattr(model.get_submodule(owner), leaf, torch.nn.Parameter(torch.ones(shape, dtype=dtype, device=device)))
    if any(buffer.is_meta for buffer in model.buffers()):
        # Tables of positions are computed: nothing of them is in the file.
        width, patch, length = (model.config[name] for name in ["attention_head_dim", "patch_size", "rope_max_seq_len"])
        model.rope = type(model.rope)(width, patch, length).to(device)
    return model.eval().requires_grad_(False)


def inputs_of(folder: Path, model: torch.nn.Module, options: argparse.Namespace) -> dict:
    """What a pass takes, at random: latents, a timestep, a prompt of 512 rows, and pictures where the model sees them."""
    config, index, vae = model.config, read_json(folder / "model_index.json"), read_json(folder / "vae/config.json")
    width, height = (int(part) for part in options.size.split("x"))
    dtype, device = DTYPES[options.dtype], options.device
    normal = lambda *shape: torch.randn(shape, dtype=dtype, device=device)  # noqa: E731
    if type(model).__name__.startswith("LTX"):
        frames, rows, columns = (options.frames - 1) // 8 + 1, height // 32, width // 32
        return {
            "hidden_states": normal(1, frames * rows * columns, config.in_channels),
            "timestep": torch.full((1,), 999.0, device=device),
            "encoder_hidden_states": normal(1, 128, config.caption_channels),
            "encoder_attention_mask": torch.ones(1, 128, device=device),
            "num_frames": frames,
            "height": rows,
            "width": columns,
        }
    stride = vae.get("scale_factor_spatial", 8)
    size = ((options.frames - 1) // vae.get("scale_factor_temporal", 4) + 1, height // stride, width // stride)
    tokens = math.prod(size) // math.prod(config.patch_size)
    per_token = index.get("expand_timesteps", False)
    inputs = {
        "hidden_states": normal(1, config.in_channels, *size),
        "timestep": torch.full((1, tokens) if per_token else (1,), 999, device=device),
        "encoder_hidden_states": normal(1, 512, config.text_dim),
    }
    if getattr(config, "image_dim", None):
        inputs["encoder_hidden_states_image"] = normal(1, config.pos_embed_seq_len or 257, config.image_dim)
    if "vace_layers" in config:
        inputs["control_hidden_states"] = normal(1, config.vace_in_channels, *size)
        inputs["control_hidden_states_scale"] = torch.ones(len(config.vace_layers), device=device)
    return inputs


def measure(model: torch.nn.Module, inputs: dict, options: argparse.Namespace) -> list[float]:
    def seconds() -> float:
        started = time.perf_counter()
        model(**inputs, return_dict=False)
        if options.device.startswith("cuda"):
            torch.cuda.synchronize()
        return time.perf_counter() - started

    # The first one allocates and compiles, the second may compile again.
    with torch.inference_mode():
        return [seconds() for _ in range(2 + options.repeat)]


def measurement(values: list[float], unit: str) -> dict:
    ordered = sorted(values)

    def percentile(share: float) -> float:
        at = share * (len(ordered) - 1)
        low = math.floor(at)
        return ordered[low] + (at - low) * (ordered[math.ceil(at)] - ordered[low])

    return {"unit": unit, "better": "lower", "p50": percentile(0.5), "p95": percentile(0.95), "values": values}


def report(folder: Path, options: argparse.Namespace) -> dict:
    if options.threads:
        torch.set_num_threads(options.threads)
    model = load(folder / "transformer", DTYPES[options.dtype], options.device)
    model.set_attention_backend(ATTENTION[options.attention])
    inputs = inputs_of(folder, model, options)
    if options.compile:
        model.compile()
    first, _, *rest = measure(model, inputs, options)
    width, height = options.size.split("x")
    on_gpu = options.device.startswith("cuda")
    kind = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    machine = {"platform": f"{platform.system().lower()}-{kind}", "python": platform.python_version()}
    if on_gpu:
        machine["gpu"] = torch.cuda.get_device_name()
    measurements = {"forward": measurement(rest, "s"), "first forward": measurement([first], "s")}
    if on_gpu:
        measurements["reserved memory"] = measurement([torch.cuda.max_memory_reserved()], "bytes")
    name = f"diffusers {diffusers.__version__}, torch {torch.__version__}"
    return {
        "format": 1,
        "program": f"{name}, {options.attention}{', compiled' if options.compile else ''}",
        "what": "step",
        "machine": machine,
        "settings": {
            "model": options.name or folder.name,
            "device": options.device,
            "precision": options.dtype,
            "width": int(width),
            "height": int(height),
            "frames": options.frames,
            "repeat": options.repeat,
            "attention": options.attention,
            "compiled": options.compile,
        },
        "measurements": measurements,
    }


def serve(folder: Path, answers) -> None:
    model = load(folder / "transformer", torch.float32, "cpu")
    about = {"python": platform.python_version(), "torch": importlib.metadata.version("torch")}
    print(json.dumps({**about, "threads": torch.get_num_threads()}), file=answers)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--serve", action="store_true", help="answer lines on standard input")
    parser.add_argument("--size", default="832x480")
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--dtype", choices=DTYPES, help="default: f32 on a CPU, bf16 on a GPU")
    parser.add_argument("--attention", choices=ATTENTION, default="sdpa")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--name", help="what the report calls the model (default: the folder's name)")
    options = parser.parse_args()
    options.dtype = options.dtype or ("f32" if options.device == "cpu" else "bf16")
    with contextlib.ExitStack() as stack:
        answers = stack.enter_context(os.fdopen(os.dup(1), "w", buffering=1))
        os.dup2(2, 1)  # whatever a library prints goes to standard error
        if options.serve:
            serve(options.model, answers)
        else:
            print(json.dumps(report(options.model, options), indent=1), file=answers)


main()
