"""Reads back which shape a frame shows: the template whose outline overlaps the object most.

The object is what differs from the known background. A template of each shape at each of several angles is moved and
scaled to the object's centroid and area; the best intersection over union wins.
"""

import math
from functools import cache

import torch
from torch import Tensor

from render.distances import distance
from render.vocabulary import SHAPES

DIFFERENCE = 0.22  # distance in RGB, each in [0, 1], from which a pixel is not background
SMALLEST = 12  # pixels; anything less is noise
ANGLES = {  # one period of each shape's symmetry
    "ball": [0.0],
    "ring": [0.0],
    "square": [i * math.pi / 16 for i in range(8)],
    "triangle": [i * math.pi / 12 for i in range(8)],
    "star": [i * math.pi / 15 for i in range(6)],
}


def object_mask(frame: Tensor, background: Tensor) -> Tensor:
    """The largest connected region that differs; frames uint8 [3, h, w], mask bool [h, w]."""
    difference = ((frame.float() - background.float()) / 255).norm(dim=0)
    return largest_region(difference > DIFFERENCE)


def largest_region(mask: Tensor) -> Tensor:
    """8-connected; labels spread by taking the largest label around until nothing changes."""
    height, width = mask.shape
    labels = torch.arange(1, height * width + 1, dtype=torch.float32).view(1, 1, height, width) * mask
    while True:
        spread = torch.nn.functional.max_pool2d(labels, 3, 1, 1) * mask
        if torch.equal(spread, labels):
            break
        labels = spread
    counts = torch.bincount(labels.flatten().long(), minlength=2)
    counts[0] = 0
    return (labels[0, 0] == counts.argmax()) & mask


def read_shape(mask: Tensor) -> tuple[str | None, float]:
    """The best shape and its overlap in [0, 1]; None where there is no object to speak of."""
    area = mask.sum().item()
    if area < SMALLEST:
        return None, 0.0
    size = mask.shape[-1]
    rows, columns = mask.nonzero(as_tuple=True)
    cx, cy = (columns.float().mean() + 0.5) / size, (rows.float().mean() + 0.5) / size
    axis = (torch.arange(size) + 0.5) / size
    best: tuple[str | None, float] = (None, 0.0)
    for shape in SHAPES:
        area_radius, ox, oy, cos, sin = templates(shape)
        scale = math.sqrt(area / math.pi) / size / area_radius  # [n, 1, 1]
        x = (axis.view(1, 1, -1) - cx) / scale + ox
        y = (axis.view(1, -1, 1) - cy) / scale + oy
        inside = distance(shape, x * cos + y * sin, y * cos - x * sin) < 0
        overlap = (inside & mask).sum((1, 2)) / (inside | mask).sum((1, 2))
        if overlap.max().item() > best[1]:
            best = (shape, overlap.max().item())
    return best


@cache
def templates(shape: str) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Per angle [n, 1, 1]: radius of the disc of equal area, centroid x and y, cosine and sine."""
    grid = 96
    axis = (torch.arange(grid) + 0.5) / grid * 2.8 - 1.4
    angle = torch.tensor(ANGLES[shape]).view(-1, 1, 1)
    cos, sin = angle.cos(), angle.sin()
    x, y = axis.view(1, 1, -1), axis.view(1, -1, 1)
    inside = (distance(shape, x * cos + y * sin, y * cos - x * sin) < 0).float()
    count = inside.sum((1, 2), keepdim=True)
    radius = (count / math.pi).sqrt() * 2.8 / grid
    return radius, (inside * x).sum((1, 2), keepdim=True) / count, (inside * y).sum((1, 2), keepdim=True) / count, cos, sin


def read_clip_shape(clip: Tensor, background: Tensor) -> str | None:
    """The shape that most of five frames show; clip and its empty background uint8 [frames, 3, h, w]."""
    picks = torch.linspace(0, len(clip) - 1, 5).round().long().tolist()
    votes = [read_shape(object_mask(clip[i], background[i]))[0] for i in picks]
    found = [vote for vote in votes if vote]
    return max(sorted(set(found)), key=found.count) if found else None
