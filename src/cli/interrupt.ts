import { rmSync } from 'node:fs'
import { endWithParent } from '../end-with-parent.ts'
import { type UnfinishedFile, unfinishedFiles } from '../unfinished-files.ts'
import type { FileStamp } from '../weights/file-stamp.ts'
import { mappedFiles } from '../weights/mapped-files.ts'
import {
  type CommandMessage,
  type InterruptMessage,
  type InterruptName,
  interruptNames,
} from './supervision.ts'

/** For a command to end by itself after an interrupt; its supervisor needs some of five seconds for the rest. */
const graceMs = 3500

type Listener = (signal: InterruptName) => void

/** Of this process; one command runs in it. */
let listener: Listener | undefined
let supervised = false
let interruptedBy: InterruptName | undefined

/**
 * A signal that aborts when the command is interrupted. A command that is interrupted again, or has not ended within
 * five seconds, is ended by its supervisor.
 * @param drainMs time that the command goes on for before it ends
 * @param resumable whether the next run of the command goes on from what this one has done
 */
export function interruptSignal(
  onInterrupt: () => void,
  { drainMs = 0, resumable = false }: { readonly drainMs?: number; readonly resumable?: boolean } = {},
): AbortSignal {
  const controller = new AbortController()
  listener = signal => {
    interruptedBy = signal
    onInterrupt()
    controller.abort()
  }
  if (supervised) tell({ type: 'interruptible', graceMs: drainMs + graceMs, resumable })
  else listenToSignals(listener)
  return controller.signal
}

/** Without a supervisor, a second interrupt ends the process in the way that it would have ended without this. */
function listenToSignals(interrupt: Listener): void {
  const once = (signal: NodeJS.Signals) => {
    for (const name of interruptNames) process.off(name, once)
    interrupt(signal as InterruptName)
  }
  for (const name of interruptNames) process.on(name, once)
}

/** Connects the process of a command with its supervisor, which decides about interrupts. */
export function joinSupervisor(): void {
  supervised = true
  const unfinished = new Set<string>()
  unfinishedFiles.subscribe(message => {
    const { path, done } = message as UnfinishedFile
    if (done) unfinished.delete(path)
    else unfinished.add(path)
    tell({ type: 'unfinished', path, done })
  })
  mappedFiles.subscribe(file => tell({ type: 'mapped', file: file as FileStamp }))
  for (const signal of interruptNames) process.on(signal, () => tell({ type: 'signal', signal }))
  process.on('message', ({ signal }: InterruptMessage) => listener?.(signal))
  endWithParent(() => {
    for (const path of unfinished) rmSync(path, { recursive: true, force: true })
  })
  process.channel?.unref()
}

/** Tells the supervisor that the command has done all of its work: a signal that comes now stops nothing. */
export function tellFinished(): void {
  if (supervised) tell({ type: 'finished' })
}

/** Tells the supervisor that an interrupted command has ended, whatever still runs in its process. */
export function endInterrupted(exitCode: number): void {
  if (supervised && interruptedBy !== undefined) tell({ type: 'ended', exitCode })
}

function tell(message: CommandMessage): void {
  if (process.connected) process.send?.(message)
}
