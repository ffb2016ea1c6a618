import { HttpError } from '../http/http-error.ts'
import { json, type Route } from '../http/route.ts'
import type { Services } from '../services.ts'
import { openaiModels } from './create-video.ts'

/** Models by all the names that they answer to. */
export function openaiModelRoutes({ catalogue }: Services): Route[] {
  const names = () => [...new Set([...catalogue.checkpoints, ...catalogue.aliases, ...openaiModels])]
  const modelObject = (id: string) => {
    const { checkpoint, adapters } = catalogue.modelFor(id)
    return { id, object: 'model', created: 0, owned_by: 'framewright', checkpoint, loras: adapters }
  }
  return [
    {
      method: 'GET',
      path: '/v1/models',
      api: 'openai',
      summary: 'Names of models, with the checkpoint behind each and its adapters',
      access: 'key',
      async handle() {
        return json({ object: 'list', data: names().map(modelObject) })
      },
    },
    {
      method: 'GET',
      path: '/v1/models/{model}',
      api: 'openai',
      summary: 'One model',
      access: 'key',
      async handle({ params }) {
        if (names().includes(params.model!)) return json(modelObject(params.model!))
        throw new HttpError(404, 'No such model.', { code: 'model_not_found', param: 'model' })
      },
    },
  ]
}
