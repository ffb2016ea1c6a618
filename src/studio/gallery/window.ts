import type { RefObject } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'

/** The part of a long grid that is near the screen. */
interface GridWindow {
  readonly columns: number
  /** Of a row with the gap below it, in pixels. */
  readonly rowHeight: number
  readonly firstRow: number
  /** Behind the last. */
  readonly endRow: number
}

const gap = 12
/** Of a card: two stand side by side on a phone. */
const leastWidth = { narrow: 150, wide: 210 } as const
const narrow = 560
/** Below the picture of a card. */
const textHeight = 72
/** Rows beyond the screen, so that scrolling shows no empty ones. */
const spareRows = 3

/** Follows the scrolling of the page and the width of a grid of cards with pictures of 16 to 9. */
export function useGridWindow(grid: RefObject<HTMLElement | null>): GridWindow {
  const [shown, setShown] = useState<GridWindow>({ columns: 1, rowHeight: 200, firstRow: 0, endRow: 8 })
  useLayoutEffect(() => {
    let frame = 0
    const measure = () => {
      frame = 0
      const element = grid.current
      if (!element) return
      const { top, width } = element.getBoundingClientRect()
      const next = windowOf(width, -top)
      setShown(now => (isSame(now, next) ? now : next))
    }
    const later = () => {
      if (frame === 0) frame = requestAnimationFrame(measure)
    }
    const observer = new ResizeObserver(later)
    observer.observe(grid.current!)
    window.addEventListener('scroll', later, { passive: true })
    window.addEventListener('resize', later)
    measure()
    return () => {
      cancelAnimationFrame(frame)
      observer.disconnect()
      window.removeEventListener('scroll', later)
      window.removeEventListener('resize', later)
    }
  }, [])
  return shown
}

/** @param above pixels of the grid above the screen */
function windowOf(width: number, above: number): GridWindow {
  const least = width < narrow ? leastWidth.narrow : leastWidth.wide
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)))
  const cardWidth = (width - gap * (columns - 1)) / columns
  const rowHeight = Math.round((cardWidth * 9) / 16) + textHeight + gap
  const firstRow = Math.max(0, Math.floor(above / rowHeight) - spareRows)
  const endRow = Math.max(0, Math.ceil((above + window.innerHeight) / rowHeight) + spareRows)
  return { columns, rowHeight, firstRow, endRow }
}

function isSame(a: GridWindow, b: GridWindow): boolean {
  return (
    a.columns === b.columns &&
    a.rowHeight === b.rowHeight &&
    a.firstRow === b.firstRow &&
    a.endRow === b.endRow
  )
}
