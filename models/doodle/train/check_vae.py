"""Compares the whole-clip forward with diffusers' chunked one: `python -m train.check_vae`."""

import torch

from .vae_model import decode_clip, encode_clip, make_vae, use_fast_norm


def main() -> None:
    torch.manual_seed(0)
    vae = make_vae().eval()
    frames = torch.rand(1, 3, 17, 64, 64) * 2 - 1
    with torch.no_grad():
        latents = vae.encode(frames).latent_dist.mode()
        decoded = vae.decode(latents).sample
        use_fast_norm()
        mean, _ = encode_clip(vae, frames)
        whole = decode_clip(vae, latents).clamp(-1, 1)
    encode_error, decode_error = (mean - latents).abs().max().item(), (whole - decoded).abs().max().item()
    print(f"largest difference: encode {encode_error:.2e}, decode {decode_error:.2e}")
    if max(encode_error, decode_error) > 1e-4:
        raise SystemExit("the whole-clip forward differs from diffusers'")


if __name__ == "__main__":
    main()
