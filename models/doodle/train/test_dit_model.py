import unittest

import torch

from .dit_model import make_dit, velocity
from .text_model import WIDTH


class TrainingForward(unittest.TestCase):
    @torch.no_grad()
    def test_equals_diffusers_at_32_and_512_rows_of_text(self) -> None:
        torch.manual_seed(0)
        for channels, patch, side in ((16, 2, 8), (48, 1, 4)):
            dit = make_dit(channels, patch, layers=3).eval()
            torch.nn.init.normal_(dit.proj_out.weight)
            latents, sigma = torch.randn(2, channels, 5, side, side), torch.rand(2, 5)
            text = torch.randn(2, 32, WIDTH)
            text[0, 12:], text[1, 20:] = 0, 0
            timesteps = (sigma * 1000).repeat_interleave((side // patch) ** 2, 1)
            for rows in (32, 512):
                with self.subTest(patch=patch, rows=rows):
                    padded = torch.cat([text, torch.zeros(2, rows - 32, WIDTH)], dim=1)
                    expected = dit(latents, timesteps, padded, return_dict=False)[0]
                    actual = velocity(dit, latents, sigma, text, torch.full((2,), float(rows)))
                    error = (expected - actual).abs().max() / expected.abs().max()
                    self.assertLess(error.item(), 1e-4)


if __name__ == "__main__":
    unittest.main()
