"""Stage 2, the latents: `python -m train.encode --run RUN --vae FOLDER --count 50000`.

Renders clips and stores what the autoencoder makes of them, in shards; started again, it goes on after the last whole
shard. A clip is its seed and its wish, so captions and ground truth need no storage. Under torchrun the processes share
the shards. A second call with a larger count and --hard adds clips of what is learned last.
"""

import argparse
import os
import time
from pathlib import Path

import torch

from render.draw import render
from render.scene import HARD, Wish, sample_scene

from .evaluate_vae import load_vae
from .processes import Processes
from .vae import to_signed
from .vae_model import encode_clip, use_fast_norm

SHARD = 1024
FIRST_SEED = 1 << 32  # apart from the clips that the autoencoder trained on


def shard_path(folder: str, index: int) -> Path:
    return Path(folder) / f"latents-{index:04d}.pt"


def shard_wish(hard: bool) -> Wish:
    return HARD if hard else Wish()


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="folder for the shards")
    parser.add_argument("--vae", help="diffusers folder of the autoencoder")
    parser.add_argument("--vae-run", help="or the run that trains it")
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--hard", action="store_true", help="scenes with two objects and with stars more often")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    use_fast_norm()
    vae, _ = load_vae(options.vae, options.vae_run)
    Path(options.run).mkdir(parents=True, exist_ok=True)
    processes = Processes()
    for index in range(processes.rank, (options.count + SHARD - 1) // SHARD, processes.count):
        path = shard_path(options.run, index)
        if path.exists():
            continue
        started = time.monotonic()
        first, size = FIRST_SEED + index * SHARD, min(SHARD, options.count - index * SHARD)
        parts = []
        for start in range(first, first + size, 8):
            seeds = range(start, min(start + 8, first + size))
            clips = torch.stack([render(sample_scene(seed, shard_wish(options.hard))) for seed in seeds])
            parts.append(encode_clip(vae, to_signed(clips))[0].half())
        partial = path.with_suffix(".partial")
        torch.save({"first_seed": first, "hard": options.hard, "latents": torch.cat(parts)}, partial)
        os.replace(partial, path)
        print(f"shard {index}: {size / (time.monotonic() - started):.1f} clips/s", flush=True)


if __name__ == "__main__":
    main()
