/** What one part of the installation is like. */
export interface Finding {
  readonly subject: string
  /** `note`: something that can be done without is not there. `broken`: something that is needed does not work. */
  readonly status: 'ok' | 'note' | 'broken'
  readonly detail: string
  /** A command or a step that mends it. */
  readonly fix?: string
}
