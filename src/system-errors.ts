/** What the operating system's errors mean, and what to do: the one table of them. */

export interface SystemReason {
  readonly expected: string
  readonly got: string
  readonly advice: string
}

const writable = 'a place that can be used'
const connection = 'a server that answers'
const checkServer = 'Check the address, and that the server runs.'

export const systemReasons: Readonly<Record<string, SystemReason>> = {
  EACCES: reason(writable, 'permission denied', 'Check the permissions, or choose another place.'),
  EADDRINUSE: reason('a free port', 'one in use', 'Choose another with --port.'),
  EADDRNOTAVAIL: reason('an address of this machine', 'another', 'Choose another with --host.'),
  EAGAIN: reason('free processes and threads', 'none', 'End other programs, or raise the limit (ulimit -u).'),
  EAI_AGAIN: reason('a name server that answers', 'none', 'Check the connection to the network.'),
  EBUSY: reason('a file that is free', 'one in use', 'End the program that uses it.'),
  ECONNABORTED: reason(connection, 'a broken connection', 'Run it again.'),
  ECONNREFUSED: reason(connection, 'connection refused', checkServer),
  ECONNRESET: reason(connection, 'a broken connection', 'Run it again.'),
  EDQUOT: reason('free space in the quota', 'a full quota', 'Free some space, or write to another disk.'),
  EEXIST: reason('a new name', 'one that is there', 'Choose another name, or remove what is there.'),
  EFBIG: reason(
    'a file of any size to be allowed',
    'the size limit of files',
    'Raise it (ulimit -f), or write less.',
  ),
  EHOSTUNREACH: reason(connection, 'no way to its host', 'Check the address and the network.'),
  EIO: reason('a disk that works', 'an input/output error', 'Check the disk.'),
  EISDIR: reason('a file', 'a folder', 'Give the name of a file.'),
  ELOOP: reason('a file', 'links that lead in a circle', 'Give the file itself.'),
  EMFILE: reason('a free file handle', 'too many open files', 'Raise the limit (ulimit -n).'),
  ENAMETOOLONG: reason('a shorter name', 'one that is too long', 'Choose a shorter name.'),
  ENETUNREACH: reason(connection, 'no network', 'Check the connection to the network.'),
  ENFILE: reason('a free file handle', 'too many files open on the machine', 'End other programs.'),
  ENOENT: reason('a file or folder', 'none', 'Check the path: the folders above it have to exist.'),
  ENOMEM: reason('free memory', 'none', 'Free memory, or ask for less.'),
  ENOSPC: reason('free space on the disk', 'a full disk', 'Free some space, or write to another disk.'),
  ENOTDIR: reason('a folder', 'a file', 'Give the name of a folder.'),
  ENOTEMPTY: reason('an empty folder', 'one with files', 'Empty it, or choose another one.'),
  ENOTFOUND: reason('a host', 'none of that name', 'Check the address and the connection to the network.'),
  ENOTSUP: reason('a file system that can do this', 'one that cannot', 'Choose another place.'),
  EPERM: reason(writable, 'permission denied', 'Check the owner, or choose another place.'),
  EPIPE: reason('a reader of the output', 'none', 'Keep the other program running.'),
  EROFS: reason(writable, 'a read-only file system', 'Choose another place.'),
  ETIMEDOUT: reason(connection, 'none in time', checkServer),
  ETXTBSY: reason('a program that does not run', 'one that runs', 'End it first.'),
  EXDEV: reason('a place on the same disk', 'one on another', 'Choose a folder on the same disk.'),
}

function reason(expected: string, got: string, advice: string): SystemReason {
  return { expected, got, advice }
}

interface SystemFailure extends Error {
  readonly code: string
  readonly syscall?: string
  readonly path?: string
  readonly address?: string
  readonly hostname?: string
  readonly port?: number
}

/** The error of the operating system that is behind an error, if there is one: itself, a cause, or one of several. */
export function systemFailureOf(error: unknown, depth = 0): SystemFailure | undefined {
  if (!(error instanceof Error) || depth > 8) return undefined
  if (isSystemFailure(error)) return error
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error.cause]
  for (const cause of causes) {
    const found = systemFailureOf(cause, depth + 1)
    if (found) return found
  }
  return undefined
}

function isSystemFailure(error: Error): error is SystemFailure {
  if (!('code' in error && typeof error.code === 'string')) return false
  return error.code in systemReasons || ('errno' in error && /^E[A-Z0-9_]+$/.test(error.code))
}

/** What the operating system refused, with its code; undefined for an error that is none of its, or has no words here. */
export function systemReasonOf(error: unknown): SystemReason | undefined {
  const code = systemFailureOf(error)?.code
  const known = code === undefined ? undefined : systemReasons[code]
  return known && { ...known, got: `${known.got} (${code})` }
}

/** What the operating system refused, in a sentence; undefined for an error that is none of its. */
export function systemMessage(error: unknown): string | undefined {
  const failure = systemFailureOf(error)
  if (failure === undefined) return undefined
  const { code, port, syscall } = failure
  if (syscall === 'uv_cwd') {
    return 'current folder: expected one that exists, got a removed one. Change to another: cd ~'
  }
  if (code === 'EADDRINUSE' && port !== undefined) {
    return `port ${port} is in use: choose another with --port`
  }
  const known = systemReasonOf(failure)
  if (known === undefined) return `${subjectOf(failure)}: ${failure.message}`
  return `${subjectOf(failure)}: expected ${known.expected}, got ${known.got}. ${known.advice}`
}

function subjectOf({ path, hostname, address, port, syscall }: SystemFailure): string {
  if (path) return path
  const host = address ?? hostname
  if (host) return port === undefined ? host : `${host}:${port}`
  if (port !== undefined) return `port ${port}`
  return syscall ?? 'system'
}
