import { signal } from '@preact/signals'
import type { Capabilities, FieldView, ModelView } from '../../server/framewright/contract.ts'
import { call } from '../server/call.ts'

/** What the server offers; undefined until it has said it. */
export const capabilities = signal<Capabilities | undefined>(undefined)

export async function loadCapabilities(): Promise<void> {
  capabilities.value = await call<Capabilities>('v1/capabilities')
}

export function modelNamed(name: string | undefined): ModelView | undefined {
  const models = capabilities.value?.models ?? []
  return models.find(model => model.name === name || model.aliases.includes(name ?? '')) ?? models[0]
}

/** Whether a model takes a field: some fields are only for models that name them, or that have two experts. */
export function takesField(model: ModelView | undefined, { name, optIn }: FieldView): boolean {
  const { experts = 1, takes = [] } = model ?? {}
  return (!optIn || takes.includes(name)) && (name !== 'guidance2' || experts > 1)
}

/** A field of requests, as the command line's help has it. */
export function fieldNamed(name: string): FieldView | undefined {
  return capabilities.value?.fields.find(field => field.name === name)
}
