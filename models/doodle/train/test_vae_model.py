import unittest

import torch

from .vae_model import decode_clip, encode_clip, make_vae, use_fast_norm


class WholeClipForward(unittest.TestCase):
    def test_equals_the_chunked_forward_of_diffusers(self) -> None:
        torch.manual_seed(0)
        vae = make_vae().eval()
        frames = torch.rand(1, 3, 17, 64, 64) * 2 - 1
        with torch.no_grad():
            latents = vae.encode(frames).latent_dist.mode()
            decoded = vae.decode(latents).sample
            use_fast_norm()
            mean, _ = encode_clip(vae, frames)
            whole = decode_clip(vae, latents).clamp(-1, 1)
        self.assertLess((mean - latents).abs().max().item(), 1e-4)
        self.assertLess((whole - decoded).abs().max().item(), 1e-4)

    def test_norm_has_the_gradient_of_the_formula(self) -> None:
        from .vae_model import RmsNorm

        torch.manual_seed(0)
        x = torch.randn(2, 6, 2, 3, 3, dtype=torch.float64, requires_grad=True)
        gamma = torch.randn(6, 1, 1, 1, dtype=torch.float64, requires_grad=True)
        self.assertTrue(torch.autograd.gradcheck(lambda a, b: RmsNorm.apply(a, b, 6**0.5), (x, gamma)))


if __name__ == "__main__":
    unittest.main()
