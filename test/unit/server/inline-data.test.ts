import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readDataUri } from '../../../src/server/assets/data-uri.ts'
import { InlineData, plainJsonLimit } from '../../../src/server/assets/inline-data.ts'
import { BodyBuffers } from '../../../src/server/http/body-buffers.ts'

const secret = randomBytes(32)
const picture = randomBytes(300_001)
const base64 = picture.toString('base64')

interface Body {
  readonly promptText: string
  readonly promptImage: string
}

async function taken(json: string) {
  const inline = new InlineData(secret, new BodyBuffers())
  const { rest, release } = await inline.take(Buffer.from(json))
  const body = JSON.parse(rest.toString()) as Body
  return { inline, rest, release, body, data: inline.find(body.promptImage)?.data }
}

const bodyOf = (promptImage: string) => JSON.stringify({ promptText: 'a "red" ball\\', promptImage })

describe('a large data URI of a body', () => {
  test.each<[how: string, json: string]>([
    ['as usual', bodyOf(`data:image/png;base64,${base64}`)],
    ['in capitals, with spaces around', bodyOf(`\n DATA:image/PNG;Base64, ${base64} \r\n`)],
    ['in lines', bodyOf(`data:image/png;base64,${base64.replace(/.{76}/g, '$&\r\n')}`)],
    ['of the alphabet for URLs', bodyOf(`data:image/png;base64,${picture.toString('base64url')}`)],
    ['with percents', bodyOf(`data:image/png;base64,${encodeURIComponent(base64)}`)],
    ['as percents alone', bodyOf(`data:image/png,${picture.toString('hex').replace(/../g, '%$&')}`)],
    // As PHP and Gson write JSON.
    ['with escaped slashes', bodyOf(`data:image/png;base64,${base64}`).replaceAll('/', '\\/')],
    [
      'with escaped signs',
      bodyOf(`data:image/png;base64,${base64}`).replace(
        /[+=]/g,
        sign => `\\u00${sign.charCodeAt(0).toString(16)}`,
      ),
    ],
  ])('is taken out of it, and means the same: %s', async (_, json) => {
    const { rest, body, data } = await taken(json)
    expect(body.promptText).toBe('a "red" ball\\')
    expect(rest.length).toBeLessThan(300)
    expect(data?.type).toBe('image/png')
    expect(data?.bytes.equals(picture)).toBe(true)
    expect(readDataUri((JSON.parse(json) as Body).promptImage)?.bytes.equals(picture)).toBe(true)
  })

  test.each<[what: string, uri: string]>([
    ['other characters', `data:image/png;base64,${base64}!${base64}`],
    ['padding inside', `data:image/png;base64,${base64.replace(/=*$/, '=')}${base64}`],
    ['half a percent', `data:image/png,${'%8'.repeat(50_000)}`],
    ['no comma', `data:image/png;base64${'A'.repeat(100_000)}`],
  ])('is none, as a small one is none, with %s', async (_, uri) => {
    const { inline, body } = await taken(bodyOf(uri))
    const found = inline.find(body.promptImage)
    expect(found).toBeDefined()
    expect(found!.data).toBeUndefined()
    expect(readDataUri(uri)).toBeUndefined()
  })

  test('is none with characters beyond ASCII, which no URI has', async () => {
    const { inline, body } = await taken(bodyOf(`data:image/png,${'é'.repeat(100_000)}`))
    expect(inline.find(body.promptImage)).toBeDefined()
    expect(inline.find(body.promptImage)!.data).toBeUndefined()
  })

  test('has one name for one content, which is nobody else’s, until its last user is answered', async () => {
    const inline = new InlineData(secret, new BodyBuffers())
    const json = bodyOf(`data:image/png;base64,${base64}`)
    const [first, second] = [await inline.take(Buffer.from(json)), await inline.take(Buffer.from(json))]
    expect(first.rest.equals(second.rest)).toBe(true)
    const { promptImage } = JSON.parse(first.rest.toString()) as Body
    first.release()
    first.release()
    expect(inline.find(promptImage)?.data).toBeDefined()
    second.release()
    expect(inline.find(promptImage)).toBeUndefined()
    const other = await new InlineData(randomBytes(32), new BodyBuffers()).take(Buffer.from(json))
    expect(other.rest.equals(first.rest)).toBe(false)
  })

  test('keeps its bytes while it is used, and gives their memory to the next', async () => {
    const inline = new InlineData(secret, new BodyBuffers())
    const take = async (uri: string) => await inline.take(Buffer.from(bodyOf(uri)))
    const bytesOf = (rest: Buffer) =>
      inline.find((JSON.parse(rest.toString()) as Body).promptImage)!.data!.bytes
    const uri = `data:image/png;base64,${base64}`
    const [first, second] = [await take(uri), await take(uri)]
    first.release()
    const other = await take(`data:image/png;base64,${Buffer.alloc(picture.length, 7).toString('base64')}`)
    expect(bytesOf(second.rest).equals(picture)).toBe(true)
    const { buffer } = bytesOf(other.rest)
    other.release()
    expect(bytesOf((await take(`data:image/png;base64,${base64.toLowerCase()}`)).rest).buffer).toBe(buffer)
  })

  test('lets the event loop turn while it is read', async () => {
    const json = Buffer.from(bodyOf(`data:video/mp4;base64,${'A'.repeat(16 * 2 ** 20)}`))
    let turns = 0
    let reading = true
    const turn = () => {
      turns++
      if (reading) setImmediate(turn)
    }
    setImmediate(turn)
    const { rest } = await new InlineData(secret, new BodyBuffers()).take(json)
    reading = false
    expect(rest.length).toBeLessThan(300)
    expect(turns).toBeGreaterThan(5)
  })
})

describe('the rest of a body', () => {
  test('stays as it is', async () => {
    for (const json of ['{}', '', '"', '{"a": "data:', bodyOf('data:image/png;base64,AAAA'), '[1, "\\""]']) {
      const { rest } = await new InlineData(secret, new BodyBuffers()).take(Buffer.from(json))
      expect(rest.toString()).toBe(json)
    }
  })

  test.each<[what: string, json: string]>([
    ['a text', JSON.stringify({ promptText: 'x'.repeat(plainJsonLimit) })],
    ['a text without an end', `{"promptText": "${'x'.repeat(plainJsonLimit)}`],
    ['a data URI without an end', `{"promptImage": "data:image/png;base64,${'A'.repeat(plainJsonLimit)}`],
    ['many texts', `[${'"",'.repeat(plainJsonLimit)}""]`],
    ['many quotes', JSON.stringify('"'.repeat(plainJsonLimit))],
    ['numbers', `[${'1,'.repeat(plainJsonLimit)}1]`],
  ])('is refused when it is large: %s', async (_, json) => {
    await expect(new InlineData(secret, new BodyBuffers()).take(Buffer.from(json))).rejects.toMatchObject({
      status: 413,
      message: 'The body holds more than 524288 bytes beside data URIs.',
    })
  })

  test('is refused where a data URI is no text of JSON', async () => {
    for (const wrong of ['\n', '\0', '\\x41', '\\u12z']) {
      const json = `{"promptImage": "data:image/png;base64,${wrong}${base64}"}`
      await expect(new InlineData(secret, new BodyBuffers()).take(Buffer.from(json))).rejects.toMatchObject({
        status: 400,
      })
    }
  })
})
