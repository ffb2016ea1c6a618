/**
 * ITU-R BT.2020-2 with constant luminance. Luma is the transfer function of the luminance of linear light, Y′ =
 * f(0.2627 R + 0.6780 G + 0.0593 B), and the colour differences B′ − Y′ and R′ − Y′ are divided by other numbers below
 * zero than above (table 4).
 */
const redWeight = 0.2627
const blueWeight = 0.0593
const greenWeight = 1 - redWeight - blueWeight

/** Twice the largest B′ − Y′ and R′ − Y′ of either sign. */
const blueRange = { negative: 1.9404, positive: 1.5816 }
const redRange = { negative: 1.7184, positive: 0.9936 }

const alpha = 1.09929682680944
const beta = 0.018053968510807

/**
 * @param luma 0 … 1
 * @param cb @param cr -0.5 … 0.5
 * @returns red, green and blue in 0 … 1, with the transfer function applied
 */
export function fromConstantLuminance(luma: number, cb: number, cr: number): [number, number, number] {
  const blue = luma + cb * (cb < 0 ? blueRange.negative : blueRange.positive)
  const red = luma + cr * (cr < 0 ? redRange.negative : redRange.positive)
  const luminance = linear(luma) - redWeight * linear(red) - blueWeight * linear(blue)
  return [red, transferred(luminance / greenWeight), blue]
}

/** E′ = 4.5 E below β, else α E^0.45 − (α − 1), solved for E. */
function linear(value: number): number {
  return value < 4.5 * beta ? value / 4.5 : ((value + alpha - 1) / alpha) ** (1 / 0.45)
}

function transferred(light: number): number {
  return light < beta ? 4.5 * light : alpha * light ** 0.45 - (alpha - 1)
}
