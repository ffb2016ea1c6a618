/** Numbers for people. */
import { texts } from './texts/texts.ts'

export function bytesText(bytes: number): string {
  const { bytes: units } = texts.units
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  const value = bytes / 1000 ** power
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

export function timeText(seconds: number): string {
  const { moment, seconds: second, minutes, hours } = texts.units
  if (seconds < 1) return moment
  if (seconds < 90) return `${Math.round(seconds)} ${second}`
  if (seconds < 5400) return `${Math.round(seconds / 60)} ${minutes}`
  return `${(seconds / 3600).toFixed(1)} ${hours}`
}

export function secondsText(seconds: number): string {
  return String(Number(seconds.toFixed(seconds < 10 ? 2 : 1)))
}
