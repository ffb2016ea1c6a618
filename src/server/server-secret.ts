import { randomBytes, randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { invalidRequest } from '../errors.ts'

const secretBytes = 32

/**
 * The secret that addresses are signed with. It is made once; all servers of one storage have the same.
 * @throws RequestError when the file holds something else
 */
export async function serverSecret(path: string): Promise<Buffer> {
  const found = await readFile(path).catch(() => undefined)
  if (found) return checked(path, found)
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${randomUUID()}`
  await writeFile(temporary, randomBytes(secretBytes), { mode: 0o600 })
  try {
    // Whole, and only if no other server was faster.
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    return checked(path, await readFile(path))
  } finally {
    await rm(temporary, { force: true })
  }
}

function checked(path: string, secret: Buffer): Buffer {
  if (secret.length === secretBytes) return secret
  throw invalidRequest(
    path,
    `a secret of ${secretBytes} bytes`,
    `${secret.length} bytes`,
    'Remove the file: a new one is made, and addresses that were given out become invalid.',
  )
}
