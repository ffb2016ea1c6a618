"""Captions: one scene, many ways to say it in plain English."""

from random import Random

from .scene import Actor, Background, Scene
from .vocabulary import BACKGROUND_WORDS, CAMERA_WORDS, MOTION_WORDS, SHAPE_WORDS


def describe(scene: Scene, rng: Random) -> str:
    """A caption of the scene; `rng` chooses the wording only."""
    place = place_of(scene.background, rng)
    if scene.camera_motion:
        text = camera_sentence(scene, place, rng)
    else:
        text = motion_sentence(scene.actors, rng)
        text = f"{text} {place}" if rng.random() < 0.8 else f"{place}, {text}"
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    return text + "." if rng.random() < 0.3 else text


def camera_sentence(scene: Scene, place: str, rng: Random) -> str:
    thing, move = noun(scene.actors[0], rng), rng.choice(CAMERA_WORDS[scene.camera_motion])
    if rng.random() < 0.5:
        return f"{thing} {place}, {move}"
    return f"{move} over {thing} {place}" if move.startswith("camera") else f"{move} and shows {thing} {place}"


def motion_sentence(actors: list[Actor], rng: Random) -> str:
    if actors[0].motion == "meet":
        return rng.choice(MOTION_WORDS["meet"]).format(a=noun(actors[0], rng), b=noun(actors[1], rng))
    clauses = [f"{noun(actor, rng)} {verb(actor, rng)}" for actor in actors]
    return rng.choice((" while ", " and ")).join(clauses)


def noun(actor: Actor, rng: Random) -> str:
    return f"{article(actor.colour)} {actor.colour} {rng.choice(SHAPE_WORDS[actor.shape])}"


def verb(actor: Actor, rng: Random) -> str:
    manner = f" {actor.pace}" if actor.pace else ""
    return rng.choice(MOTION_WORDS[actor.motion]).format(s=manner)


def place_of(background: Background, rng: Random) -> str:
    text = rng.choice(BACKGROUND_WORDS[background.name])
    return text.replace("a {floor}", f"{article(background.floor)} {background.floor}") if background.floor else text


def article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
