/** Quantities as people read them. */

/** `0.12 s`, `4.2 s`, `42 s`, `3 min 20 s`, `2 h 5 min`. */
export function durationText(seconds: number): string {
  if (seconds < 1) return `${seconds.toFixed(2)} s`
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${whole % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** `512 B`, `11.0 MB`: powers of 1000. */
export function bytesText(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'])
}

/** `350 k`, `1.3 billion` would differ by language; `350.6 k`, `14.3 B` are what model cards use. */
export function parametersText(count: number): string {
  return scaled(count, ['', 'k', 'M', 'B', 'T'])
}

function scaled(value: number, units: readonly string[]): string {
  let unit = 0
  let rest = value
  while (rest >= 999.95 && unit < units.length - 1) {
    rest /= 1000
    unit++
  }
  return `${unit === 0 ? String(rest) : rest.toFixed(1)} ${units[unit]}`.trim()
}

/** `1 frame`, `17 frames`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
