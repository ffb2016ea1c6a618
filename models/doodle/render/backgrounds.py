"""Backgrounds, painted with the same anti-aliasing as the objects, at any pan and zoom."""

import math

import torch
from torch import Tensor

from .motions import FLOOR
from .scene import Background
from .vocabulary import COLOURS

PERIOD = 1.6  # clouds, stars and suns repeat sideways, so a pan never runs out of sky
STARS = ((0.10, 0.14, 0.028), (0.36, 0.34, 0.024), (0.52, 0.11, 0.028), (0.93, 0.50, 0.026), (1.20, 0.20, 0.030),
         (1.42, 0.46, 0.026), (0.12, 0.56, 0.024))  # fmt: skip
MOON = (0.78, 0.22, 0.10)
SUN = (0.70, 0.58, 0.13)
CLOUDS = ((0.20, 0.18, 0.075), (0.78, 0.30, 0.065), (1.30, 0.16, 0.07))
CHECK = 0.25  # side of a check


def paint(background: Background, x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    """World coordinates [n, 1, h, w] and a pixel's world size [n, 1, 1, 1] to colours [n, 3, h, w] in [0, 1]."""
    image = PAINTERS[background.name](x, y, pixel)
    ground = COLOURS[background.floor] if background.floor else GROUND[background.name]
    return over(image, ground, coverage(FLOOR - y, pixel))


def coverage(distance: Tensor, pixel: Tensor) -> Tensor:
    """How much of a pixel is inside, from the signed distance of its centre to the outline."""
    return (0.5 - distance / pixel).clamp(0, 1)


def over(image: Tensor, colour: tuple[float, float, float], alpha: Tensor) -> Tensor:
    return image + (rgb(colour) - image) * alpha


def rgb(colour: tuple[float, float, float]) -> Tensor:
    return torch.tensor(colour).view(1, 3, 1, 1)


def sky(top: tuple[float, float, float], bottom: tuple[float, float, float], y: Tensor) -> Tensor:
    return rgb(top) + (rgb(bottom) - rgb(top)) * (y / FLOOR).clamp(0, 1)


def disc(spot: tuple[float, float, float], x: Tensor, y: Tensor, stretch: float = 1.0) -> Tensor:
    """Distance to a disc (x, y, radius) that repeats sideways, `stretch` times as wide as high."""
    cx, cy, radius = spot
    dx = torch.remainder(x - cx + PERIOD / 2, PERIOD) - PERIOD / 2
    return ((dx / stretch) ** 2 + (y - cy) ** 2).sqrt() - radius


def plain(colour: tuple[float, float, float]):
    return lambda x, y, pixel: rgb(colour) + torch.zeros_like(x)


def checker(x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    """A product of two triangle-like waves whose slope at the edges is one per pixel."""
    wave = [torch.sin(math.pi * v / CHECK) * (CHECK / math.pi) / pixel for v in (x, y - FLOOR)]
    mix = wave[0].clamp(-0.5, 0.5) * wave[1].clamp(-0.5, 0.5) * 2 + 0.5
    return rgb((0.55, 0.55, 0.58)) + (rgb((0.78, 0.78, 0.80)) - rgb((0.55, 0.55, 0.58))) * mix


def night(x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    image = sky((0.02, 0.03, 0.14), (0.10, 0.12, 0.34), y)
    for spot in STARS:
        image = over(image, (1.0, 1.0, 0.9), coverage(disc(spot, x, y), pixel))
    return over(image, (0.93, 0.93, 0.85), coverage(disc(MOON, x, y), pixel))


def meadow(x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    image = sky((0.35, 0.62, 0.95), (0.78, 0.90, 1.0), y)
    for spot in CLOUDS:
        image = over(image, (0.98, 0.98, 1.0), coverage(disc(spot, x, y, 2.0), pixel))
    return over(image, (0.30, 0.58, 0.28), coverage(0.70 + 0.05 * torch.sin(x * 2 * math.pi / 0.8) - y, pixel))


def sunset(x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    image = sky((0.42, 0.20, 0.45), (1.0, 0.62, 0.25), y)
    return over(image, (1.0, 0.93, 0.6), coverage(disc(SUN, x, y), pixel))


def desert(x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    image = sky((0.55, 0.75, 0.90), (0.95, 0.92, 0.80), y)
    return over(image, (0.85, 0.70, 0.42), coverage(0.64 + 0.08 * torch.sin(x * 2 * math.pi / 0.8 + 1) - y, pixel))


PAINTERS = {
    "white": plain((0.96, 0.96, 0.96)),
    "black": plain((0.02, 0.02, 0.02)),
    "night": night,
    "meadow": meadow,
    "sunset": sunset,
    "checker": checker,
    "desert": desert,
    "room": plain((0.90, 0.89, 0.86)),
}
GROUND = {
    "white": (0.80, 0.80, 0.82),
    "black": (0.13, 0.13, 0.14),
    "night": (0.05, 0.07, 0.10),
    "meadow": (0.22, 0.50, 0.15),
    "sunset": (0.22, 0.12, 0.20),
    "checker": (0.35, 0.30, 0.28),
    "desert": (0.78, 0.60, 0.32),
}
