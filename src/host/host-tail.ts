import type { ChildProcess } from 'node:child_process'

const kept = 1000

/** The last of what a process wrote to its standard error: what it says before it dies. */
export class HostTail {
  #text = ''

  constructor(child?: ChildProcess) {
    child?.stdout?.resume()
    child?.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-kept)
    })
  }

  /** Its last line. */
  get text(): string {
    return this.#text.trim().split('\n').at(-1)?.slice(-300) ?? ''
  }
}
