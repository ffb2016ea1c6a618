import type { z } from 'zod'

/** What a schema found wrong with a value, in the wording of this package's errors. */
export interface WrongField {
  /** Its place in the value, such as `layers.0.width`; empty for the value itself. */
  readonly field: string
  readonly expected: string
  readonly got: string
}

/** The first thing that a schema found wrong. */
export function wrongField<T>({ issues }: z.ZodError<T>, value: unknown, schema: z.ZodType<T>): WrongField {
  const issue = inUnion(issues[0]!)
  if (issue.code === 'unrecognized_keys') {
    const field = [...issue.path, issue.keys.join(', ')].join('.')
    return { field, expected: 'a known field', got: 'an unknown one' }
  }
  const wrong = issue.path.reduce<unknown>(
    (node, key) => (node as Record<PropertyKey, unknown> | null | undefined)?.[key],
    value,
  )
  return {
    field: issue.path.join('.'),
    expected: rangeOf(issue, schema) ?? expectationOf(issue),
    got: textOf(wrong),
  }
}

/** Of a union without words of its own, what is wrong by the first part that takes a value of this type. */
function inUnion(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union' || issue.message !== 'Invalid input') return issue
  const parts = issue.errors.flatMap(([first]) => first ?? [])
  const part = parts.find(({ code, path }) => code !== 'invalid_type' || path.length > 0) ?? parts[0]
  return part ? { ...part, path: [...issue.path, ...part.path] } : issue
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
}

function expectationOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeNames[issue.expected] ?? issue.expected
    case 'invalid_value':
      return `one of ${issue.values.join(', ')}`
    case 'too_small':
      if (issue.origin === 'string') return 'text that is not empty'
      return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${entries(issue.origin)}`
    case 'too_big':
      return `${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${entries(issue.origin)}`
    default:
      return issue.message
  }
}

/** `0 to 100`, of a number that is held to both sides. */
function rangeOf(issue: z.core.$ZodIssue, schema: z.ZodType): string | undefined {
  if (issue.code !== 'too_small' && issue.code !== 'too_big') return undefined
  if (issue.origin !== 'number' && issue.origin !== 'int') return undefined
  const number = numberAt(schema, issue.path)
  const { minValue: least, maxValue: most } = number ?? {}
  if (!number || !isBound(least) || !isBound(most)) return undefined
  const isOpen = (bound: number) => {
    return number.def.checks?.some(({ _zod: { def } }) => {
      return 'inclusive' in def && 'value' in def && def.value === bound && def.inclusive === false
    })
  }
  const to = isOpen(most) ? `less than ${most}` : `up to ${most}`
  if (isOpen(least)) return `more than ${least}, ${to}`
  return isOpen(most) ? `${least}, ${to}` : `${least} to ${most}`
}

/** Whole numbers are held to those that a float can count to in any case. */
function isBound(value: number | null | undefined): value is number {
  return typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER
}

/** The schema of the number at a path, or of the first number that a union there may be. */
function numberAt(
  schema: z.core.$ZodType | undefined,
  path: readonly PropertyKey[],
): z.ZodNumber | undefined {
  const { def } = (schema?._zod ?? {}) as { readonly def?: z.core.$ZodTypes['_zod']['def'] }
  const [key, ...rest] = path
  switch (def?.type) {
    case 'optional':
      return numberAt(def.innerType, path)
    case 'union':
      return def.options.map(option => numberAt(option, path)).find(Boolean)
    case 'object':
      return key === undefined ? undefined : numberAt(def.shape[String(key)], rest)
    case 'array':
      return key === undefined ? undefined : numberAt(def.element, rest)
    case 'tuple':
      return key === undefined ? undefined : numberAt(def.items[Number(key)], rest)
    case 'number':
      return key === undefined ? (schema as z.ZodNumber) : undefined
    default:
      return undefined
  }
}

function entries(origin: string): string {
  return origin === 'array' ? ' entries' : ''
}

const longestShown = 80

function textOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  const text =
    JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)) ?? typeof value
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text
}
