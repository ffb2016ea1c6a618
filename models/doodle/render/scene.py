"""Scenes: what a clip shows, drawn at random from a seed, with the ground truth of every frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from .motions import DIRECTIONS, FLOOR, Track, clip_times, meet, move
from .vocabulary import BACKGROUNDS, CAMERAS, COLOURS, FLOOR_COLOURS, MOTIONS, PACES, SHAPES, is_held_out

RADIUS = (0.14, 0.20)
PAIR_RADIUS = (0.12, 0.15)  # of each object when there are two
CAMERA_RADIUS = (0.11, 0.15)  # zooms up to 2.1 times
CAMERA_SHARE, PAIR_SHARE, MEET_SHARE = 0.16, 0.10, 0.05
TEXTURED = tuple(name for name in BACKGROUNDS if name not in ("white", "black", "room"))
# Sampled more often than the rest: they are the motions that a small model learns last.
MOTION_WEIGHTS = {"bounce": 2.5, "clockwise": 1.6, "counterclockwise": 1.6, "still": 0.4, "meet": 0.0}


@dataclass
class Actor:
    shape: str
    colour: str
    motion: str
    pace: str
    track: Track


@dataclass
class Camera:
    """Per frame: the world x that is added to the view's centre, and the magnification about the centre."""

    offset: list[float]
    zoom: list[float]


@dataclass
class Background:
    name: str
    floor: str = ""  # the colour's name, for "room"


@dataclass
class Scene:
    seed: int
    actors: list[Actor]
    background: Background
    camera_motion: str  # "" when the camera stands still
    camera: Camera
    frames: int

    def on_screen(self, actor: Actor) -> Track:
        """The actor's track in frame coordinates, after the camera."""
        zoom, offset, track = self.camera.zoom, self.camera.offset, actor.track
        return Track(
            [(x - 0.5 - o) * z + 0.5 for x, o, z in zip(track.x, offset, zoom)],
            [(y - 0.5) * z + 0.5 for y, z in zip(track.y, zoom)],
            [r * z for r, z in zip(track.radius, zoom)],
            track.angle,
            track.physics,
        )


@dataclass
class Wish:
    """What a caller fixes; None leaves it to chance. `held_out` asks for unseen triples instead of seen ones."""

    shape: str | None = None
    colour: str | None = None
    motion: str | None = None
    background: str | None = None
    camera: str | None = None
    held_out: bool = False
    pair_share: float = PAIR_SHARE  # of the motions that two objects can have, how often they do
    shape_weights: Mapping[str, int] = field(default_factory=dict)  # 1 where it says nothing


# What a small model draws badly after it has learned the rest: two objects at once, and stars.
HARD = Wish(pair_share=1.0, shape_weights={"star": 4})


def sample_scene(seed: int, wish: Wish = Wish(), frames: int = 17) -> Scene:
    """The scene of a seed. Training scenes never hold a held-out triple; held-out scenes' first actor is one."""
    rng = Random(seed)
    camera_motion = wish.camera if wish.camera is not None else ""
    if wish.camera is None and wish.motion is None and rng.random() < CAMERA_SHARE:
        camera_motion = rng.choice(CAMERAS)
    if camera_motion:
        actors = [sample_actor(rng, wish, "still", camera_motion, CAMERA_RADIUS, frames)]
        place_near_centre(rng, actors[0])
    elif wish.motion == "meet" or (wish.motion is None and rng.random() < MEET_SHARE):
        actors = sample_meeting(rng, wish, frames)
    else:
        actors = sample_actors(rng, wish, frames)
    background = sample_background(rng, wish, camera_motion, [actor.colour for actor in actors])
    return Scene(seed, actors, background, camera_motion, sample_camera(rng, camera_motion, frames), frames)


