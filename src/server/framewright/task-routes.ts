import { randomInt } from 'node:crypto'
import { Notices } from '../../notices.ts'
import { invalidField, parseBody } from '../http/http-error.ts'
import { readJson } from '../http/read-json.ts'
import { json, type Route, type RouteRequest } from '../http/route.ts'
import type { ServedModel } from '../models/served-model.ts'
import type { Services } from '../services.ts'
import { createTask } from '../tasks/create-task.ts'
import { findTask } from '../tasks/find-task.ts'
import { addressBook } from '../tasks/output-address.ts'
import { adaptersOf } from '../tasks/plan-task.ts'
import { settleRequest } from '../tasks/plan-video.ts'
import { type TaskList, taskBody, taskListQuery } from './contract.ts'
import { namedModel } from './model-view.ts'
import { checkedRequest, nativeNames } from './offered-fields.ts'
import { priorityRange } from './priority-range.ts'
import { takeFiles } from './task-files.ts'
import { taskPlan } from './task-plan.ts'
import { taskView } from './task-view.ts'

/** Tasks in the engine's own terms: every field that a request of the command line has, and all that is known of each. */
export function nativeTaskRoutes(services: Services): Route[] {
  return [create(services), plan(services), list(services), details(services)]
}

const names = { naming: 'camel', fields: nativeNames } as const

function create(services: Services): Route {
  return {
    method: 'POST',
    path: '/v1/tasks',
    api: 'framewright',
    summary: "Make a video, described in the engine's own fields",
    access: 'key',
    body: { type: ['application/json'], schema: taskBody },
    async handle(request) {
      const body = await readJson(request)
      const { model: name, request: sent, loras, priority } = parseBody(taskBody, body)
      const { max } = priorityRange(request.owner)
      if (priority > max) {
        throw invalidField(
          ['priority'],
          `expected at most ${max} beside the tasks of other keys, got ${priority}`,
        )
      }
      const model = namedModel(services, name)
      const checked = checkedRequest(sent)
      const adapters = adaptersOf(model, { loras })
      settled(model, checked)
      const task = await createTask(services, {
        from: request,
        api: 'framewright',
        identity: [request.incoming.url, body],
        priority,
        webhook: { url: undefined, field: 'webhook' },
        prepare: async () => {
          const taken = await takeFiles(services, request.owner, { ...checked, seed: seedOf(checked) })
          const { generate, notices } = settled(model, taken)
          return {
            planned: {
              request: { model: model.checkpoint, generate, ...(adapters.length > 0 && { adapters }) },
              notices,
            },
            about: { model: name, fields: engineNames },
          }
        },
      })
      return json(taskView(addressBook(services, request), task), { status: 201 })
    },
  }
}

/** Failures and notices of these tasks name fields as the engine does. */
const engineNames = Object.fromEntries(Object.keys(nativeNames).map(name => [name, name]))

const seedOf = ({ seed }: { readonly seed?: unknown }) =>
  seed === undefined ? String(randomInt(2 ** 32)) : String(seed)

function settled(model: ServedModel, request: Parameters<typeof settleRequest>[1]) {
  const notices = new Notices()
  return { ...settleRequest(model, request, names, notices.add), notices: notices.take() }
}

function plan(services: Services): Route {
  return {
    method: 'POST',
    path: '/v1/tasks/plan',
    api: 'framewright',
    summary: 'Plan of a task: size, memory, time and command',
    access: 'key',
    note: 'Nothing is made, and no file is read.',
    body: { type: ['application/json'], schema: taskBody },
    async handle(request) {
      const { model: name, request: sent, loras } = parseBody(taskBody, await readJson(request))
      const model = namedModel(services, name)
      const adapters = adaptersOf(model, { loras })
      const checked = checkedRequest(sent)
      const { plan: planned, notices } = settled(model, checked)
      return json(
        await taskPlan(services, request, {
          model,
          adapters,
          request: checked,
          plan: planned,
          notices,
        }),
      )
    },
  }
}

function list(services: Services): Route {
  return {
    method: 'GET',
    path: '/v1/tasks',
    api: 'framewright',
    summary: 'Tasks of every interface, the newest first',
    access: 'key',
    note: 'Takes limit, after, order, states and search, which looks into the prompt and the model.',
    async handle(request) {
      const { owner, query } = request
      const { after, limit, order, search, states } = parseBody(taskListQuery, Object.fromEntries(query))
      const place = after === undefined ? undefined : await services.jobs.placeOf(owner.id, after)
      const found = await services.jobs.list({
        owner: owner.id,
        limit: limit + 1,
        order,
        ...(search !== undefined && search !== '' && { search }),
        ...(states && { states }),
        ...(place !== undefined && { after: place }),
      })
      const tasks = found.slice(0, limit).map(task => taskView(addressBook(services, request), task))
      return json({
        tasks,
        ...(found.length > limit && { next: tasks.at(-1)!.id }),
      } satisfies TaskList)
    },
  }
}

function details(services: Services): Route {
  return {
    method: 'GET',
    path: '/v1/tasks/{id}/details',
    api: 'framewright',
    summary: 'All that there is to show of a task, and to make it again',
    access: 'key',
    async handle(request: RouteRequest) {
      const task = await findTask(services, request.owner, request.params.id!)
      return json(taskView(addressBook(services, request), task))
    },
  }
}
