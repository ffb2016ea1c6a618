import { createContext, Script } from 'node:vm'
import { CheckpointError } from '../../errors.ts'

/** How long all patterns of a file may take. Those of 400 layers need 20 ms. */
const limitMs = 1000

/** What a file says by pattern: PEFT's `alpha_pattern` and `rank_pattern`, in their order. */
export type Patterns = Readonly<Record<string, number>>

/** Runs where it can be ended: a regular expression may backtrack for ever. */
const matching = new Script(`
  patterns.map((pattern, index) => {
    state.index = index
    const whole = new RegExp('^(?:(.*\\\\.)?(' + pattern + ')$)', 'u')
    return names.map(name => whole.test(name))
  })
`)

/**
 * Matches names of modules as PEFT does (`get_pattern_key`): a key is a Python regular expression of the end of the
 * name, from a dot on; the first that matches counts.
 * @param modules the forms of each module's name, one of which has to match
 * @returns the value for each module
 * @throws CheckpointError `checkpoint/config` for a pattern that is invalid, or whose matching does not end
 */
export function matchPatterns(
  subject: string,
  patterns: Patterns,
  modules: readonly (readonly string[])[],
): (number | undefined)[] {
  const keys = Object.keys(patterns)
  if (keys.length === 0) return modules.map(() => undefined)
  const names = modules.flat()
  const state = { index: 0 }
  const context = createContext({ patterns: keys.map(toJavaScript), names, state })
  let matches: readonly (readonly boolean[])[]
  try {
    matches = matching.runInContext(context, { timeout: limitMs })
  } catch (cause) {
    throw unusable(subject, keys[state.index]!, cause)
  }
  let end = 0
  return modules.map(forms => {
    const start = end
    end += forms.length
    const first = matches.findIndex(row => row.slice(start, end).includes(true))
    return first === -1 ? undefined : patterns[keys[first]!]
  })
}

/** Python's regular expressions where JavaScript writes them otherwise. What it cannot write is a syntax error there. */
function toJavaScript(pattern: string): string {
  return pattern.replace(
    /\\(?<escaped>.)|\(\?P<|\(\?P=(?<reference>\w+)\)|\{,(?<most>\d+)\}/gsu,
    (text, ...rest) => {
      const { escaped, reference, most } = rest.at(-1) as Record<string, string | undefined>
      if (reference !== undefined) return `\\k<${reference}>`
      if (most !== undefined) return `{0,${most}}`
      if (escaped === undefined) return '(?<'
      if (escaped === 'A') return '^'
      if (escaped === 'Z') return '$'
      // Python takes a backslash before any sign, JavaScript only before those with a meaning.
      const sign = /^[^A-Za-z0-9^$\\.*+?()[\]{}|/]$/.test(escaped)
      return sign ? `\\u{${escaped.codePointAt(0)!.toString(16)}}` : text
    },
  )
}

function unusable(subject: string, pattern: string, cause: unknown): CheckpointError {
  // It is an error of the context's own realm.
  const { code, message } = cause as NodeJS.ErrnoException
  const late = code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  return new CheckpointError(
    'checkpoint/config',
    {
      subject: `${subject}: pattern ${JSON.stringify(pattern)}`,
      expected: late
        ? `names to be matched within ${limitMs / 1000} s`
        : 'a regular expression of module names',
      got: late ? 'no end' : message,
      advice: 'Write it with plain names, such as "blocks.0.attn1.to_q".',
    },
    { cause },
  )
}
