import { Agent, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly body: string
  /** From the call to the last byte. */
  readonly ms: number
}

/** Many calls at once over connections that stay open, with how long each took. */
export class HttpClient {
  readonly #agent: Agent

  constructor(connections: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  readonly call = async (url: string, method: string, path: string, body?: object): Promise<Answer> => {
    const started = performance.now()
    const headers = { 'content-type': 'application/json' }
    return await new Promise((resolve, reject) => {
      const sent = request(url + path, { method, agent: this.#agent, headers }, response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('end', () => {
          const ms = performance.now() - started
          resolve({ status: response.statusCode!, body: Buffer.concat(chunks).toString(), ms })
        })
      })
      sent.on('error', reject)
      sent.end(body && JSON.stringify(body))
    })
  }

  readonly close = (): void => this.#agent.destroy()
}
