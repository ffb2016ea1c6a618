import { Command } from 'commander'
import type { KeyStore } from '../jobs/key-store.ts'
import type { KeysOptions } from '../server/open-keys.ts'
import { databaseAddress, wholeNumber } from './arguments.ts'
import { alignColumns } from './table.ts'
import { UsageError } from './usage-error.ts'

/** API keys of a server. A key is printed once, when it is made: only a hash of it is kept. */
export function keysCommand(): Command {
  const keys = new Command('keys').description('API keys of a server')
  where(keys.command('create'))
    .description('Make a key, and print it: this once')
    .argument('<name>', 'whose or what it is', keyName)
    .option(
      '--active-tasks <count>',
      'tasks of it that may wait or run at a time',
      wholeNumber('--active-tasks', { from: 1, to: 1_000_000 }),
    )
    .option('--json', 'print it as JSON')
    .action(create)
  where(keys.command('list'))
    .description('List the keys, without their secrets')
    .option('--json', 'print them as JSON')
    .action(list)
  where(keys.command('revoke'))
    .description('Refuse a key from now on; its tasks stay')
    .argument('<id>', 'as "keys list" prints it')
    .action(revoke)
  return keys.addHelpText('after', '\nExample:\n  framewright keys create studio --active-tasks 4')
}

function keyName(text: string): string {
  if (text.trim() !== '') return text
  throw new UsageError({
    subject: 'name',
    expected: 'a text that says whose the key is',
    got: JSON.stringify(text),
    advice: 'For example: framewright keys create studio',
  })
}

function where(command: Command): Command {
  return command
    .option('--folder <path>', 'folder of the server, as for serve')
    .option(
      '--database <address>',
      'postgres://… where the server keeps its tasks there',
      databaseAddress('--database'),
    )
    .option('--debug', 'print the stack of errors')
}

interface CreateFlags extends KeysOptions {
  readonly activeTasks?: number
  readonly json?: boolean
}

async function create(name: string, { activeTasks, json, ...at }: CreateFlags): Promise<void> {
  await using keys = await open(at)
  const key = await keys.create(name, activeTasks === undefined ? {} : { activeTasks })
  process.stdout.write(json ? `${JSON.stringify(key)}\n` : `${key.secret}\n`)
  if (!json) {
    process.stderr.write(`key ${key.id} (${name}): it is not shown again\n`)
    process.stderr.write('a server that runs asks for keys within a second\n')
  }
}

async function list({ json, ...at }: KeysOptions & { readonly json?: boolean }): Promise<void> {
  await using keys = await open(at)
  const all = await keys.list()
  if (json) {
    process.stdout.write(`${JSON.stringify(all)}\n`)
    return
  }
  if (all.length === 0) process.stderr.write('none yet; make one with: framewright keys create <name>\n')
  else {
    const rows = all.map(({ id, name, createdAt, revokedAt, limits }) => {
      const active = limits.activeTasks === undefined ? '' : `at most ${limits.activeTasks} active`
      return [id, name, createdAt, active, revokedAt ? `revoked ${revokedAt}` : '']
    })
    process.stdout.write(`${alignColumns(rows)}\n`)
  }
}

async function revoke(id: string, at: KeysOptions): Promise<void> {
  await using keys = await open(at)
  if (await keys.revoke(id)) return
  throw new UsageError({
    subject: 'key',
    expected: 'the id of a key',
    got: JSON.stringify(id),
    advice: 'framewright keys list prints them.',
  })
}

async function open({ folder, database }: KeysOptions): Promise<KeyStore> {
  const { openKeys } = await import('../api/server.ts')
  return await openKeys({
    ...(folder !== undefined && { folder }),
    ...(database !== undefined && { database }),
  })
}
