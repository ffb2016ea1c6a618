import { useEffect, useRef } from 'preact/hooks'
import { GalleryCard } from './gallery-card.tsx'
import { continueGallery } from './gallery-list.ts'
import { useGridWindow } from './window.ts'

/** Cards of which only those near the screen are there, however many there are. Arrow keys go from one to the next. */
export function CardGrid({ ids, whole }: { readonly ids: readonly string[]; readonly whole: boolean }) {
  const grid = useRef<HTMLUListElement>(null)
  /** The card that gets the focus once it is there. */
  const wanted = useRef<number | undefined>(undefined)
  const { columns, rowHeight, firstRow, endRow } = useGridWindow(grid)
  const rows = Math.ceil(ids.length / columns)
  const first = Math.min(firstRow, rows) * columns
  const shown = ids.slice(first, endRow * columns)
  const nearEnd = endRow + 2 >= rows
  useEffect(() => {
    if (nearEnd) void continueGallery()
  }, [nearEnd, ids.length])
  const focusWanted = () => {
    if (wanted.current === undefined) return
    const card = grid.current!.querySelector<HTMLElement>(`[aria-posinset="${wanted.current + 1}"] .card`)
    if (!card) return
    wanted.current = undefined
    card.focus({ preventScroll: true })
  }
  useEffect(focusWanted)
  const moves: Readonly<Record<string, (index: number) => number>> = {
    ArrowLeft: index => index - 1,
    ArrowRight: index => index + 1,
    ArrowUp: index => index - columns,
    ArrowDown: index => index + columns,
    Home: () => 0,
    End: () => ids.length - 1,
  }
  const move = (event: KeyboardEvent) => {
    const item = (event.target as Element).closest('[aria-posinset]')
    const to = moves[event.key]?.(Number(item?.getAttribute('aria-posinset')) - 1)
    if (!item || to === undefined) return
    event.preventDefault()
    if (to < 0 || to >= ids.length) return
    wanted.current = to
    showRow(grid.current!, Math.floor(to / columns), rowHeight)
    focusWanted()
  }
  return (
    <ul
      ref={grid}
      class="gallery-grid"
      onKeyDown={move}
      style={{
        height: `${rows * rowHeight}px`,
        gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
        gridAutoRows: `${rowHeight}px`,
        paddingTop: `${(first / columns) * rowHeight}px`,
      }}
    >
      {shown.map((id, index) => (
        <li key={id} aria-posinset={first + index + 1} aria-setsize={whole ? ids.length : -1}>
          <GalleryCard id={id} />
        </li>
      ))}
    </ul>
  )
}

/** Below the bars at the top of the page. */
const barsHeight = 130

/** Scrolls as far as it takes for a row to be on the screen. */
function showRow(grid: HTMLElement, row: number, rowHeight: number): void {
  const top = grid.getBoundingClientRect().top + row * rowHeight
  const above = top - barsHeight
  const below = top + rowHeight - window.innerHeight
  if (above < 0) window.scrollBy(0, above)
  else if (below > 0) window.scrollBy(0, below)
}
