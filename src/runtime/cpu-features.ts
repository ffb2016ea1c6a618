import { readFileSync } from 'node:fs'

/**
 * Whether 8-bit products are added up in 32 bits. CPUs of x86 without VNNI add pairs of them in 16 bits, and cut what does
 * not fit. @default false where it is not known
 */
export function addsIn32Bits(arch: string = process.arch, flags: () => string = cpuFlags): boolean {
  return arch === 'arm64' || /\bavx(?:512)?_vnni\b/.test(flags())
}

function cpuFlags(): string {
  try {
    return /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
  } catch {
    return ''
  }
}
