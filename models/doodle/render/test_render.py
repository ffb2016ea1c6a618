import unittest
from random import Random

import torch

from .captions import describe
from .draw import render, render_with_mask
from .motions import FLOOR
from .scene import HARD, Scene, Wish, sample_scene
from .vocabulary import CAMERAS, COLOURS, MOTIONS, SHAPES, is_held_out


def centroid(mask: torch.Tensor) -> tuple[float, float]:
    size, total = mask.shape[-1], mask.sum()
    axis = (torch.arange(size) + 0.5) / size
    return (mask.sum(0) @ axis / total).item(), (mask.sum(1) @ axis / total).item()


class Scenes(unittest.TestCase):
    def test_a_seed_always_gives_the_same_clip_and_caption(self) -> None:
        for seed in (3, 1 << 40):
            first, second = sample_scene(seed), sample_scene(seed)
            self.assertTrue(torch.equal(render(first), render(second)))
            self.assertEqual(describe(first, Random(1)), describe(second, Random(1)))

    def test_training_scenes_never_show_a_held_out_triple(self) -> None:
        for scene in map(sample_scene, range(3000)):
            for actor in scene.actors:
                act = scene.camera_motion or actor.motion
                self.assertFalse(is_held_out(actor.shape, actor.colour, act))

    def test_hard_scenes_show_more_pairs_and_stars_and_no_held_out_triple(self) -> None:
        usual = [sample_scene(seed) for seed in range(1000)]
        hard = [sample_scene(seed, HARD) for seed in range(1000)]

        def pairs(scenes: list[Scene]) -> int:
            return sum(len(scene.actors) == 2 for scene in scenes)

        def stars(scenes: list[Scene]) -> int:
            return sum(actor.shape == "star" for scene in scenes for actor in scene.actors)

        self.assertGreater(pairs(hard), 4 * pairs(usual))
        self.assertGreater(stars(hard), 2 * stars(usual))
        for scene in hard:
            for actor in scene.actors:
                self.assertFalse(is_held_out(actor.shape, actor.colour, scene.camera_motion or actor.motion))

    def test_held_out_scenes_show_one(self) -> None:
        for seed in range(200):
            scene = sample_scene(seed, Wish(held_out=True))
            actor = scene.actors[0]
            self.assertTrue(is_held_out(actor.shape, actor.colour, scene.camera_motion or actor.motion))

    def test_each_shape_and_act_miss_one_colour(self) -> None:
        for act in MOTIONS + CAMERAS:
            for shape in SHAPES:
                self.assertEqual(sum(is_held_out(shape, colour, act) for colour in COLOURS), 1)


class GroundTruth(unittest.TestCase):
    def test_the_drawn_ball_is_where_the_track_says(self) -> None:
        for seed in range(40):
            scene = sample_scene(seed, Wish(shape="ball", camera="" if seed % 2 else None))
            if len(scene.actors) > 1:
                continue
            track, (_, mask) = scene.on_screen(scene.actors[0]), render_with_mask(scene)
            for frame in (0, 8, 16):
                x, y, r = track.x[frame], track.y[frame], track.radius[frame]
                if min(x, y, 1 - x, 1 - y) < r:
                    continue
                got = centroid(mask[frame, 0])
                self.assertAlmostEqual(got[0], x, delta=0.004)
                self.assertAlmostEqual(got[1], y, delta=0.004)
                self.assertAlmostEqual(mask[frame, 0].mean().item(), 3.14159 * r * r, delta=0.003)

    def test_a_bounce_keeps_its_gravity_and_restitution(self) -> None:
        for seed in range(20):
            scene = sample_scene(seed, Wish(shape="ring", motion="bounce"), frames=161)
            actor = scene.actors[0]
            g, e = actor.track.physics["gravity"], actor.track.physics["restitution"]
            heights = [FLOOR - actor.track.radius[0] - y for y in actor.track.y]
            self.assertGreaterEqual(min(heights), -1e-9)
            drop, landing = heights[0], (2 * heights[0] / g) ** 0.5
            middle = landing + e * landing  # top of the second arc
            before, after = heights[int(middle * 16)], heights[int(middle * 16) + 1]
            self.assertAlmostEqual(max(before, after), e * e * drop, delta=g / 16**2 / 2)
            fall = heights[:3]
            self.assertAlmostEqual((fall[0] - 2 * fall[1] + fall[2]) * 16**2, -g, places=5)

    def test_objects_that_meet_touch_once(self) -> None:
        for seed in range(10):
            left, right = sample_scene(seed, Wish(motion="meet")).actors
            gaps = [b - a - left.track.radius[0] - right.track.radius[0] for a, b in zip(left.track.x, right.track.x)]
            self.assertLess(min(gaps), 0.06)
            self.assertGreater(min(gaps), -1e-9)
            self.assertGreater(min(gaps[0], gaps[-1]), 0.1)


if __name__ == "__main__":
    unittest.main()
