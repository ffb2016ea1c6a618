import path from 'node:path'
import type { z } from 'zod'
import { CheckpointError } from '../errors.ts'

/** Configs of a checkpoint folder, by component. */
export interface ComponentConfigs {
  readonly folder: string
  readonly components: Readonly<Record<string, unknown>>
}

/**
 * A component's config.json, checked.
 * @throws CheckpointError when it is missing, or naming the field that is wrong
 */
export function readConfig<T>(schema: z.ZodType<T>, checkpoint: ComponentConfigs, component: string): T {
  const file = path.join(checkpoint.folder, component, 'config.json')
  const config = checkpoint.components[component]
  if (config !== undefined) return checkConfig(schema, config, file)
  throw new CheckpointError('checkpoint/not-found', {
    subject: file,
    expected: 'a config',
    got: 'none',
    advice: 'The folder is not a whole checkpoint of this pipeline: download it again.',
  })
}

/** A config that was read from a file, checked. @throws CheckpointError naming the field that is wrong */
export function checkConfig<T>(schema: z.ZodType<T>, config: unknown, file: string): T {
  const parsed = schema.safeParse(config)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const field = issue?.path.join('.') || 'content'
  throw new CheckpointError('checkpoint/config', {
    subject: file,
    expected: `a valid ${field}`,
    got: issue?.message ?? 'another kind of JSON',
  })
}
