/** The command line is wrong: a flag's value cannot be read, or flags contradict each other. */
export class UsageError extends Error {
  override readonly name = 'UsageError'

  constructor(what: { subject: string; expected: string; got: string; advice?: string }) {
    const advice = what.advice ? ` ${what.advice}` : ''
    super(`${what.subject}: expected ${what.expected}, got ${what.got}.${advice}`)
  }
}
