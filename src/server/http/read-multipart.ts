import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy } from '@fastify/busboy'
import { watchBody } from './body-clock.ts'
import { HttpError } from './http-error.ts'
import { checkText } from './parse-json.ts'
import { type BodyRequest, formType, tooLarge, wrongType } from './read-json.ts'

export interface MultipartFile {
  readonly field: string
  /** Where its bytes are; whoever asked for the form removes or moves it. */
  readonly path: string
  readonly bytes: number
}

export interface Multipart {
  /** In the order of the form. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly files: readonly MultipartFile[]
}

export interface MultipartLimits {
  readonly fileBytes: number
  readonly files: number
  /** Of the fields that are not files, together. */
  readonly fieldBytes: number
}

const mostFields = 100

/**
 * Reads a form, its files to a folder under names of our own.
 * @param beforeFile given the fields that come before a file: what it throws, the form fails with, and no byte of the
 *   file is kept
 * @throws HttpError 400 for a form that is broken, 413 for one that is too large; nothing of it is left then
 */
export async function readMultipart(
  { incoming, bodyTimes }: Pick<BodyRequest, 'incoming' | 'bodyTimes'>,
  folder: string,
  limits: MultipartLimits,
  beforeFile: (fields: Multipart['fields']) => void = () => {},
): Promise<Multipart> {
  const fields: [string, string][] = []
  const files: {
    readonly path: string
    readonly stream: Readable
    readonly written: Promise<MultipartFile>
  }[] = []
  let fieldBytes = 0
  const busboy = openForm(incoming, limits)
  const stopped = new AbortController()
  const fail = (error: HttpError) => stopped.abort(error)
  busboy.on('field', (name, value, nameCut, valueCut) => {
    fieldBytes += value.length
    if (nameCut || valueCut || fieldBytes > limits.fieldBytes) return fail(tooLarge(limits.fieldBytes))
    try {
      for (const text of [name, value]) checkText(text, [name.replaceAll('\0', '')])
      fields.push([name, value])
    } catch (error) {
      fail(error as HttpError)
    }
  })
  busboy.on('file', (field, stream) => {
    try {
      beforeFile(fields)
    } catch (error) {
      stream.on('error', () => {}).resume()
      fail(error as HttpError)
      return
    }
    const path = join(folder, `${randomUUID()}.part`)
    stream.on('limit', () => fail(tooLarge(limits.fileBytes)))
    const written = writeFile(stream, path, field)
    written.catch(() => {}) // reported when all are awaited
    files.push({ path, stream, written })
  })
  for (const limit of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const) {
    busboy.on(limit, () => fail(new HttpError(413, 'The form has too many parts.', { code: 'too_large' })))
  }
  const stopWatching = watchBody(incoming, bodyTimes, fail)
  try {
    await passThrough(incoming, busboy, stopped.signal)
    return { fields, files: await Promise.all(files.map(({ written }) => written)) }
  } catch (error) {
    for (const { stream } of files) stream.destroy(new Error('the form is left out'))
    await Promise.allSettled(files.map(({ written }) => written))
    await Promise.all(files.map(({ path }) => rm(path, { force: true })))
    throw error instanceof HttpError ? error : broken((error as Error).message)
  } finally {
    stopWatching()
  }
}

/** Unlike `pipeline`, leaves the connection open when the form is not wanted: there is an answer to be sent. */
async function passThrough(incoming: IncomingMessage, form: Writable, stopped: AbortSignal): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      form.once('finish', resolve)
      form.once('error', reject)
      incoming.once('error', reject)
      incoming.once('close', () => {
        if (!incoming.complete) reject(new Error('it ended early'))
      })
      stopped.addEventListener('abort', () => reject(stopped.reason), { once: true })
      incoming.pipe(form)
    })
  } finally {
    incoming.unpipe(form)
    form.on('error', () => {})
    form.destroy()
  }
}

function openForm({ headers }: IncomingMessage, { fileBytes, files, fieldBytes }: MultipartLimits) {
  const type = headers['content-type'] ?? ''
  if (!/^multipart\/form-data\s*;/i.test(type)) {
    throw wrongType(headers, [`${formType} with a boundary`])
  }
  try {
    return new Busboy({
      headers: { ...headers, 'content-type': type },
      limits: {
        // One byte more, to tell a value that fills the limit from one that is cut at it.
        fileSize: fileBytes + 1,
        fieldSize: fieldBytes,
        files,
        fields: mostFields,
        parts: mostFields + files,
        fieldNameSize: 200,
        headerPairs: 50,
        headerSize: 8192,
      },
    })
  } catch (error) {
    throw broken((error as Error).message)
  }
}

async function writeFile(stream: Readable, path: string, field: string): Promise<MultipartFile> {
  const file = createWriteStream(path, { flags: 'wx' })
  await pipeline(stream, file)
  return { field, path, bytes: file.bytesWritten }
}

function broken(reason: string): HttpError {
  return new HttpError(400, `The form cannot be read: ${reason}.`, { code: 'invalid_form' })
}
