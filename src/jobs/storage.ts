/**
 * Files by key: `inputs/…`, `uploads/…`, `outputs/…`, `previews/…`, `checkpoints/…`. Keys are path-safe
 * (`[a-z0-9][a-z0-9._-]*` between slashes). A folder that all machines of a fleet see, or their own.
 */
export interface Storage {
  /** Absolute path of the file, whether or not it is there. @throws RequestError for a key that is not one */
  pathOf(key: string): string
  /** Writes a file whole or not at all. */
  write(key: string, bytes: Uint8Array): Promise<void>
  /** Moves a file on the same file system there, whole or not at all. */
  adopt(path: string, key: string): Promise<void>
  /** The same bytes under another key, as a link where the file system has them. Both count as changed then. */
  copy(from: string, to: string): Promise<void>
  /** Size in bytes and time of change; undefined when it is not there. */
  stat(key: string): Promise<{ readonly bytes: number; readonly changed: Date } | undefined>
  /** Removes a file, or all below a key. */
  remove(key: string): Promise<void>
  /**
   * Removes the files below a key that have not changed since, and folders that are empty then.
   * @param but keys of files that stay
   * @returns how many
   */
  removeOlder(key: string, than: Date, but?: ReadonlySet<string>): Promise<number>
}
