/** A file that a video is made from. */
export interface Source {
  readonly id: string
  readonly name: string
  readonly kind: 'image' | 'video'
  /** Where the page shows it from. */
  readonly url: string
  /** Of this computer, to be sent. */
  readonly file?: Blob
  /** Of the server, where it has it. */
  readonly address?: string
}

/** A picture or clip at a frame. */
export interface Placed extends Source {
  readonly frame: number
  /** How closely it is held, above 0 to 1. */
  readonly strength: number
}
