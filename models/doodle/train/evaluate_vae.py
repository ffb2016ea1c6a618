"""How good the autoencoder is: `python -m train.evaluate_vae --run RUN` or `--vae FOLDER`.

Prints the PSNR of clips, first and last frames, and how often the shape can still be read from a reconstruction
(and from the true clip, which says how far the reader itself can be trusted). --log appends a line to a CSV file,
--sheet writes true and reconstructed clips under each other.
"""

import argparse
import csv
import os
import time
from random import Random

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from render.captions import describe
from render.draw import render
from render.scene import Scene, sample_scene
from render.sheet import contact_sheet

from .run_folder import RunFolder
from .shape_reader import read_clip_shape
from .vae import VALIDATION_SEED, psnr, to_signed
from .vae_model import decode_clip, encode_clip, from_folder, make_vae, use_fast_norm


def load_vae(folder: str | None, run: str | None) -> tuple[AutoencoderKLWan, int]:
    """From a diffusers folder, or the averaged weights of a run; and the steps trained so far."""
    if folder:
        return from_folder(folder).eval(), 0
    state = RunFolder.read(run, "vae")
    vae = make_vae(state["config"]).eval()
    vae.load_state_dict(state["weights"])
    for weight, value in zip(vae.parameters(), state["average"]["values"]):
        weight.data.copy_(value)
    return vae, state["step"]


@torch.no_grad()
def reconstruct(vae: AutoencoderKLWan, clips: Tensor) -> Tensor:
    """uint8 [n, frames, 3, h, w] to the same, through the autoencoder."""
    decoded = torch.cat([decode_clip(vae, encode_clip(vae, part)[0]) for part in to_signed(clips).split(4)])
    return ((decoded + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 1, 3, 4)


def shape_rate(clips: Tensor, scenes: list[Scene]) -> float:
    """Share of the single-object scenes whose shape is read correctly."""
    alone = [i for i, scene in enumerate(scenes) if len(scene.actors) == 1]
    hits = [read_clip_shape(clips[i], render(scenes[i], actors=False)) == scenes[i].actors[0].shape for i in alone]
    return sum(hits) / len(hits)


def frame_psnr(a: Tensor, b: Tensor) -> float:
    return psnr(to_signed(a), to_signed(b)).mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run")
    parser.add_argument("--vae")
    parser.add_argument("--count", type=int, default=128)
    parser.add_argument("--log")
    parser.add_argument("--sheet")
    options = parser.parse_args()
    torch.set_num_threads(1)
    use_fast_norm()
    vae, step = load_vae(options.vae, options.run)
    scenes = [sample_scene(VALIDATION_SEED + i) for i in range(options.count)]
    clips = torch.stack([render(scene) for scene in scenes])
    decoded = reconstruct(vae, clips)
    row = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "step": step,
        "clips": options.count,
        "psnr": round(frame_psnr(decoded, clips), 2),
        "first_frame_psnr": round(frame_psnr(decoded[:, :1], clips[:, :1]), 2),
        "last_frame_psnr": round(frame_psnr(decoded[:, -1:], clips[:, -1:]), 2),
        "shape_read": round(shape_rate(decoded, scenes), 3),
        "shape_read_in_truth": round(shape_rate(clips, scenes), 3),
    }
    print(row)
    if options.log:
        fresh = not os.path.exists(options.log)
        with open(options.log, "a", newline="") as file:
            writer = csv.DictWriter(file, row.keys())
            if fresh:
                writer.writeheader()
            writer.writerow(row)
    if options.sheet:
        pairs = [(clip, describe(scene, Random(scene.seed))) for clip, scene in zip(clips[:10], scenes)]
        rows = [item for (clip, text), out in zip(pairs, decoded) for item in ((clip, text), (out, "reconstructed"))]
        contact_sheet([clip for clip, _ in rows], [text for _, text in rows], options.sheet)


if __name__ == "__main__":
    main()
