import { json, type Route } from '../http/route.ts'
import { webhookSecret } from './webhook-signature.ts'

/** @param secret the server's */
export function webhookRoutes(secret: Buffer): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/webhook_secret',
      api: 'framewright',
      summary: 'The secret that the webhooks of this key are signed with',
      access: 'key',
      note: 'Standard Webhooks: openai.webhooks.unwrap takes it.',
      async handle({ owner }) {
        return json({ secret: webhookSecret(secret, owner.id) })
      },
    },
  ]
}
