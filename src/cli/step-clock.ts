/** Steps that the estimate looks back: enough to be steady, few enough to follow a change. */
const window = 10

/** How long steps take, and from that how long the rest will. */
export class StepClock {
  readonly #recent: number[] = []
  #count = 0

  /** @param seconds of the step that ended */
  add(seconds: number): void {
    this.#count++
    // The first step opens the network's session; it says little about the others.
    if (this.#count === 2) this.#recent.length = 0
    this.#recent.push(seconds)
    if (this.#recent.length > window) this.#recent.shift()
  }

  /** Mean of the last steps; undefined before the first. */
  get secondsPerStep(): number | undefined {
    if (this.#recent.length === 0) return undefined
    return this.#recent.reduce((sum, seconds) => sum + seconds, 0) / this.#recent.length
  }

  secondsLeft(steps: number): number | undefined {
    return this.secondsPerStep === undefined ? undefined : this.secondsPerStep * steps
  }
}
