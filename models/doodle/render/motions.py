"""Trajectories: where an object is, how big and how turned, as exact functions of time.

World coordinates: x right and y down, the frame is [0, 1] x [0, 1], the ground is at y = FLOOR.
Time: 0 at the first frame, 1 at frame 16 of the usual 17, so longer clips simply run past 1.
Every function takes a random.Random and draws its parameters from it, and nothing else is random.
"""

import math
from dataclasses import dataclass, field
from random import Random

FLOOR = 0.82
MARGIN = 0.02  # the closest an object comes to the frame's edge, beyond its own radius
BIG, SMALL = (0.24, 0.31), (0.09, 0.12)
TRAVEL = {"": (0.32, 0.50), "slowly": (0.18, 0.27), "quickly": (0.50, 0.62)}  # frame widths per unit of time

DIRECTIONS = {
    "left": (-1, 0),
    "right": (1, 0),
    "up": (0, -1),
    "down": (0, 1),
    "up right": (1, -1),
    "up left": (-1, -1),
    "down right": (1, 1),
    "down left": (-1, 1),
}


@dataclass
class Track:
    """One value per frame of each list; `physics` holds the constants of its law of motion."""

    x: list[float]
    y: list[float]
    radius: list[float]
    angle: list[float]
    physics: dict[str, float] = field(default_factory=dict)


def clip_times(frames: int) -> list[float]:
    return [i / 16 for i in range(frames)]


def move(rng: Random, motion: str, pace: str, radius: float, times: list[float]) -> Track:
    """The track of one of the single-object motions."""
    if motion in DIRECTIONS:
        return straight(rng, DIRECTIONS[motion], pace, radius, times)
    if motion in ("roll left", "roll right"):
        return roll(rng, -1 if motion == "roll left" else 1, pace, radius, times)
    if motion in ("clockwise", "counterclockwise"):
        return orbit(rng, 1 if motion == "clockwise" else -1, radius, times)
    if motion in ("grow", "shrink"):
        return resize(rng, *((SMALL, BIG) if motion == "grow" else (BIG, SMALL)), times)
    return {"bounce": bounce, "fall": fall, "spin": spin, "still": still}[motion](rng, radius, times)


def straight(rng: Random, direction: tuple[int, int], pace: str, radius: float, times: list[float]) -> Track:
    """Constant velocity; a diagonal covers the pace's distance along each axis, shortened to what fits."""
    edge = radius + MARGIN
    distance = min(rng.uniform(*TRAVEL[pace]), 1 - 2 * edge)
    dx, dy = direction[0] * distance, direction[1] * distance
    x0, y0 = start_for(rng, dx, edge, 1 - edge), start_for(rng, dy, edge, 1 - edge)
    angle = tilt(rng)
    return Track(
        [x0 + dx * t for t in times],
        [y0 + dy * t for t in times],
        [radius] * len(times),
        [angle] * len(times),
        {"velocity_x": dx, "velocity_y": dy},
    )


def roll(rng: Random, sign: int, pace: str, radius: float, times: list[float]) -> Track:
    """Rolling on the ground without slipping."""
    edge = radius + MARGIN
    distance = sign * min(rng.uniform(*TRAVEL[pace]), 1 - 2 * edge)
    x0 = start_for(rng, distance, edge, 1 - edge)
    return Track(
        [x0 + distance * t for t in times],
        [FLOOR - radius] * len(times),
        [radius] * len(times),
        [distance * t / radius for t in times],
        {"velocity_x": distance, "velocity_y": 0.0},
    )


def orbit(rng: Random, sign: int, radius: float, times: list[float]) -> Track:
    """A circle about the frame's centre; positive sign is clockwise on the screen, since y points down."""
    turns = rng.uniform(0.75, 1.1)
    distance = rng.uniform(0.24, 0.5 - radius - MARGIN)
    phase = rng.uniform(0, 2 * math.pi)
    angles = [phase + sign * turns * 2 * math.pi * t for t in times]
    return Track(
        [0.5 + distance * math.cos(a) for a in angles],
        [0.5 + distance * math.sin(a) for a in angles],
        [radius] * len(times),
        [0.0] * len(times),
        {"turns": sign * turns, "orbit_radius": distance},
    )


