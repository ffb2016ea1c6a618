import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { isLocalName, isPublicAddress } from '../../../src/server/assets/public-address.ts'
import { AddressError, vettedRequest } from '../../../src/server/assets/vetted-request.ts'

const family = (address: string) => (address.includes(':') ? 6 : 4)

describe('addresses of the public internet', () => {
  test.each([
    '93.184.216.34',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00:1450:4001::1',
  ])('%s is one', address => {
    expect(isPublicAddress({ address, family: family(address) })).toBe(true)
  })

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:93.184.216.34',
    '64:ff9b::7f00:1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '2002:7f00:1::',
    'not an address',
  ])('%s is none', address => {
    expect(isPublicAddress({ address, family: family(address) })).toBe(false)
  })
})

describe('names of this machine and its network', () => {
  test.each([
    'localhost',
    'LOCALHOST.',
    'a.localhost',
    'printer.local',
    'metadata.google.internal',
    'nas.lan',
    'intranet',
    '',
  ])('%j is one', name => {
    expect(isLocalName(name)).toBe(true)
  })

  test.each(['example.com', 'example.com.', 'local.example.com', 'internal-tools.com'])(
    '%s is none',
    name => {
      expect(isLocalName(name)).toBe(false)
    },
  )
})

describe('a request to an address of a client', () => {
  test('goes to the address that was checked, whatever the name resolves to later', async () => {
    const server = createServer((request, response) => response.end(request.headers.host))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const host = `rebinding.example.com:${(server.address() as AddressInfo).port}`
    const asked: string[] = []
    const policy = {
      allowedHosts: [host],
      resolve: async (name: string) => {
        asked.push(name)
        return [{ address: asked.length === 1 ? '127.0.0.1' : '192.0.2.1', family: 4 }]
      },
    }
    const signal = AbortSignal.timeout(5000)
    const response = await vettedRequest(`http://${host}/x`, policy, { method: 'GET', headers: {}, signal })
    expect(await text(response)).toBe(host)
    expect(asked).toEqual(['rebinding.example.com'])
    server.close()
  })

  test('is not sent when one of its addresses is private', async () => {
    const resolve = async () => [
      { address: '93.184.216.34', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ]
    const signal = AbortSignal.timeout(5000)
    const policy = { allowedHosts: [], resolve }
    const sent = vettedRequest('https://example.com/', policy, { method: 'GET', headers: {}, signal })
    await expect(sent).rejects.toThrow(AddressError)
  })
})
