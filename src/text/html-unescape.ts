import { decodeHTML, replaceCodePoint } from 'entities/decode'

/** `&#65;`, `&#x41;` or `&name`, each with or without its semicolon; a name is any run of 1 to 32 characters. */
const reference = /&(?:#([0-9]+);?|#[xX]([0-9a-fA-F]+);?|([^\t\n\f <&#;]{1,32};?))/gu

/**
 * Replaces character references with their characters, as Python's `html.unescape` does: semicolons are
 * optional where HTML allows it (`&copy2` is `©2`), numbers above 0x7f are read as windows-1252 where browsers
 * do so, and numbers that name no character vanish. Applied once: `&amp;lt;` gives `&lt;`.
 */
export function unescapeHtml(text: string): string {
  return text.replace(reference, (whole, decimal?: string, hexadecimal?: string) => {
    if (decimal !== undefined) return numbered(Number.parseInt(decimal, 10))
    if (hexadecimal !== undefined) return numbered(Number.parseInt(hexadecimal, 16))
    return decodeHTML(whole)
  })
}

function numbered(code: number): string {
  if (code === 0x0d) return '\r'
  if (code >= 0x80 && code <= 0x9f) return String.fromCodePoint(replaceCodePoint(code))
  if (isRemoved(code)) return ''
  return String.fromCodePoint(replaceCodePoint(code)) // NUL, surrogates and numbers past U+10FFFF give U+FFFD
}

/** The numbers that HTML calls parse errors without giving them a meaning: controls and noncharacters. */
function isRemoved(code: number): boolean {
  if (code > 0x10ffff) return false
  return (
    (code >= 0x1 && code <= 0x8) ||
    code === 0xb ||
    (code >= 0xe && code <= 0x1f) ||
    code === 0x7f ||
    (code >= 0xfdd0 && code <= 0xfdef) ||
    (code & 0xfffe) === 0xfffe
  )
}
