import type { TaskOutput, TaskRecord } from '../../jobs/task.ts'
import type { RouteRequest } from '../http/route.ts'
import { signPath } from '../http/signature.ts'
import type { Services } from '../services.ts'

/** What addresses are made with. */
export type AddressBook = Pick<Services, 'signer'> & {
  readonly settings: Pick<Services['settings'], 'outputHours' | 'lanes'>
  /** Of the server, without a slash at its end. */
  readonly address: string
}

/** For the answer to a request. */
export function addressBook(
  { signer, settings }: Services,
  { address }: Pick<RouteRequest, 'address'>,
): AddressBook {
  return { signer, settings, address }
}

/** An address at which anybody can get a file of a task, for a while. */
export function outputAddress(book: AddressBook, { id }: TaskRecord, name: TaskOutput['name']): string {
  return signed(book, `/v1/outputs/${id}/${name}`)
}

/** @param name of a kind of file that its video can be had as */
export function conversionAddress(book: AddressBook, { id }: TaskRecord, name: string): string {
  return signed(book, `/v1/conversions/${id}/${name}`)
}

export function previewAddress(book: AddressBook, { id }: TaskRecord, step: number): string {
  return signed(book, `/v1/previews/${id}/${step}`)
}

/** @param key of a file that the task was made from: `inputs/<name>` */
export function inputFileAddress(book: AddressBook, { id }: TaskRecord, key: string): string {
  return signed(book, `/v1/${key.replace('/', `/${id}/`)}`)
}

function signed({ signer, settings, address }: AddressBook, path: string): string {
  const expires = new Date(Date.now() + settings.outputHours * 3_600_000)
  return address + signPath(signer, path, expires)
}
