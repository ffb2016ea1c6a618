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

/** Whether a model has a use for a field of requests. */
export function takesField(model: ModelView | undefined, name: string): boolean {
  return model?.fields.includes(name) ?? false
}

/** A field of requests, as the command line's help has it. */
export function fieldNamed(name: string): FieldView | undefined {
  return capabilities.value?.fields.find(field => field.name === name)
}

/** Whether the value of a field is a file, or several. */
export function isFileField(name: string): boolean {
  return fieldNamed(name)?.file !== undefined
}
