import type { Source } from '../direct/source.ts'
import { canvasOf, drawEdits, type MaskEdit, maskFile } from './mask-edits.ts'

/** Where a control video may be changed: a file, or what was painted. */
export interface Mask extends Source {
  /** How it was painted; left out for a file. */
  readonly painted?: Painting
}

export interface Painting {
  readonly edits: readonly MaskEdit[]
  /** The file that was painted over. */
  readonly base: Source | undefined
  readonly width: number
  readonly height: number
}

/** What the editor begins with: a file is what is painted over. */
export function paintingOf(mask: Mask | undefined): Pick<Painting, 'edits' | 'base'> {
  return mask?.painted ?? { edits: [], base: mask }
}

/** The mask of a painting: nothing, or its file alone, where nothing is painted. */
export function maskOf(painting: Painting, layer: CanvasImageSource | undefined): Mask | undefined {
  const { edits, base, width, height } = painting
  if (edits.length === 0) return base
  const canvas = canvasOf({ width, height })
  drawEdits(canvas.getContext('2d')!, edits, layer)
  const file = maskFile(canvas)
  const name = 'mask.png'
  return {
    id: crypto.randomUUID(),
    name,
    kind: 'image',
    file,
    url: URL.createObjectURL(file),
    painted: painting,
  }
}

/** Frees what the page holds of a mask that was painted. */
export function releaseMask(mask: Mask | undefined): void {
  if (mask?.painted) URL.revokeObjectURL(mask.url)
}
