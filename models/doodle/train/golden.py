"""Reference cases: `python -m train.golden --checkpoint checkpoint --out ../../test/fixtures/goldens/doodle`.

What diffusers makes of the checkpoint, in single precision from f16 weights: a case's call, seed and shapes as JSON, its
final latents and 8-bit frames as compressed safetensors. The project's tests hold its own videos to them.
"""

import argparse
import gzip
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import WanPipeline
from safetensors.numpy import save

CALLS = (
    ("a red ball bounces on a blue floor", 1),
    ("a yellow star moves to the right on a white background", 2),
)


def default_call(checkpoint: Path) -> dict:
    """What the project asks of the checkpoint where nothing is said."""
    defaults = json.loads((checkpoint / "framewright.json").read_text())
    return {
        "negative_prompt": "",
        "height": defaults["height"],
        "width": defaults["width"],
        "num_frames": defaults["frames"],
        "num_inference_steps": defaults["steps"],
        "guidance_scale": float(defaults["guidance"]),
        "max_sequence_length": 32,
    }


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    pipeline = WanPipeline.from_pretrained(options.checkpoint).to(torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    defaults = default_call(Path(options.checkpoint))
    for number, (prompt, seed) in enumerate(CALLS, start=1):
        call = {"prompt": prompt, **defaults}
        latents = pipeline(**call, generator=torch.Generator().manual_seed(seed), output_type="latent").frames
        frames = pipeline(**call, generator=torch.Generator().manual_seed(seed), output_type="np").frames[0]
        tensors = {
            "final_latents": latents.float().numpy(),
            "frames_uint8": np.ascontiguousarray((frames[::4] * 255).round().astype(np.uint8)),
        }
        (out / f"case-{number}.safetensors.gz").write_bytes(gzip.compress(save(tensors), mtime=0))
        shapes = {name: list(value.shape) for name, value in tensors.items()}
        (out / f"case-{number}.json").write_text(json.dumps({"call": call, "seed": seed, "tensors": shapes}, indent=1) + "\n")
        print(prompt, shapes)


if __name__ == "__main__":
    main()
