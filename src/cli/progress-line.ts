export interface ProgressView {
  readonly label: string
  /** How much is done, 0 to 1. */
  readonly share: number
  readonly details: readonly string[]
  /** Width of the terminal. */
  readonly columns: number
}

const widestBar = 30

/** A line such as `step 3/20 ████░░░░ 15 %  0.11 s a step, 2 s left`, never as wide as the terminal. */
export function progressLine({ label, share, details, columns }: ProgressView): string {
  const room = Math.max(0, columns - 1)
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`
  const text = [label, percent, details.join(', ')].filter(Boolean).join('  ')
  const width = Math.min(widestBar, room - text.length - 2)
  if (width < 5) return text.slice(0, room)
  const filled = Math.round(share * width)
  const bar = '█'.repeat(filled) + '░'.repeat(width - filled)
  return [label, bar, percent, details.join(', ')].filter(Boolean).join('  ')
}
