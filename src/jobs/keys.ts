/** Key of an API client. The secret itself is stored nowhere: a SHA-256 of it is. */
export interface ApiKey {
  /** UUID: the owner of tasks. */
  readonly id: string
  readonly name: string
  readonly createdAt: string
  readonly revokedAt?: string
  readonly limits: KeyLimits
}

export interface KeyLimits {
  /** Tasks that may be queued or running at a time. */
  readonly activeTasks?: number
}

export interface Keys {
  /** The key that is not revoked and has this secret. Compares hashes, in constant time. */
  find(secret: string): Promise<ApiKey | undefined>
  /** Whether there is a key that is not revoked. */
  any(): Promise<boolean>
}
