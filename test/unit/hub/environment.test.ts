import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hubEnvironment } from '../../../src/hub/environment.ts'

describe('hubEnvironment', () => {
  it('keeps models in the user cache and asks huggingface.co, without a token', () => {
    expect(hubEnvironment({})).toEqual({
      modelsFolder: join(homedir(), '.cache', 'framewright', 'models'),
      endpoint: 'https://huggingface.co',
      token: undefined,
    })
  })

  it('takes the cache folder of the desktop, and before it its own folder', () => {
    const cache = { XDG_CACHE_HOME: '/cache' }
    expect(hubEnvironment(cache).modelsFolder).toBe(join('/cache', 'framewright', 'models'))
    expect(hubEnvironment({ ...cache, FRAMEWRIGHT_HOME: '/big' }).modelsFolder).toBe(join('/big', 'models'))
  })

  it('takes the endpoint and token that other tools of the hub take', () => {
    const { endpoint, token } = hubEnvironment({ HF_ENDPOINT: 'https://mirror.example/', HF_TOKEN: 'hf_x' })
    expect([endpoint, token]).toEqual(['https://mirror.example', 'hf_x'])
  })

  it('takes empty variables for ones that are not set', () => {
    const empty = { FRAMEWRIGHT_HOME: '', XDG_CACHE_HOME: '', HF_ENDPOINT: '', HF_TOKEN: '' }
    expect(hubEnvironment(empty)).toEqual(hubEnvironment({}))
  })
})
