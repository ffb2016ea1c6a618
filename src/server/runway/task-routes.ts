import { finalStates } from '../../jobs/task.ts'
import { json, type Route } from '../http/route.ts'
import type { Services } from '../services.ts'
import { findTask } from '../tasks/find-task.ts'
import { addressBook } from '../tasks/output-address.ts'
import { taskObject } from './task-object.ts'

/** The endpoints of Runway's API for a task that there is. Tasks of the other interfaces can be read here, too. */
export function taskRoutes(services: Services): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/tasks/{id}',
      api: 'runway',
      summary: 'State, progress and output of a task',
      access: 'key',
      async handle(request) {
        const task = await findTask(services, request.owner, request.params.id!)
        return json(taskObject(addressBook(services, request), task))
      },
    },
    {
      method: 'DELETE',
      path: '/v1/tasks/{id}',
      api: 'runway',
      summary: 'Cancel a task, or delete one that has ended',
      access: 'key',
      note: 'A cancelled task can still be read, as CANCELLED; a deleted one is gone, with its files.',
      async handle({ owner, params }) {
        const { id, state } = await findTask(services, owner, params.id!)
        if (finalStates.includes(state)) await services.jobs.remove(id)
        else await services.jobs.cancel(id)
        return new Response(null, { status: 204 })
      },
    },
  ]
}
