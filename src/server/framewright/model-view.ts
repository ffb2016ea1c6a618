import { invalidField } from '../http/http-error.ts'
import type { ServedModel } from '../models/served-model.ts'
import type { Services } from '../services.ts'
import type { ModelView } from './contract.ts'
import { fieldsOffered } from './offered-fields.ts'

/** A model that is named here: a checkpoint of the server or an alias. @throws HttpError 400 that lists them */
export function namedModel({ catalogue }: Services, name: string): ServedModel {
  if (catalogue.knows(name)) return catalogue.modelFor(name)
  const known = [...catalogue.checkpoints, ...catalogue.aliases].join(', ')
  throw invalidField(['model'], `Expected a model of ${known}, got ${JSON.stringify(name.slice(0, 100))}.`)
}

/** What a model can do, for whoever builds a form for it. */
export function modelViews({ catalogue }: Services): readonly ModelView[] {
  return catalogue.checkpoints.map(name => {
    const model = catalogue.modelFor(name)
    const { facts, defaults, sizes, adapters } = model
    return {
      name,
      aliases: catalogue.aliases.filter(alias => catalogue.modelFor(alias).checkpoint === model.checkpoint),
      modes: facts.modes,
      requires: facts.requires,
      extends: model.extends,
      defaults,
      sizes,
      adapters,
      fields: fieldsOffered(facts),
      presets: (facts.presets ?? []).map(({ name, what, source, fields }) => ({
        name,
        what,
        source,
        fields,
      })),
    }
  })
}
