"""Looks at a run: `python -m train.sample --dit RUN --vae RUN --tokenizer FOLDER --sheet OUT.png`.

Generates held-out prompts with plain Euler steps of the averaged weights. The measured evaluation is the project's own;
this is for the eye, while training goes on.
"""

import argparse
from random import Random

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from render.captions import describe
from render.prompts import held_out_scene
from render.sheet import contact_sheet

from .dit_model import velocity
from .evaluate_vae import load_vae
from .export import load_dit
from .text_model import encode_text, tokenize
from .vae_model import decode_clip, use_fast_norm


@torch.no_grad()
def generate(
    model: nn.ModuleDict, tokens: Tensor, empty: Tensor, noise: Tensor, steps: int, guidance: float, shift: float = 3.0
) -> Tensor:
    """Normalised latents [n, c, t, h, w] from noise of that shape."""
    n, frames = noise.shape[0], noise.shape[2]
    sigmas = torch.linspace(1, 0, steps + 1)
    sigmas = shift * sigmas / (1 + (shift - 1) * sigmas)
    text = encode_text(model["text_encoder"], torch.cat([tokens, empty.expand(n, -1)]))
    rows, latents = torch.full((2 * n,), float(tokens.shape[1])), noise
    for sigma, following in zip(sigmas[:-1], sigmas[1:]):
        both = torch.cat([latents, latents])
        output = velocity(model["transformer"], both, sigma.expand(2 * n, frames), text, rows)
        with_text, without = output.chunk(2)
        latents = latents + (following - sigma) * (without + guidance * (with_text - without))
    return latents


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dit", required=True)
    parser.add_argument("--vae", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--sheet", required=True)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    use_fast_norm()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(options.tokenizer)
    vae, _ = load_vae(None, options.vae)
    model, state = load_dit(options.dit, len(tokenizer))
    scenes = [held_out_scene(i) for i in range(options.count)]
    captions = [describe(scene, Random(scene.seed)) for scene in scenes]
    tokens, empty = tokenize(tokenizer, captions), tokenize(tokenizer, [""])
    side = 64 // vae.config.scale_factor_spatial
    noise = torch.randn(options.count, vae.config.z_dim, 5, side, side, generator=torch.Generator().manual_seed(1))
    latents = generate(model, tokens, empty, noise, options.steps, options.guidance)
    print(f"step {state['step']}: standard deviation of the latents {latents.std():.3f} (data: 1)")
    decoded = torch.cat([decode_clip(vae, part) for part in (latents * state["std"] + state["mean"]).split(4)])
    clips = ((decoded + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 1, 3, 4)
    contact_sheet(list(clips), captions, options.sheet)


if __name__ == "__main__":
    main()
