"""Scenes to pixels."""

import torch
from torch import Tensor

from .backgrounds import coverage, paint
from .distances import distance
from .motions import Track
from .scene import Actor, Scene
from .vocabulary import COLOURS


def render(scene: Scene, size: int = 64, actors: bool = True) -> Tensor:
    """The clip, uint8 [frames, 3, size, size]; without actors, what is behind them."""
    return render_with_mask(scene, size, actors)[0]


def render_with_mask(scene: Scene, size: int = 64, actors: bool = True) -> tuple[Tensor, Tensor]:
    """The clip, and how much of each pixel any actor covers, float [frames, 1, size, size] in [0, 1]."""
    axis = (torch.arange(size) + 0.5) / size
    gx, gy = axis.view(1, 1, 1, size), axis.view(1, 1, size, 1)
    image = backdrop(scene, gx, gy)  # [frames, 3, size, size]
    covered = torch.zeros(scene.frames, 1, size, size)
    if actors:
        for actor in reversed(scene.actors):  # the first actor is in front
            alpha, colour = draw_actor(actor, scene.on_screen(actor), gx, gy)
            image = image + (colour - image) * alpha
            covered = torch.maximum(covered, alpha)
    return (image * 255 + 0.5).clamp(0, 255).to(torch.uint8), covered


def backdrop(scene: Scene, gx: Tensor, gy: Tensor) -> Tensor:
    size = gx.shape[-1]
    moving = bool(scene.camera_motion)
    zoom, offset = per_frame(scene.camera.zoom), per_frame(scene.camera.offset)
    if not moving:
        zoom, offset = zoom[:1], offset[:1]
    x, y = torch.broadcast_tensors((gx - 0.5) / zoom + 0.5 + offset, (gy - 0.5) / zoom + 0.5)
    return paint(scene.background, x, y, 1 / (size * zoom)).expand(scene.frames, -1, -1, -1)


def draw_actor(actor: Actor, track: Track, gx: Tensor, gy: Tensor) -> tuple[Tensor, Tensor]:
    """Coverage [frames, 1, h, w] and colour of an actor."""
    radius, angle = per_frame(track.radius), per_frame(track.angle)
    dx, dy = (gx - per_frame(track.x)) / radius, (gy - per_frame(track.y)) / radius
    cos, sin = torch.cos(angle), torch.sin(angle)
    local = distance(actor.shape, dx * cos + dy * sin, dy * cos - dx * sin)
    alpha = coverage(local, 1 / (radius * gx.shape[-1]))
    base = torch.tensor(COLOURS[actor.colour]).view(1, 3, 1, 1)
    if actor.shape != "ball":
        return alpha, base
    glint = (1 - ((dx + 0.35) ** 2 + (dy + 0.35) ** 2) * 1.6).clamp(0, 1)
    shade = 1 - 0.25 * (dx**2 + dy**2).clamp(0, 1)
    return alpha, (base * shade + glint * 0.35).clamp(0, 1)


def per_frame(values: list[float]) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)
