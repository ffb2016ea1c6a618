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

const dayMs = 86_400_000
const clock = new Intl.DateTimeFormat(texts.language, { hour: '2-digit', minute: '2-digit' })
const calendar = new Intl.DateTimeFormat(texts.language, { day: 'numeric', month: 'short', year: 'numeric' })

/** A moment: the time where it is less than a day ago, else the date. */
export function whenText(iso: string): string {
  const moment = new Date(iso)
  return (Date.now() - moment.getTime() < dayMs ? clock : calendar).format(moment)
}
