import path from 'node:path'
import type { z } from 'zod'
import { CheckpointError } from '../errors.ts'
import { wrongField } from '../schema-issue.ts'

/** Configs of a checkpoint, by component. */
export interface ComponentConfigs {
  readonly folder: string
  /** The files of weights that tell the configs, by component. @default each component's folder has a config.json */
  readonly files?: Readonly<Record<string, string>> | undefined
  readonly components: Readonly<Record<string, unknown>>
  /** model_index.json */
  readonly index: Readonly<Record<string, unknown>>
}

/** What an error calls the config of a component: its config.json, or the file of weights that tells it. */
export function configPlace(
  { folder, files }: Pick<ComponentConfigs, 'folder' | 'files'>,
  component: string,
): string {
  const file = files?.[component]
  return file === undefined ? path.join(folder, component, 'config.json') : `${file}: ${component}`
}

/** What an error calls the list of components: model_index.json, or the file that tells it. */
export function indexPlace({ folder, files }: Pick<ComponentConfigs, 'folder' | 'files'>): string {
  return files === undefined ? path.join(folder, 'model_index.json') : folder
}

/** How a component is read. */
export interface ReadConfigOptions {
  /** Values of `_class_name` that are accepted, beside none at all. @default any */
  readonly classes?: readonly string[]
}

/**
 * A component's config.json, checked.
 * @throws CheckpointError when the index leaves the component out, it is of another class, or naming the field that is
 *   wrong
 */
export function readConfig<T>(
  schema: z.ZodType<T>,
  checkpoint: ComponentConfigs,
  component: string,
  { classes }: ReadConfigOptions = {},
): T {
  const { components, index } = checkpoint
  const config = components[component]
  if (config === undefined) {
    throw new CheckpointError('checkpoint/config', {
      subject: `${indexPlace(checkpoint)} ${component}`,
      expected: 'a component, which this pipeline needs, as [library, class]',
      got: JSON.stringify(index[component]) ?? 'nothing',
      advice: 'Use a checkpoint that has it.',
    })
  }
  const file = configPlace(checkpoint, component)
  const { _class_name: name } = config as { _class_name?: unknown }
  if (!classes || name === undefined || classes.some(each => each === name))
    return checkConfig(schema, config, file)
  throw new CheckpointError('checkpoint/config', {
    subject: `${file} _class_name`,
    expected: classes.join(' or '),
    got: String(name),
    advice: 'A component of another class cannot take its place.',
  })
}

/** A config that was read from a file, checked. @throws CheckpointError naming the field that is wrong */
export function checkConfig<T>(schema: z.ZodType<T>, config: unknown, file: string): T {
  const parsed = schema.safeParse(config)
  if (parsed.success) return parsed.data
  const { field, expected, got } = wrongField(parsed.error, config, schema)
  throw new CheckpointError('checkpoint/config', {
    subject: field === '' ? file : `${file} ${field}`,
    ...(ownWords(parsed.error.issues[0]!.message, got) ?? { expected, got }),
    advice: 'Download the file again, or use a checkpoint of a model that is known here.',
  })
}

/** How the messages of zod itself begin. */
const zodMessage = /^(?:Invalid|Too (?:big|small)|Unrecognized)\b/

/** The words that a schema has for a rule of its own: they say what is expected, or what is there instead. */
function ownWords(message: string, got: string) {
  if (zodMessage.test(message)) return undefined
  const [, expected] = /^expected (.*?)(?:, got .*)?$/.exec(message) ?? []
  return expected === undefined ? { expected: 'a valid one', got: message } : { expected, got }
}
