/** A JSON value whose objects are maps, so that no key (`__proto__`, `constructor`) can mean anything. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export type JsonObject = ReadonlyMap<string, JsonValue>

/** Values of one document. A checkpoint of 200,000 tensors stays below it; a bomb of brackets does not. */
const maxValues = 2_000_000
const maxDepth = 32

interface Cursor {
  readonly text: string
  at: number
  values: number
}

/**
 * Parses untrusted JSON (RFC 8259) more strictly than `JSON.parse`: a key that comes twice in one object, the key
 * `__proto__`, deep nesting and absurd numbers of values are errors.
 * @throws SyntaxError that says what was met at which character
 */
export function parseStrictJson(text: string): JsonValue {
  const cursor: Cursor = { text, at: 0, values: 0 }
  const value = readValue(cursor, 0)
  if (peek(cursor) !== '') throw unexpected(cursor, 'the end of the document')
  return value
}

/** Whether a parsed value is an object. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map
}

function readValue(cursor: Cursor, depth: number): JsonValue {
  if (depth > maxDepth) throw new SyntaxError(`nesting deeper than ${maxDepth} at character ${cursor.at}`)
  if (++cursor.values > maxValues) throw new SyntaxError(`more than ${maxValues} values`)
  const next = peek(cursor)
  if (next === '{') return readObject(cursor, depth)
  if (next === '[') return readArray(cursor, depth)
  if (next === '"') return readString(cursor)
  return readLiteral(cursor)
}

function readObject(cursor: Cursor, depth: number): JsonObject {
  const members = new Map<string, JsonValue>()
  cursor.at++
  if (accept(cursor, '}')) return members
  do {
    if (peek(cursor) !== '"') throw unexpected(cursor, 'a key in double quotes')
    const key = readString(cursor)
    if (key === '__proto__') throw new SyntaxError('the key "__proto__" is not allowed')
    if (members.has(key)) throw new SyntaxError(`the key ${quoted(key)} comes twice`)
    if (!accept(cursor, ':')) throw unexpected(cursor, `":" after ${quoted(key)}`)
    members.set(key, readValue(cursor, depth + 1))
  } while (accept(cursor, ','))
  if (!accept(cursor, '}')) throw unexpected(cursor, '"," or "}"')
  return members
}

function readArray(cursor: Cursor, depth: number): readonly JsonValue[] {
  const items: JsonValue[] = []
  cursor.at++
  if (accept(cursor, ']')) return items
  do items.push(readValue(cursor, depth + 1))
  while (accept(cursor, ','))
  if (!accept(cursor, ']')) throw unexpected(cursor, '"," or "]"')
  return items
}

/** Reads a string at the cursor. The platform's parser checks and decodes what stands between the quotes. */
function readString(cursor: Cursor): string {
  const { text, at: start } = cursor
  let end = start + 1
  while (end < text.length && text.charCodeAt(end) !== 0x22) end += text.charCodeAt(end) === 0x5c ? 2 : 1
  if (end >= text.length) throw new SyntaxError(`a string that does not end, from character ${start}`)
  cursor.at = end + 1
  try {
    return JSON.parse(text.slice(start, end + 1)) as string
  } catch {
    throw new SyntaxError(`a malformed string at character ${start}`)
  }
}

const numberPattern = /-?(?:0|[1-9]\d{0,39})(?:\.\d{1,40})?(?:[eE][+-]?\d{1,4})?(?![\w.+-])/y
const literals = new Map<string, JsonValue>([
  ['true', true],
  ['false', false],
  ['null', null],
])

function readLiteral(cursor: Cursor): JsonValue {
  for (const [word, value] of literals) {
    if (!cursor.text.startsWith(word, cursor.at)) continue
    cursor.at += word.length
    return value
  }
  numberPattern.lastIndex = cursor.at
  const digits = numberPattern.exec(cursor.text)?.[0]
  if (digits === undefined) throw unexpected(cursor, 'a value')
  cursor.at += digits.length
  return Number(digits)
}

/** The next character that is not white space, at the cursor afterwards; '' at the end. */
function peek(cursor: Cursor): string {
  while (' \n\r\t'.includes(cursor.text.charAt(cursor.at)) && cursor.at < cursor.text.length) cursor.at++
  return cursor.text.charAt(cursor.at)
}

function accept(cursor: Cursor, character: string): boolean {
  if (peek(cursor) !== character) return false
  cursor.at++
  return true
}

function unexpected(cursor: Cursor, wanted: string): SyntaxError {
  const rest = cursor.text.slice(cursor.at, cursor.at + 12)
  const found = rest === '' ? 'the end' : quoted(rest)
  return new SyntaxError(`${found} at character ${cursor.at} where ${wanted} should be`)
}

/** A string from a file as it may stand in a message: quoted, escaped and not too long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 117)}...` : text)
}
