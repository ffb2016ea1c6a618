import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Another implementation in a process of its own, asked over its standard input: one line of JSON, one answer. */
export class Peer implements AsyncDisposable {
  /** What it says of itself: versions and threads. */
  readonly about: Readonly<Record<string, string | number>>
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  private constructor(child: ChildProcess, answers: AsyncIterator<string>, about: Peer['about']) {
    this.#child = child
    this.#answers = answers
    this.about = about
  }

  /** Starts a script of `bench/peers`. */
  static async start(python: string, script: string, args: readonly string[]): Promise<Peer> {
    const file = fileURLToPath(new URL(`../../bench/peers/${script}`, import.meta.url))
    const child = spawn(python, [file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    const failed = once(child, 'error').then(([error]) => {
      throw error
    })
    const answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    const about = await Promise.race([nextAnswer(answers), failed])
    return new Peer(child, answers, about)
  }

  async ask(question: object): Promise<Readonly<Record<string, string | number>>> {
    this.#child.stdin!.write(`${JSON.stringify(question)}\n`)
    return await nextAnswer(this.#answers)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.stdin!.end()
    await ended
  }
}

async function nextAnswer(answers: AsyncIterator<string>): Promise<Peer['about']> {
  const { value, done } = await answers.next()
  if (done) throw new Error('the peer ended before it answered; its own message is above')
  return JSON.parse(value) as Peer['about']
}
