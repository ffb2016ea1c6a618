import { RequestError } from '../../errors.ts'
import type { Preset, RequestFacts } from '../model-facts.ts'
import { text } from './argument-types.ts'
import type { FieldGroup } from './field.ts'

export interface PresetFields {
  /**
   * Name of a few-step model or adapter whose steps, guidance, shift and sampler are the defaults of the request:
   * `facts.presets` has those of the model. What the request says itself wins.
   * @default none
   */
  readonly preset?: string | undefined
}

/** A preset is in the plan by the values that it gives. */
// biome-ignore lint/suspicious/noEmptyInterface: it has no value of its own.
export interface PresetPlan {}

export const presetFields: FieldGroup<PresetFields, PresetPlan> = {
  preset: {
    about: 'settings of a few-step model or adapter, such as lightning',
    schema: z => z.string(),
    planned: false,
    appliesTo: ({ presets = [] }) => presets.length > 0,
    stored: false,
    flag: { name: '--preset', argument: '<name>', group: 'video', type: text },
    api: { name: 'preset' },
  },
}

function presetOf(name: string, { presets = [] }: RequestFacts): Preset {
  const found = presets.find(each => each.name === name)
  if (found) return found
  const names = presets.map(each => each.name)
  throw new RequestError('request/unsupported', {
    subject: 'preset',
    expected: names.length === 0 ? 'none, for this model' : `one of ${names.join(', ')}`,
    got: JSON.stringify(name),
    advice: 'Leave it out, and give steps, guidance, shift and sampler.',
  })
}

/** Ways to say which steps are taken, of which a request has one. */
const spacings: readonly string[] = ['steps', 'timesteps', 'sigmas']

/** A request with the values of a preset where it has none of its own. @throws RequestError for an unknown preset */
export function withPreset<R extends PresetFields>(request: R, preset: string, facts: RequestFacts): R {
  const { fields } = presetOf(preset, facts)
  const own = Object.entries(request).filter(([, value]) => value !== undefined)
  const spaced = own.some(([name]) => spacings.includes(name))
  const left = Object.entries(fields).filter(([name]) => !(spaced && spacings.includes(name)))
  return { ...Object.fromEntries(left), ...Object.fromEntries(own) } as R
}

/** `4 steps, guidance 1, shift 5, sampler euler`: what a preset gives, for people. */
export function presetText({ fields }: Preset): string {
  const { steps, timesteps, sigmas, guidance, shift, sampler } = fields
  const count = timesteps?.length ?? sigmas?.length ?? steps
  const levels = timesteps ? ` at ${timesteps.join(', ')}` : sigmas ? ` at σ ${sigmas.join(', ')}` : ''
  return [
    ...(count === undefined ? [] : [`${count} steps${levels}`]),
    ...(guidance === undefined ? [] : [`guidance ${guidance}`]),
    ...(shift === undefined ? [] : [`shift ${shift}`]),
    ...(sampler === undefined ? [] : [`sampler ${sampler}`]),
  ].join('; ')
}
