import type { TaskOutput, TaskRecord } from '../../jobs/contract.ts'
import { signPath } from '../http/signature.ts'
import type { Services } from '../services.ts'

/** An address at which anybody can get a file of a task, for a while. */
export function outputAddress(services: Services, { id }: TaskRecord, name: TaskOutput['name']): string {
  return signed(services, `/v1/outputs/${id}/${name}`)
}

export function previewAddress(services: Services, { id }: TaskRecord, step: number): string {
  return signed(services, `/v1/previews/${id}/${step}`)
}

function signed({ signer, settings }: Services, path: string): string {
  const expires = new Date(Date.now() + settings.outputHours * 3_600_000)
  return settings.publicUrl() + signPath(signer, path, expires)
}
