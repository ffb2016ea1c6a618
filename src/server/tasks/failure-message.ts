import type { TaskRecord } from '../../jobs/contract.ts'

/** Why a task failed, for its client: a file of the request is named as the client's API names it. */
export function failureMessage({ failure, about }: TaskRecord): string {
  if (!failure) return 'The task failed.'
  const { message, field = '' } = failure
  const [name = ''] = field.split('[')
  const { fields } = about
  const own = typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? fields : {}
  const called = (own as Readonly<Record<string, unknown>>)[name]
  return typeof called === 'string' && name !== '' ? called + message.slice(name.length) : message
}
