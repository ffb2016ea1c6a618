/** Largest files, by where they come from: those of the Runway API. */
export const assetLimits = {
  image: { url: 16 * 2 ** 20, data: 5 * 2 ** 20 },
  video: { url: 32 * 2 ** 20, data: 16 * 2 ** 20 },
} as const

export type AssetKind = keyof typeof assetLimits

export const uploadLimit = { least: 512, most: 200 * 2 ** 20 } as const

/** How long an upload can be used. */
export const uploadHours = 24

/** From the request for a URL to its last byte. */
export const fetchSeconds = 20

/** URLs that are fetched at a time: of all clients together, and of one. */
export const fetchesAtOnce = { all: 64, ofOwner: 4 } as const
