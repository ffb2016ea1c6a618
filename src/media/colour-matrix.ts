import { lumaWeights } from './yuv-to-rgb.ts'

/** How luma and colour differences were made of red, green and blue. */
export type ColourMatrix =
  | { readonly kind: 'weights'; readonly weights: readonly [red: number, blue: number] }
  | { readonly kind: 'identity' | 'ycgco' | 'constant-luminance' }

const weighted = (weights: readonly [red: number, blue: number]): ColourMatrix => ({
  kind: 'weights',
  weights,
})

/** MatrixCoefficients of ITU-T H.273, table 4. */
const matrices: Readonly<Record<number, ColourMatrix>> = {
  0: { kind: 'identity' },
  1: weighted(lumaWeights.bt709),
  4: weighted(lumaWeights.fcc),
  5: weighted(lumaWeights.bt601),
  6: weighted(lumaWeights.bt601),
  7: weighted(lumaWeights.smpte240m),
  8: { kind: 'ycgco' },
  9: weighted(lumaWeights.bt2020),
  10: { kind: 'constant-luminance' },
}

/** As WebCodecs names them. */
const codes: Readonly<Record<string, number>> = {
  rgb: 0,
  bt709: 1,
  bt470bg: 5,
  smpte170m: 6,
  'bt2020-ncl': 9,
}

/** Matrices that are known by name and cannot be undone. */
const refused: Readonly<Record<number, string>> = {
  11: 'SMPTE ST 2085',
  12: 'chromaticity-derived non-constant luminance',
  13: 'chromaticity-derived constant luminance',
  14: 'ICtCp',
  15: 'IPT-C2',
  16: 'YCgCo-Re',
  17: 'YCgCo-Ro',
}

/**
 * The matrix of a picture. What is not marked, or with a reserved number, counts as BT.601
 * below 720 lines and as BT.709 from there on, as in players.
 *
 * @param name what the container says, as WebCodecs names it
 * @param code what the stream says, of H.273
 * @returns a matrix, or the name of one that is not supported
 */
export function colourMatrix(
  name: string | null | undefined,
  code: number | undefined,
  height: number,
): ColourMatrix | string {
  const known = name === null || name === undefined ? code : (codes[name] ?? code)
  const marked = known === undefined ? undefined : (matrices[known] ?? refused[known])
  return marked ?? weighted(height < 720 ? lumaWeights.bt601 : lumaWeights.bt709)
}

/** The code of a matrix that WebCodecs names. */
export function matrixCode(name: string | null | undefined): number | undefined {
  return name === null || name === undefined ? undefined : codes[name]
}
