/**
 * All fields of a request. A field is added in the file of its group; a group here. A field that only models of one family
 * have a use for is in that family's `fields.ts`, and comes here with the list of families.
 */
import type { Mode, RequestFacts } from '../model-facts.ts'
import { type ClipFields, type ClipPlan, clipFields } from './clip.ts'
import { type ControlFields, type ControlPlan, controlFields } from './control.ts'
import { type DecodingFields, type DecodingPlan, decodingFields } from './decoding.ts'
import { type ExpertFields, type ExpertPlan, expertFields } from './experts.ts'
import { type ExtendedPlan, type ExtendFields, extendFields } from './extend.ts'
import type { RequestField } from './field.ts'
import {
  type GuidanceMethodFields,
  type GuidanceMethodPlan,
  guidanceMethodFields,
} from './guidance-method.ts'
import { type LevelFields, type LevelPlan, levelFields } from './levels.ts'
import { type PictureFields, type PicturePlan, pictureFields } from './pictures.ts'
import { type PresetFields, type PresetPlan, presetFields } from './preset.ts'
import { type PromptFields, type PromptPlan, promptFields } from './prompt.ts'
import {
  type GuidanceFields,
  type GuidancePlan,
  guidanceFields,
  type StepFields,
  type StepPlan,
  stepFields,
} from './sampling.ts'
import { type SoundFields, type SoundPlan, soundFields } from './sound.ts'

/** What a caller says in the fields of families: each adds its own by declaration merging. */
// biome-ignore lint/suspicious/noEmptyInterface: families fill it.
export interface FamilyFields {}

/** Those fields with every question answered. */
// biome-ignore lint/suspicious/noEmptyInterface: families fill it.
export interface FamilyPlan {}

/** What a caller asks for. Everything but the prompt has a default. */
export interface GenerateRequest
  extends FamilyFields,
    PromptFields,
    PresetFields,
    StepFields,
    LevelFields,
    GuidanceFields,
    ExpertFields,
    GuidanceMethodFields,
    ClipFields,
    PictureFields,
    ControlFields,
    ExtendFields,
    SoundFields,
    DecodingFields {}

/** A request with every question answered. */
export interface GeneratePlan
  extends FamilyPlan,
    PromptPlan,
    PresetPlan,
    StepPlan,
    LevelPlan,
    GuidancePlan,
    ExpertPlan,
    GuidanceMethodPlan,
    ClipPlan,
    PicturePlan,
    ControlPlan,
    ExtendedPlan,
    SoundPlan,
    DecodingPlan {}

export type FieldName = keyof GenerateRequest

/** A field among the others, whose types are not told apart. */
export type AnyField = RequestField<unknown, GenerateRequest, GeneratePlan, unknown>

/** Records of some fields, by their names. */
export type FieldRecords = Readonly<Record<string, AnyField>>

/** Fields by their names, in the order in which they are shown. */
export type RequestFields = Readonly<Record<FieldName, AnyField>>

const groups: Readonly<Record<Exclude<FieldName, keyof FamilyFields>, unknown>> = {
  ...promptFields,
  ...presetFields,
  ...stepFields,
  ...levelFields,
  ...guidanceFields,
  ...expertFields,
  ...guidanceMethodFields,
  ...clipFields,
  ...pictureFields,
  ...controlFields,
  ...extendFields,
  ...soundFields,
  ...decodingFields,
}

/**
 * Every field that a request may have.
 * @param families the records of each family's own fields
 */
export function requestFieldsOf(families: readonly FieldRecords[]): RequestFields {
  return Object.assign({}, groups, ...families) as RequestFields
}

export function fieldEntries(fields: RequestFields): readonly (readonly [FieldName, AnyField])[] {
  return Object.entries(fields) as [FieldName, AnyField][]
}

/** The modes that a request needs, by the fields that it uses. */
export function modesOf(plan: GeneratePlan): Mode[] {
  return Object.entries(groups as FieldRecords).flatMap(([name, { mode }]) => {
    const value = plan[name as keyof GeneratePlan]
    const isUsed = value !== undefined && !(Array.isArray(value) && value.length === 0)
    return mode && isUsed ? [typeof mode === 'function' ? mode(plan) : mode] : []
  })
}

/** Whether a model names a field that is only for models that do. */
export function isOptedFor(name: FieldName, { optIn }: AnyField, { takes }: RequestFacts): boolean {
  return !optIn || takes.includes(name)
}

/** The plan of a request that is valid: every default filled in. */
export function planFields(
  request: GenerateRequest,
  fields: RequestFields,
  context: { readonly facts: RequestFacts; readonly randomSeed: () => bigint },
): GeneratePlan {
  const entries = fieldEntries(fields).flatMap(([name, field]) => {
    // What the model does not take is refused where a request has it.
    if (field.planned === false || !isOptedFor(name, field, context.facts)) return []
    return [[field.planned ?? name, plannedValue(request[name], field, { fields: request, ...context })]]
  })
  return Object.fromEntries(entries) as GeneratePlan
}

function plannedValue(
  value: unknown,
  field: AnyField,
  context: Parameters<NonNullable<AnyField['resolve']>>[1],
): unknown {
  const { resolve, default: fallback } = field
  if (resolve && (value !== undefined || !('default' in field))) return resolve(value, context)
  return value ?? (typeof fallback === 'function' ? fallback(context.facts) : fallback)
}
