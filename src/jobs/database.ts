export type Row = Readonly<Record<string, unknown>>

/** Where statements go: a database, or one transaction of it. */
export interface Session {
  /** @param values of `$1`, `$2`, …; without them there may be several statements, and the rows are the last one's */
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>
}

export interface TransactionOptions {
  /** Whether each statement may take any time, as those of an upgrade. @default false */
  readonly patient?: boolean
}

/** PostgreSQL, as a server or embedded. */
export interface Database extends Session {
  /** Whether this process is the only one that can have it open. */
  readonly embedded: boolean
  /** All of it or nothing: a throw undoes it. Statements that are asked for at once are done in their order. */
  transaction<T>(work: (session: Session) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** Calls back for every NOTIFY on the channel, from any process, until the database is closed. */
  listen(channel: string, onMessage: (payload: string) => void): Promise<void>
  close(): Promise<void>
}
