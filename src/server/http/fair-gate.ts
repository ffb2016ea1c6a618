/** Lets so many through at a time, and so many of each owner; others wait in their order. */
export class FairGate {
  readonly #limits: { readonly all: number; readonly ofOwner: number }
  readonly #inside = new Map<string, number>()
  #waiting: { readonly owner: string; readonly enter: () => void }[] = []
  #count = 0

  constructor(limits: { readonly all: number; readonly ofOwner: number }) {
    this.#limits = limits
  }

  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    if (this.#isFree(owner)) this.#add(owner, 1)
    else await new Promise<void>(enter => this.#waiting.push({ owner, enter }))
    try {
      return await work()
    } finally {
      this.#add(owner, -1)
      this.#next()
    }
  }

  #next(): void {
    const next = this.#waiting.find(({ owner }) => this.#isFree(owner))
    if (!next) return
    this.#waiting = this.#waiting.filter(each => each !== next)
    this.#add(next.owner, 1)
    next.enter()
  }

  #isFree(owner: string): boolean {
    return this.#count < this.#limits.all && (this.#inside.get(owner) ?? 0) < this.#limits.ofOwner
  }

  #add(owner: string, change: number): void {
    this.#count += change
    const now = (this.#inside.get(owner) ?? 0) + change
    if (now > 0) this.#inside.set(owner, now)
    else this.#inside.delete(owner)
  }
}
