/** Rates that video is made at: whole numbers, and those of NTSC television, which are 1000/1001 of them. */
const usualRates = Array.from({ length: 240 }, (_, index) => index + 1).flatMap(rate => [rate, rate / 1.001])

export interface FrameRate {
  /** Frames per second to three decimals; undefined for fewer than two frames. */
  readonly fps: number | undefined
  /** Whether frames are further than a quarter of a frame from their places at that rate. */
  readonly variable: boolean
}

/** How far a container may round a time: Matroska keeps whole milliseconds. */
const roundingSeconds = 0.001

/**
 * The frame rate behind the times at which frames are shown. Where every frame is near its place in a regular grid the
 * rate is the mean one. Elsewhere it is that of the intervals near the median, and `variable`.
 *
 * A rate is taken for the nearest usual one that the rounding of times can explain, whole numbers first.
 *
 * @param times seconds, ascending; all frames of a clip
 */
export function frameRate(times: readonly number[]): FrameRate {
  const first = times[0] ?? 0
  const span = (times.at(-1) ?? 0) - first
  if (!(span > 0)) return { fps: undefined, variable: false }
  const interval = span / (times.length - 1)
  const tolerance = interval / 4 + roundingSeconds
  const variable = times.some((time, index) => Math.abs(time - first - index * interval) > tolerance)
  return { fps: variable ? medianRate(times) : usualRate(1 / interval, span), variable }
}

/** The mean rate of the intervals that are within a quarter of the median one. */
function medianRate(times: readonly number[]): number {
  const intervals = times.slice(1).map((time, index) => time - times[index]!)
  const ascending = intervals.filter(interval => interval > 0).sort((a, b) => a - b)
  const median = ascending[(ascending.length - 1) >> 1]!
  const near = ascending.filter(interval => Math.abs(interval - median) <= median / 4)
  const span = near.reduce((sum, interval) => sum + interval, 0)
  return usualRate(near.length / span, span)
}

function usualRate(mean: number, span: number): number {
  const tolerance = mean * Math.min(0.02, roundingSeconds / span)
  const distance = (rate: number) => Math.abs(rate - mean) * (Number.isInteger(rate) ? 0.5 : 1)
  const near = usualRates.filter(rate => Math.abs(rate - mean) <= tolerance)
  const rate = near.sort((a, b) => distance(a) - distance(b))[0] ?? mean
  return Math.round(rate * 1000) / 1000
}
