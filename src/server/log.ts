import pino, { type DestinationStream, type Logger } from 'pino'
import { readableLines } from './readable-log.ts'

export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug'

/**
 * A log of JSON lines, or of readable ones where it goes to a terminal: by default on standard output. Keys, prompts and
 * signatures are not put into it.
 */
export function createLog(level: LogLevel, destination?: DestinationStream): Logger {
  const options = { level, serializers: { error: pino.stdSerializers.err } }
  if (destination) return pino(options, destination)
  return process.stdout.isTTY ? pino(options, readableLines(process.stdout)) : pino(options)
}
