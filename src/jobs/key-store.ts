import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ApiKey, KeyLimits, Keys } from './keys.ts'

/** Keys as those see them who hand them out. */
export interface KeyStore extends Keys, AsyncDisposable {
  /** @returns the key with its secret, which is told this once */
  create(name: string, limits?: KeyLimits): Promise<NewApiKey>
  /** All of them, the oldest first. */
  list(): Promise<readonly ApiKey[]>
  /** From now on the key is refused; its tasks stay. @returns undefined when there is none with this id */
  revoke(id: string): Promise<ApiKey | undefined>
}

export interface NewApiKey extends ApiKey {
  /** `key_` and 128 hexadecimal digits. */
  readonly secret: string
}

export function newSecret(): string {
  return `key_${randomBytes(64).toString('hex')}`
}

/** SHA-256, hexadecimal: secrets are random and long, so that a slow hash would add nothing. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** In a time that does not tell how much of them is the same. */
export function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
