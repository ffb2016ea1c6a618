import { createHmac, hkdfSync } from 'node:crypto'

/**
 * The secret that an owner checks webhooks with, `whsec_…`, derived from the server's: nothing has to be stored, and
 * one owner cannot sign as another.
 */
export function webhookSecret(secret: Buffer, owner: string): string {
  const key = hkdfSync('sha256', secret, Buffer.alloc(0), `framewright webhooks of ${owner}`, 32)
  return `whsec_${Buffer.from(key).toString('base64')}`
}

/** The headers of Standard Webhooks (https://www.standardwebhooks.com): id, time and HMAC-SHA256 of both and the body. */
export function webhookHeaders(
  secret: string,
  { id, body, at }: { readonly id: string; readonly body: string; readonly at: Date },
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}
