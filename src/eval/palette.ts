/** The closed world of the scenes: names, and the colours that they stand for, sRGB in [0, 1]. */

export type Rgb = readonly [red: number, green: number, blue: number]

export const shapes = ['ball', 'square', 'triangle', 'star', 'ring'] as const
export type Shape = (typeof shapes)[number]

export const colours = {
  red: [0.9, 0.12, 0.12],
  green: [0.1, 0.7, 0.2],
  blue: [0.12, 0.25, 0.92],
  yellow: [0.98, 0.86, 0.1],
  orange: [0.98, 0.52, 0.05],
  purple: [0.55, 0.15, 0.75],
  pink: [1, 0.5, 0.75],
  cyan: [0.1, 0.85, 0.9],
} as const satisfies Readonly<Record<string, Rgb>>
export type Colour = keyof typeof colours

/** Height of the ground, of the frame. */
export const floorHeight = 0.82

/** Every background, `room` with each floor that there is. */
export const backgrounds: readonly { readonly name: string; readonly floor: string }[] = [
  ...['white', 'black', 'night', 'meadow', 'sunset', 'checker', 'desert'].map(name => ({ name, floor: '' })),
  ...['red', 'green', 'blue', 'yellow', 'purple'].map(floor => ({ name: 'room', floor })),
]
