"""Signed distance functions of the unit shapes: negative inside, about 1 per radius outside."""

import math

import torch
from torch import Tensor


def distance(shape: str, x: Tensor, y: Tensor) -> Tensor:
    """Distance to the outline of a shape of radius 1 about the origin, y down."""
    return {"ball": ball, "ring": ring, "square": square, "triangle": triangle, "star": star}[shape](x, y)


def ball(x: Tensor, y: Tensor) -> Tensor:
    return (x * x + y * y).sqrt() - 1


def ring(x: Tensor, y: Tensor) -> Tensor:
    return ((x * x + y * y).sqrt() - 0.74).abs() - 0.28


def square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - 0.88


def triangle(x: Tensor, y: Tensor) -> Tensor:
    """Equilateral, point up: the largest of the distances to its three edges' lines."""
    y = y - 0.15
    slope = math.sqrt(3) / 2
    return torch.maximum(y, slope * x.abs() - 0.5 * y) - 0.58


STAR_OUTER, STAR_INNER = 1.14, 0.50


def star(x: Tensor, y: Tensor) -> Tensor:
    """Five points, one up. Folded into one tenth of a turn, where the outline is a single segment."""
    tenth = math.pi / 5
    radius = (x * x + y * y).sqrt()
    turn = torch.atan2(x, -y)  # 0 at the upper point
    folded = (torch.remainder(turn + tenth, 2 * tenth) - tenth).abs()
    u, v = radius * torch.cos(folded), radius * torch.sin(folded)
    au, bu, bv = STAR_OUTER, STAR_INNER * math.cos(tenth), STAR_INNER * math.sin(tenth)
    du, dv = bu - au, bv
    length = math.hypot(du, dv)
    return (dv * (u - au) - du * v) / length
