/** Lets a loop sleep until there is something to do, or a time has passed. */
export class Wakeup {
  #woken = false
  #wake: (() => void) | undefined

  wake(): void {
    this.#woken = true
    this.#wake?.()
  }

  /** Returns at once when it was woken since the last time. */
  async next(ms: number): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, ms)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    this.#woken = false
  }
}
