import { access } from 'node:fs/promises'
import { loadDenoiseState, saveDenoiseState } from '../engine/denoise-file.ts'
import { FramewrightError } from '../errors.ts'
import type { DenoiseState } from '../pipeline/denoise-state.ts'
import type { RunSpec } from './protocol.ts'

/** The saved state of one run: read at its start, written at an interval while it goes on. */
export class RunCheckpoint {
  readonly #path: string
  readonly #intervalMs: number
  readonly #request: string
  #savedAt = performance.now()
  #saving: Promise<void> | undefined
  #latest: DenoiseState | undefined

  constructor({ checkpoint, model, generate, adapters }: RunSpec) {
    this.#path = checkpoint.path
    this.#intervalMs = checkpoint.everySeconds * 1000
    const fields = Object.entries(generate).sort(([a], [b]) => (a < b ? -1 : 1))
    // By name: another machine may have the file elsewhere.
    const names = adapters.map(({ name, scale }) => [name, scale])
    this.#request = JSON.stringify([model, fields, ...names])
  }

  /**
   * @param note told why a state that is there cannot be used: the run then begins anew
   */
  async load(note: (text: string) => void): Promise<DenoiseState | undefined> {
    const there = await access(this.#path).then(
      () => true,
      () => false,
    )
    if (!there) return undefined
    try {
      return await loadDenoiseState(this.#path, this.#request)
    } catch (error) {
      if (!FramewrightError.is(error)) throw error
      note(`The checkpoint is left out: ${error.message}`)
      return undefined
    }
  }

  /** Writes beside the run; a state that comes while another is being written waits for the next one. */
  step(state: DenoiseState, note: (text: string) => void): void {
    this.#latest = state
    if (this.#saving || performance.now() - this.#savedAt < this.#intervalMs) return
    this.#saving = this.#save(state)
      .catch(error => note(`The checkpoint was not saved: ${(error as Error).message}`))
      .finally(() => {
        this.#saving = undefined
      })
  }

  /** Saves the last step there was. */
  async flush(): Promise<void> {
    await this.#saving
    if (this.#latest) await this.#save(this.#latest)
  }

  /** Waits for what is being written: nothing of it may come after the end of the run. */
  async settle(): Promise<void> {
    await this.#saving
  }

  async #save(state: DenoiseState): Promise<void> {
    await saveDenoiseState(this.#path, state, this.#request)
    this.#savedAt = performance.now()
  }
}
