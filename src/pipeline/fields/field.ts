/** What a field of a request is: everything that is known of it, in one record. */
import type { z } from 'zod'
import type { JsonValue } from '../../media/record.ts'
import type { Notify } from '../../notices.ts'
import type { Mode, RequestFacts } from '../model-facts.ts'
import type { ArgumentType } from './argument-types.ts'

/** The schema library, handed in: the help of the command line reads the records without loading it. */
export type Zod = typeof z

/**
 * The records of fields that belong together, by name.
 * @typeParam Fields what a caller writes: an interface whose doc comments say what each field does
 * @typeParam Plan what the run reads: every question answered
 */
export type FieldGroup<Fields, Plan> = {
  readonly [Name in keyof Required<Fields> & string]: RequestField<
    NonNullable<Fields[Name]>,
    Fields,
    Plan,
    Name extends keyof Plan ? Plan[Name] : Plan[keyof Plan]
  >
}

export interface RequestField<Value, Fields, Plan, Planned> {
  /** A line for the help of its flag and for the OpenAPI document: what it does, its range, its default. */
  readonly about: string
  schema(zod: Zod): z.ZodType<unknown, Value>
  /** The value where the request has none; a function for one that the model says. */
  readonly default?: Planned | ((facts: RequestFacts) => Planned)
  /** The value in the plan of what a request says; of a field without a default, also where it says nothing. */
  resolve?(value: Value | undefined, context: FieldContext<Fields>): Planned
  /** Name in the plan, where it is another one; false for a field that only says something about others. */
  readonly planned?: (keyof Plan & string) | false
  /** Whether only models that declare it in `takes` have a use for it: for others it is an error. */
  readonly optIn?: true
  /** What a plan that has a value of it asks of the model. */
  readonly mode?: Mode | ((plan: Plan) => Mode)
  /** Whether a model has a use for it, as its facts say. @default where it can do the one `mode`, if there is one */
  appliesTo?(facts: RequestFacts): boolean
  /**
   * Checks a value beside the other fields and the model; called where the request has one.
   * @throws RequestError
   */
  check?(fields: Fields, facts: RequestFacts): void
  /** Notices where the plan is not what the request says; called where one of them has a value. */
  notice?(fields: Fields, plan: Plan, notify: Notify): void
  /** Whether it guides a run, where `guidance` is 1 too. */
  guides?(plan: Plan): boolean
  /** Whether it changes nothing in a run without guidance. */
  needsGuidance?(plan: Plan): boolean
  readonly flag?: FieldFlag<Value>
  /**
   * The value that is stored in the file; undefined values are left out.
   * @default that of the plan
   */
  readonly stored?: false | ((plan: Plan) => JsonValue | undefined)
  /** The value of what JSON holds, where that is something else: seeds are text there. */
  fromJson?(json: JsonValue): Value
  /** Whether it names files: its texts are paths, alone, in a list, or as `path` of an object. */
  readonly files?: true
  /** Where the HTTP APIs take it as an extension of theirs. */
  readonly api?: ApiField
}

export interface FieldContext<Fields> {
  readonly fields: Fields
  readonly facts: RequestFacts
  /** A seed for requests without one. */
  readonly randomSeed: () => bigint
}

/** Models that have one of some modes. */
export function havingMode(...wanted: readonly Mode[]): (facts: RequestFacts) => boolean {
  return ({ modes }) => wanted.some(mode => modes.includes(mode))
}

/** Headings of the command line's help. */
export type FlagGroup = 'video' | 'pictures' | 'finer' | 'machine'

export interface FieldFlag<Value> {
  /** As it is typed: `--steps`. */
  readonly name: `--${string}`
  /** What stands for its value in the help: `<n>`. */
  readonly argument: string
  readonly group: FlagGroup
  readonly type: ArgumentType<Value> | ArgumentType<Readonly<Record<string, number>>>
  /**
   * Fields that the flag gives together, as an object of their values.
   * @default the record's own
   */
  readonly fields?: readonly string[]
  /** Its line in the help, where it is not that of the field. */
  readonly about?: string
  /** The line of `--no-…`, for a field that can be false. @default it has none */
  readonly negated?: string
}

export interface ApiField {
  /** In camel case; APIs with underscores have it so. */
  readonly name: string
  /** What a server takes, where it is less than what the engine does. */
  schema?(zod: Zod): z.ZodType
}
