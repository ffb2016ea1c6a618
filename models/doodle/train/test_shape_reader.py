import unittest

import torch

from render.draw import render
from render.scene import Wish, sample_scene
from render.vocabulary import SHAPES

from .shape_reader import read_clip_shape


class ShapeReader(unittest.TestCase):
    def test_reads_the_shape_of_true_clips(self) -> None:
        scenes = [scene for scene in map(sample_scene, range(60)) if len(scene.actors) == 1]
        hits = [read_clip_shape(render(s), render(s, actors=False)) == s.actors[0].shape for s in scenes]
        self.assertGreaterEqual(sum(hits) / len(hits), 0.98)

    def test_is_not_fooled_by_another_shape_in_its_place(self) -> None:
        for seed in range(10):
            scene = sample_scene(seed, Wish(motion="left"))
            actor, background = scene.actors[0], render(scene, actors=False)
            truth = actor.shape
            if len(scene.actors) > 1:
                continue
            for shape in SHAPES:
                actor.shape = shape
                self.assertEqual(read_clip_shape(render(scene), background), shape, f"a {shape} drawn for a {truth}")

    def test_finds_nothing_in_an_empty_clip(self) -> None:
        background = render(sample_scene(0), actors=False)
        self.assertIsNone(read_clip_shape(background, background))
        noise = torch.randint(0, 9, background.shape, dtype=torch.uint8)
        self.assertIsNone(read_clip_shape(background.clamp(max=246) + noise, background))


if __name__ == "__main__":
    unittest.main()
