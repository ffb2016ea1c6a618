"""The closed world of the data set: colours, shapes, backgrounds, and the words people use for them.

Every table is ordered, and the order is part of the data set: seeds and the held-out rule depend on it.
Append, do not reorder.
"""

COLOURS = {  # linear interpolation happens in these sRGB values, in [0, 1]
    "red": (0.90, 0.12, 0.12),
    "green": (0.10, 0.70, 0.20),
    "blue": (0.12, 0.25, 0.92),
    "yellow": (0.98, 0.86, 0.10),
    "orange": (0.98, 0.52, 0.05),
    "purple": (0.55, 0.15, 0.75),
    "pink": (1.00, 0.50, 0.75),
    "cyan": (0.10, 0.85, 0.90),
}

SHAPE_WORDS = {
    "ball": ("ball", "ball", "circle", "sphere"),
    "square": ("square", "square", "box", "block"),
    "triangle": ("triangle",),
    "star": ("star",),
    "ring": ("ring", "ring", "hoop"),
}
SHAPES = tuple(SHAPE_WORDS)

FLOOR_COLOURS = ("red", "green", "blue", "yellow", "purple")  # floors of the "room" background

BACKGROUND_WORDS = {
    "white": ("on a white background", "in a white room", "against a plain white wall"),
    "black": ("on a black background", "in the dark", "in an empty black void"),
    "night": ("under a starry night sky", "at night", "under the moon and stars"),
    "meadow": ("over a green meadow", "on the grass under a blue sky", "in a green field"),
    "sunset": ("at sunset", "under an orange sunset sky", "in front of a sunset"),
    "checker": ("in front of a checkered wall", "on a checkerboard background", "against a grey checkered pattern"),
    "desert": ("in the desert", "over yellow sand dunes", "in a sandy desert"),
    "room": ("on a {floor} floor", "on a {floor} floor", "over a {floor} floor", "in a room with a {floor} floor"),
}
BACKGROUNDS = tuple(BACKGROUND_WORDS)

MOTION_WORDS = {  # {s} is the manner, " slowly" or " quickly", or nothing
    "left": ("moves{s} to the left", "slides{s} left", "goes{s} from right to left", "travels{s} leftward"),
    "right": ("moves{s} to the right", "slides{s} right", "goes{s} from left to right", "travels{s} rightward"),
    "up": ("moves{s} up", "rises{s}", "floats{s} upward", "goes{s} to the top"),
    "down": ("moves{s} down", "sinks{s}", "goes{s} downward", "descends{s}"),
    "up right": ("moves{s} diagonally up and to the right", "goes{s} to the upper right"),
    "up left": ("moves{s} diagonally up and to the left", "goes{s} to the upper left"),
    "down right": ("moves{s} diagonally down and to the right", "goes{s} to the lower right"),
    "down left": ("moves{s} diagonally down and to the left", "goes{s} to the lower left"),
    "bounce": ("bounces", "bounces up and down", "is bouncing"),
    "fall": ("falls down", "drops to the ground", "falls and lands"),
    "roll right": ("rolls{s} to the right", "rolls{s} right along the ground"),
    "roll left": ("rolls{s} to the left", "rolls{s} left along the ground"),
    "clockwise": ("circles clockwise around the center", "moves in a clockwise circle"),
    "counterclockwise": ("circles counterclockwise around the center", "moves in a counterclockwise circle"),
    "grow": ("grows bigger", "gets larger", "grows"),
    "shrink": ("shrinks", "gets smaller", "becomes small"),
    "spin": ("spins in place", "rotates in place", "is spinning"),
    "still": ("stays still", "does not move", "stands still"),
    "meet": ("{a} and {b} bump into each other", "{a} and {b} collide", "{a} hits {b} and they bounce apart"),
}
MOTIONS = tuple(MOTION_WORDS)

CAMERA_WORDS = {
    "pan left": ("the camera pans left", "camera panning to the left"),
    "pan right": ("the camera pans right", "camera panning to the right"),
    "zoom in": ("the camera zooms in", "camera zooming in"),
    "zoom out": ("the camera zooms out", "camera zooming out"),
}
CAMERAS = tuple(CAMERA_WORDS)

PACES = ("", "slowly", "quickly")


def is_held_out(shape: str, colour: str, act: str) -> bool:
    """True for the triples of shape, colour and motion or camera move that training never renders.

    For each shape and act it is one colour in eight, so every pair of the three is still seen.
    """
    row = SHAPES.index(shape) * 3 + (MOTIONS + CAMERAS).index(act) * 5
    return list(COLOURS).index(colour) == row % len(COLOURS)