def resize(rng: Random, first: tuple[float, float], last: tuple[float, float], times: list[float]) -> Track:
    """Linear change of radius in one place."""
    r0, r1 = rng.uniform(*first), rng.uniform(*last)
    x, y, angle = rng.uniform(0.40, 0.60), rng.uniform(0.40, 0.56), tilt(rng)
    n = len(times)
    radii = [max(0.03, r0 + (r1 - r0) * t) for t in times]
    return Track([x] * n, [y] * n, radii, [angle] * n, {"growth": r1 / r0})


def bounce(rng: Random, radius: float, times: list[float]) -> Track:
    """Free fall from rest with gravity g, and a restitution e at each touch of the ground; exact parabolas."""
    gravity, restitution = rng.uniform(5.0, 7.5), rng.uniform(0.75, 0.9)
    ground, edge = FLOOR - radius, radius + MARGIN
    top = rng.uniform(edge, edge + 0.12)
    drift = rng.choice((0.0, 0.0, rng.uniform(-0.3, 0.3)))
    x0 = start_for(rng, drift, edge, 1 - edge)
    heights = [ground - bounce_height(t, ground - top, gravity, restitution) for t in times]
    n = len(times)
    physics = {"gravity": gravity, "restitution": restitution, "velocity_x": drift}
    return Track([x0 + drift * t for t in times], heights, [radius] * n, [0.0] * n, physics)


def bounce_height(time: float, drop: float, gravity: float, restitution: float) -> float:
    """Height over the ground of a body dropped from `drop` at time 0."""
    landing = math.sqrt(2 * drop / gravity)
    if time <= landing:
        return drop - gravity * time * time / 2
    start, speed = landing, restitution * math.sqrt(2 * gravity * drop)
    while speed > 1e-3 and time > start + 2 * speed / gravity:
        start, speed = start + 2 * speed / gravity, speed * restitution
    since = time - start
    return max(0.0, speed * since - gravity * since * since / 2)


def fall(rng: Random, radius: float, times: list[float]) -> Track:
    """Free fall that ends at rest on the ground."""
    gravity, edge = rng.uniform(2.2, 4.5), radius + MARGIN
    x, top, ground = rng.uniform(edge, 1 - edge), rng.uniform(edge, edge + 0.10), FLOOR - radius
    n = len(times)
    heights = [min(ground, top + gravity * t * t / 2) for t in times]
    return Track([x] * n, heights, [radius] * n, [0.0] * n, {"gravity": gravity, "restitution": 0.0})


def spin(rng: Random, radius: float, times: list[float]) -> Track:
    """Rotation in place, between a third and two thirds of a turn, either way."""
    rate = rng.uniform(2.2, 4.0) * rng.choice((-1, 1))
    n = len(times)
    x, y = rng.uniform(0.36, 0.64), rng.uniform(0.36, 0.56)
    return Track([x] * n, [y] * n, [radius * 1.25] * n, [rate * t for t in times], {"angular_velocity": rate})


def still(rng: Random, radius: float, times: list[float]) -> Track:
    edge, n, angle = radius + MARGIN, len(times), tilt(rng)
    x, y = rng.uniform(edge, 1 - edge), rng.uniform(edge, FLOOR - radius)
    return Track([x] * n, [y] * n, [radius] * n, [angle] * n)


def meet(rng: Random, radius: float, other: float, times: list[float]) -> tuple[Track, Track]:
    """Two equal bodies come together from left and right, touch, and bounce apart with exchanged speeds."""
    speed, contact_time = rng.uniform(0.36, 0.52), rng.uniform(0.42, 0.58)
    reach = (radius + other) / 2
    x, y = rng.uniform(0.46, 0.54), rng.uniform(0.32, 0.60)
    limit = (0.5 - 0.04 - MARGIN - max(radius, other) - reach) / max(contact_time, 1 - contact_time)
    speed = min(speed, limit)
    apart = [speed * abs(t - contact_time) for t in times]
    n = len(times)
    physics = {"contact_time": contact_time, "speed": speed}
    left = Track([x - reach - d for d in apart], [y] * n, [radius] * n, [0.0] * n, physics)
    right = Track([x + reach + d for d in apart], [y] * n, [other] * n, [0.0] * n, physics)
    return left, right


def start_for(rng: Random, travel: float, low: float, high: float) -> float:
    """A start in [low, high] whose end, `travel` later, is also inside."""
    first, last = max(low, low - travel), min(high, high - travel)
    return rng.uniform(first, last) if last > first else (first + last) / 2


def tilt(rng: Random) -> float:
    return rng.uniform(-0.25, 0.25) if rng.random() < 0.3 else 0.0
