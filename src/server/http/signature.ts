import { createHmac, timingSafeEqual } from 'node:crypto'

/** Signs what a server hands out and gets back: addresses of files, tokens of uploads. */
export interface Signer {
  sign(text: string): string
  /** In constant time. */
  verify(text: string, signature: string): boolean
}

/** @param secret at least 32 random bytes */
export function createSigner(secret: Buffer): Signer {
  const sign = (text: string) => createHmac('sha256', secret).update(text).digest('base64url')
  return {
    sign,
    verify(text, signature) {
      const [a, b] = [Buffer.from(sign(text)), Buffer.from(signature)]
      return a.length === b.length && timingSafeEqual(a, b)
    },
  }
}

/** @returns `path` with its end of validity and a signature of both, as a query */
export function signPath(signer: Signer, path: string, expires: Date): string {
  const seconds = Math.floor(expires.getTime() / 1000)
  return `${path}?expires=${seconds}&signature=${signer.sign(`${path}\n${seconds}`)}`
}

export function verifyPath(
  signer: Signer,
  path: string,
  { expires, signature }: { readonly expires: string | undefined; readonly signature: string | undefined },
  now: Date,
): 'valid' | 'expired' | 'invalid' {
  if (!expires || !signature || !/^\d{1,12}$/.test(expires)) return 'invalid'
  if (!signer.verify(`${path}\n${Number(expires)}`, signature)) return 'invalid'
  return Number(expires) * 1000 > now.getTime() ? 'valid' : 'expired'
}
