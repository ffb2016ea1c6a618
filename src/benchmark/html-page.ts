/** Parts of a page that needs nothing but itself: no script, no style sheet, no picture from elsewhere. */

/** A whole page; `body` is HTML already. */
export function htmlPage({ title, body }: { readonly title: string; readonly body: string }): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escaped(title)}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
  table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd }
  td:first-child, th:first-child { text-align: left } img { max-width: 100%; image-rendering: pixelated }
</style>
<h1>${escaped(title)}</h1>
${body}
</html>
`
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map(cell => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  return `<table>${row(head, 'th')}${rows.map(cells => row(cells, 'td')).join('')}</table>`
}

export interface Bar {
  readonly name: string
  /** Length, from 0 to 1. */
  readonly share: number
  /** What is written at its end. */
  readonly label: string
}

/** A chart of horizontal bars, as SVG. */
export function bars(all: readonly Bar[]): string {
  const height = 22
  const lines = all.map(({ name, share, label }, index) => {
    const y = index * height
    const width = Math.round(4000 * Math.min(1, Math.max(0, share))) / 10
    return `<text x="0" y="${y + 15}">${escaped(name)}</text><rect x="160" y="${y + 3}" width="${width}" height="15" fill="#4a7"/><text x="${170 + width}" y="${y + 15}">${escaped(label)}</text>`
  })
  return `<svg width="800" height="${all.length * height}" font-size="13">${lines.join('')}</svg>`
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
