"""Contact sheets: rows of frames with a caption over each. `python -m render.sheet OUT.png` shows the data set."""

import argparse
from random import Random

import torch
from PIL import Image, ImageDraw
from torch import Tensor


def contact_sheet(clips: list[Tensor], labels: list[str], path: str, stride: int = 2, scale: int = 2) -> None:
    """Clips uint8 [frames, 3, h, w], one row each, every `stride`-th frame, to a PNG."""
    rows = []
    for clip, label in zip(clips, labels):
        strip = torch.cat(list(clip[::stride]), dim=2).permute(1, 2, 0)  # [h, w * shown, 3]
        image = Image.fromarray(strip.numpy())
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
        row = Image.new("RGB", (image.width, image.height + 14), "white")
        ImageDraw.Draw(row).text((3, 1), label, fill="black")
        row.paste(image, (0, 14))
        rows.append(row)
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    sheet.save(path)


def main() -> None:
    from .captions import describe
    from .draw import render
    from .scene import sample_scene

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    scenes = [sample_scene(options.seed + i) for i in range(options.count)]
    captions = [describe(scene, Random(scene.seed)) for scene in scenes]
    contact_sheet([render(scene, options.size) for scene in scenes], captions, options.path)


if __name__ == "__main__":
    main()
