import { requestFields } from '../../api/request-fields.ts'
import { finalStates, type TaskRecord } from '../../jobs/task.ts'
import { withPaths } from '../../pipeline/fields/stored-fields.ts'
import { failureMessage } from '../tasks/failure-message.ts'
import {
  type AddressBook,
  conversionAddress,
  inputFileAddress,
  outputAddress,
  previewAddress,
} from '../tasks/output-address.ts'
import { taskNotices } from '../tasks/task-notices.ts'
import { conversionNames, type TaskView } from './contract.ts'
import { inputAddress, inputKeys } from './task-files.ts'

/** All that its owner may know of a task: no key of the storage, and no path. */
export function taskView(book: AddressBook, task: TaskRecord): TaskView {
  const { id, state, api, createdAt, startedAt, finishedAt, request, priority, ahead, attempt, failure } =
    task
  const { preview, notices: _, ...progress } = task.progress
  return {
    id,
    state,
    api,
    createdAt,
    ...(startedAt !== undefined && { startedAt }),
    ...(finishedAt !== undefined && { finishedAt }),
    model: request.model,
    request: withPaths(request.generate, requestFields, key => inputAddress(task, key)),
    loras: request.adapters ?? [],
    priority,
    ahead,
    attempt,
    progress: {
      ...progress,
      ...(preview &&
        !finalStates.includes(state) && {
          preview: { step: preview.step, url: previewAddress(book, task, preview.step) },
        }),
    },
    notices: taskNotices(task),
    ...resultOf(task),
    outputs: Object.fromEntries(
      (task.result?.outputs ?? []).map(({ name }) => [name, outputAddress(book, task, name)]),
    ),
    conversions: task.result
      ? Object.fromEntries(conversionNames.map(name => [name, conversionAddress(book, task, name)]))
      : {},
    files: Object.fromEntries(
      inputKeys(task).map(key => [inputAddress(task, key), inputFileAddress(book, task, key)]),
    ),
    ...(failure && { failure: { code: failure.code, message: failureMessage(task) } }),
  }
}

function resultOf({ result }: TaskRecord): Pick<TaskView, 'result'> {
  if (!result) return {}
  const { outputs: _, notices: __, ...shown } = result
  return { result: shown }
}
