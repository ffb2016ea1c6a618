/** Lets so many through at a time; others wait in their order. */
export class Gate {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  #inside = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#limit) await new Promise<void>(resolve => this.#waiting.push(resolve))
    else this.#inside++
    try {
      return await work()
    } finally {
      // The place goes to the next one as it is.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#inside--
    }
  }
}