def sample_actors(rng: Random, wish: Wish, frames: int) -> list[Actor]:
    motion = wish.motion or rng.choices(MOTIONS, [MOTION_WEIGHTS.get(name, 1.0) for name in MOTIONS])[0]
    if rng.random() >= wish.pair_share or (motion not in DIRECTIONS and motion not in ("bounce", "fall")):
        return [sample_actor(rng, wish, motion, motion, RADIUS, frames)]
    first = sample_actor(rng, wish, motion, motion, PAIR_RADIUS, frames)
    motion = rng.choice(("still", "still", "left", "right", "up", "down"))
    other = Wish(shape_weights=wish.shape_weights)
    second = sample_actor(rng, other, motion, motion, PAIR_RADIUS, frames, avoid=first.colour)
    return [first, second]


def sample_meeting(rng: Random, wish: Wish, frames: int) -> list[Actor]:
    """Balls, squares and rings only: they touch where their radii meet."""
    round_ones = Wish(wish.shape or rng.choice(("ball", "ring", "square")), wish.colour, held_out=wish.held_out)
    first = sample_actor(rng, round_ones, "still", "meet", PAIR_RADIUS, frames)
    partner = Wish(rng.choice(("ball", "ring", "square")))
    second = sample_actor(rng, partner, "still", "meet", PAIR_RADIUS, frames, avoid=first.colour)
    tracks = meet(rng, first.track.radius[0], second.track.radius[0], clip_times(frames))
    for actor, track in zip((first, second), tracks):
        actor.motion, actor.track = "meet", track
    return [first, second]


def sample_actor(
    rng: Random, wish: Wish, motion: str, act: str, radii: tuple[float, float], frames: int, avoid: str = ""
) -> Actor:
    """`act` is the motion or camera move that counts for the held-out rule."""
    shapes = (wish.shape,) if wish.shape else shapes_for(motion)
    colours = (wish.colour,) if wish.colour else tuple(name for name in COLOURS if name != avoid)
    weighted = [shape for shape in shapes for _ in range(wish.shape_weights.get(shape, 1))]
    choices = [(s, c) for s in weighted for c in colours if is_held_out(s, c, act) == wish.held_out]
    if not choices:
        raise ValueError(f"{wish.colour} {wish.shape}, {act}: held out is {not wish.held_out}, asked otherwise")
    shape, colour = rng.choice(choices)
    has_pace = motion in DIRECTIONS or motion.startswith("roll")
    pace = rng.choices(PACES, (2, 1, 1))[0] if has_pace else ""
    radius = min(rng.uniform(*radii), 0.17 if motion in ("bounce", "fall", "clockwise", "counterclockwise") else 1)
    return Actor(shape, colour, motion, pace, move(rng, motion, pace, radius, clip_times(frames)))


def shapes_for(motion: str) -> tuple[str, ...]:
    """A ring that spins looks like a ring at rest, and a square does not roll."""
    if motion == "spin":
        return ("square", "triangle", "star")
    return ("ball", "ring") if motion.startswith("roll") else SHAPES


def place_near_centre(rng: Random, actor: Actor) -> None:
    n = len(actor.track.x)
    actor.track.x = [rng.uniform(0.38, 0.62)] * n
    actor.track.y = [rng.uniform(0.38, FLOOR - actor.track.radius[0])] * n


def sample_background(rng: Random, wish: Wish, camera_motion: str, colours: list[str]) -> Background:
    """Camera moves need texture to be visible; a floor differs in colour from what stands on it."""
    name = wish.background or rng.choice(TEXTURED if camera_motion else BACKGROUNDS + ("room",))
    floor = rng.choice([colour for colour in FLOOR_COLOURS if colour not in colours]) if name == "room" else ""
    return Background(name, floor)


def sample_camera(rng: Random, motion: str, frames: int) -> Camera:
    distance, magnification = rng.uniform(0.35, 0.6), rng.uniform(1.6, 2.1)
    times = clip_times(frames)
    offset, zoom = [0.0] * frames, [1.0] * frames
    if motion.startswith("pan"):
        sign = -1 if motion == "pan left" else 1
        offset = [sign * distance * (t - 0.5) for t in times]
    elif motion == "zoom in":
        zoom = [magnification**t for t in times]
    elif motion == "zoom out":
        zoom = [magnification ** (1 - t) for t in times]
    return Camera(offset, zoom)
