import type { TaskRecord } from '../../jobs/task.ts'
import { apiName } from '../generation-fields.ts'

/** Why a task failed, for its client: a file of the request is named as the client's API names it. */
export function failureMessage({ failure, about, api }: TaskRecord): string {
  if (!failure) return 'The task failed.'
  const { message, field = '' } = failure
  const [name = ''] = field.split('[')
  const { fields } = about
  const own = typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? fields : {}
  const called = (own as Readonly<Record<string, unknown>>)[name]
  if (name === '' || !message.startsWith(name)) return message
  const usual = apiName(name, api === 'openai' ? 'underscores' : 'camel')
  return (typeof called === 'string' ? called : usual) + message.slice(name.length)
}
