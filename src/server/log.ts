import pino, { type DestinationStream, type Logger } from 'pino'

export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug'

/** A log of JSON lines: on the standard output unless given. Keys, prompts and signatures are not put into it. */
export function createLog(level: LogLevel, destination?: DestinationStream): Logger {
  const options = { level, serializers: { error: pino.stdSerializers.err } }
  return destination ? pino(options, destination) : pino(options)
}
