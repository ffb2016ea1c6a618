import { z } from 'zod'
import { HubError } from '../errors.ts'
import { wrongField } from '../schema-issue.ts'
import { checkFilePath } from './file-path.ts'
import type { HubClient } from './hub-client.ts'
import type { ModelName } from './model-folder.ts'

/** What proves that a file arrived whole: the hub's SHA-256 of a large file or git's object id of a small one, npm's SHA-512. */
export interface Checksum {
  readonly algorithm: 'sha256' | 'sha512' | 'git-sha1'
  readonly hex: string
}

/** A file of a repository on the hub. */
export interface HubFile {
  /** Relative, with forward slashes; never leaves the folder it is joined to. */
  readonly path: string
  readonly bytes: number
  readonly checksum: Checksum
}

/** A model's files as one commit has them. */
export interface Repository extends ModelName {
  readonly commit: string
  readonly files: readonly HubFile[]
}

const commitId = z.string().regex(/^[0-9a-f]{40}$/)

const treeEntry = z.object({
  path: z.string(),
  size: z.int().nonnegative(),
  oid: commitId,
  lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().nonnegative() }).optional(),
})

/**
 * Lists a model's files. The revision is resolved to a commit first, so that what is listed and what is
 * downloaded later belong together.
 * @throws HubError when the hub's answer is malformed or a file's name would leave the model's folder
 */
export async function readRepository(name: ModelName, client: HubClient): Promise<Repository> {
  const { listFiles, modelInfo } = await import('@huggingface/hub')
  const common = { hubUrl: client.endpoint, fetch: client.fetch }
  const info = await modelInfo({
    name: name.id,
    revision: name.revision,
    additionalFields: ['sha'],
    ...common,
  })
  const commit = parsed(commitId, info.sha, `model ${name.id}, commit`)
  const files: HubFile[] = []
  for await (const entry of listFiles({ repo: name.id, revision: commit, recursive: true, ...common })) {
    if (entry.type === 'file') files.push(hubFile(entry, name.id))
  }
  return { ...name, commit, files }
}

function hubFile(entry: unknown, id: string): HubFile {
  const { path, size, oid, lfs } = parsed(treeEntry, entry, `model ${id}, file list`)
  checkFilePath(path, id)
  return lfs === undefined
    ? { path, bytes: size, checksum: { algorithm: 'git-sha1', hex: oid } }
    : { path, bytes: lfs.size, checksum: { algorithm: 'sha256', hex: lfs.oid } }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, subject: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const { field, expected, got } = wrongField(result.error, value, schema)
  throw new HubError(
    'hub/download',
    {
      subject: field === '' ? subject : `${subject}: ${field}`,
      expected: `${expected}, as the hub documents it`,
      got,
      advice: 'Run it again; where the hub is a mirror, check that it is one of Hugging Face.',
    },
    { cause: result.error },
  )
}
