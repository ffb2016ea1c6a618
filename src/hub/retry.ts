import { setTimeout } from 'node:timers/promises'
import type { HubApiError } from '@huggingface/hub'

/** How often a request is tried again after failures in a row, and how long it waits before the first of them. */
export interface RetryPolicy {
  readonly retries: number
  /** Doubles with every failure in a row, up to half a minute. */
  readonly delayMs: number
}

export const defaultRetry: RetryPolicy = { retries: 5, delayMs: 500 }

const longestDelayMs = 30_000

/** The hub answered a request with an error status. */
export class HttpStatusError extends Error {
  override readonly name = 'HttpStatusError'
  readonly status: number
  constructor(url: string, status: number) {
    super(`HTTP ${status} for ${url}`)
    this.status = status
  }
}

/** A transfer that ended before its file was whole, or that cannot go on from where it was. */
export class TransferError extends Error {
  override readonly name = 'TransferError'
}

/** The HTTP status that an error stands for, where it does. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpStatusError) return error.status
  return isHubApiError(error) ? error.statusCode : undefined
}

/** By its field: comparing classes would load the hub's client where nothing is fetched from it. */
function isHubApiError(error: unknown): error is HubApiError {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
}

/** Whether trying again may help: the connection failed or the server was busy. */
export function isTransient(error: unknown): boolean {
  const status = statusOf(error)
  if (status !== undefined) return status === 408 || status === 429 || status >= 500
  return error instanceof TransferError || isNetworkFailure(error)
}

/** `fetch` reports connections that fail or break off as a TypeError with a cause. */
function isNetworkFailure(error: unknown): boolean {
  return error instanceof TypeError && error.cause !== undefined
}

/** How long to wait after the n-th failure in a row, counted from 1. */
export function delayAfter(failures: number, { delayMs }: RetryPolicy): number {
  return Math.min(delayMs * 2 ** (failures - 1), longestDelayMs)
}

/** Runs a request that may be repeated until it succeeds, fails for good or has used up its retries. */
export async function withRetries<T>(
  request: () => Promise<T>,
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await request()
    } catch (error) {
      if (failures > policy.retries || !isTransient(error)) throw error
      await setTimeout(delayAfter(failures, policy), undefined, { ...(signal && { signal }) })
    }
  }
}
