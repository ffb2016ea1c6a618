import type { ApiKey } from '../../jobs/keys.ts'

/** Who sends a request. */
export type Owner = Pick<ApiKey, 'id' | 'limits'>

/** Of everything, where no keys are required. */
export const localOwner: Owner = { id: 'local', limits: {} }
