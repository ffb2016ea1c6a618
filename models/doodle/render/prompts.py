"""Held-out prompts with ground truth, for evaluation: `python -m render.prompts OUT.json --count 200`.

Acts come in turn, so every motion and camera move gets its share; each scene's first actor is a triple that training
never renders. Tracks are in frame coordinates, after the camera: one value per frame, or one for all.
"""

import argparse
import json
from random import Random

from .captions import describe
from .scene import Scene, Wish, sample_scene
from .vocabulary import CAMERAS, MOTIONS

FIRST_SEED = 1 << 41
ACTS = tuple(motion for motion in MOTIONS if motion != "still") + CAMERAS


def held_out_scene(index: int) -> Scene:
    act = ACTS[index % len(ACTS)]
    seed = FIRST_SEED + index
    if act in CAMERAS:
        return sample_scene(seed, Wish(camera=act, held_out=True))
    return sample_scene(seed, Wish(motion=act, held_out=True))


def record(scene: Scene) -> dict:
    actors = []
    for actor in scene.actors:
        track = scene.on_screen(actor)
        actors.append(
            {
                "shape": actor.shape,
                "colour": actor.colour,
                "motion": actor.motion,
                "x": rounded(track.x),
                "y": rounded(track.y),
                "radius": rounded(track.radius),
                "angle": rounded(track.angle),
            }
        )
    return {
        "seed": scene.seed,
        "prompt": describe(scene, Random(scene.seed)),
        "background": {"name": scene.background.name, "floor": scene.background.floor},
        "camera": {
            "motion": scene.camera_motion,
            "offset": rounded(scene.camera.offset),
            "zoom": rounded(scene.camera.zoom),
        },
        "actors": actors,
    }


def rounded(values: list[float]) -> list[float] | float:
    track = [round(value, 4) for value in values]
    return track[0] if len(set(track)) == 1 else track


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    with open(options.path, "w") as file:
        json.dump([record(held_out_scene(i)) for i in range(options.count)], file, separators=(",", ":"))


if __name__ == "__main__":
    main()
