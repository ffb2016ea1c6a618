/** CPU milliseconds of the yardstick on a machine that does nothing else. */
const quietMs = 0.55

/**
 * CPU seconds that work takes, as on a machine that does nothing else: programs beside it make a core slower, which shows
 * in a yardstick before and after.
 */
export async function quietSeconds(work: () => void | Promise<void>): Promise<number> {
  const before = yardstickMs()
  const start = process.cpuUsage()
  await work()
  const seconds = millisecondsSince(start) / 1000
  return seconds / Math.max(1, before / quietMs, yardstickMs() / quietMs)
}

/** The median of many small pieces of work, of names and small objects as in building a graph. */
function yardstickMs(): number {
  const pieces = Array.from({ length: 15 }, () => {
    const start = process.cpuUsage()
    const values = new Map<string, object>()
    for (let index = 0; index < 3000; index++) {
      values.set(`blocks.${index % 97}.values.${index}`, { shape: [index, 1] })
    }
    return millisecondsSince(start)
  })
  return pieces.toSorted((a, b) => a - b)[7]!
}

function millisecondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}
