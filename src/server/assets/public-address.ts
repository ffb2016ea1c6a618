import type { LookupAddress } from 'node:dns'
import { BlockList, isIP } from 'node:net'

/**
 * IPv4 ranges that are not somewhere on the public internet (IANA special-purpose registry): this host, private,
 * carrier-grade NAT, loopback, link-local (cloud metadata too), protocol assignments, documentation, 6to4 relays,
 * benchmarks, multicast and reserved.
 */
const specialRanges: readonly (readonly [address: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

const special4 = new BlockList()
for (const [address, bits] of specialRanges) special4.addSubnet(address, bits, 'ipv4')

/** Of IPv6 only global unicast is public, without what stands for IPv4 addresses, tunnels and documentation. */
const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')
const special6 = new BlockList()
for (const [address, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  special6.addSubnet(address, bits, 'ipv6')
}

/** Whether an address is one of the public internet. */
export function isPublicAddress({ address, family }: LookupAddress): boolean {
  if (family === 4) return isIP(address) === 4 && !special4.check(address, 'ipv4')
  if (isIP(address) !== 6) return false
  return global6.check(address, 'ipv6') && !special6.check(address, 'ipv6')
}

/** Names that stand for this machine or its network, whatever they resolve to. */
export function isLocalName(host: string): boolean {
  const name = host.toLowerCase().replace(/\.+$/, '')
  return (
    name === '' ||
    /(^|\.)(localhost|local|internal|intranet|lan|home\.arpa|localdomain)$/.test(name) ||
    !name.includes('.')
  )
}
