/**
 * Converts CMYK to RGB as Pillow does, which diffusers reads pictures with: each ink takes its share of what black
 * leaves, `(255 - ink) * (255 - black) / 255`, without a printer's profile.
 *
 * @param cmyk [n, 4], 255 is full ink
 * @returns [n, 3]
 */
export function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3)
  for (let from = 0, to = 0; from < cmyk.length; from += 4, to += 3) {
    const light = 255 - cmyk[from + 3]!
    for (let ink = 0; ink < 3; ink++) rgb[to + ink] = light - Math.round((cmyk[from + ink]! * light) / 255)
  }
  return rgb
}
