import { HttpError, invalidField } from './http-error.ts'

/** Deeper than any body of the APIs, and shallow enough for whatever walks through one. */
const mostLevels = 64

/**
 * Parses JSON that a client sent.
 * @throws HttpError 400 for text that is not JSON, is nested too deep, or holds text that cannot be stored
 */
export function parseJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new HttpError(400, 'The body is not valid JSON.', { code: 'invalid_json' })
  }
  checkJson(value)
  return value
}

/**
 * Checks every name and text of a value, at any depth, without recursion.
 * @throws HttpError 400 with the path of what is wrong
 */
export function checkJson(value: unknown): void {
  const left: { readonly value: unknown; readonly path: readonly PropertyKey[] }[] = [{ value, path: [] }]
  for (let next = left.pop(); next; next = left.pop()) {
    const { value: each, path } = next
    if (typeof each === 'string') checkText(each, path)
    if (typeof each !== 'object' || each === null) continue
    if (path.length >= mostLevels) {
      const message = `Expected at most ${mostLevels} levels of objects and lists.`
      throw invalidField(path.slice(0, 8), message)
    }
    for (const [name, inner] of Object.entries(each)) {
      if (!Array.isArray(each)) checkText(name, path)
      left.push({ value: inner, path: [...path, Array.isArray(each) ? Number(name) : name] })
    }
  }
}

/**
 * Databases, tokenizers and files hold text of Unicode characters: half of a surrogate pair, as of an emoji that was cut in
 * two, is none, and NUL ends texts elsewhere.
 * @throws HttpError 400 with the path of the field
 */
export function checkText(text: string, path: readonly PropertyKey[]): void {
  if (text.includes('\0')) throw invalidField(path, 'Expected text without NUL characters (\\u0000).')
  if (!isWellFormed(text)) {
    throw invalidField(
      path,
      'Expected whole characters, got half of one (an unpaired surrogate, as of a cut emoji).',
    )
  }
}

/** Of ES2024, which Node.js 20 has. */
const isWellFormed = (text: string) => (text as unknown as { isWellFormed(): boolean }).isWellFormed()
