import type { Verdict } from './judge.ts'

/** How many of those that were asked passed. */
export interface Share {
  readonly passed: number
  readonly asked: number
}

export interface Summary {
  readonly videos: number
  readonly background: Share
  readonly colour: Share
  readonly shape: Share
  readonly motion: Share
  readonly permanent: Share
  /** Of bounces. */
  readonly constantGravity: Share
  /** Background, colour, shape and motion at once. */
  readonly all: Share
  readonly motionByAct: Readonly<Record<string, Share>>
  /** Mean, in levels of 255. */
  readonly flicker: number | undefined
}

export function summaryOf(verdicts: readonly Verdict[]): Summary {
  const share = (of: readonly Verdict[], question: (verdict: Verdict) => boolean | undefined): Share => {
    const answers = of.map(question).filter(answer => answer !== undefined)
    return { passed: answers.filter(Boolean).length, asked: answers.length }
  }
  const acts = [...new Set(verdicts.map(({ act }) => act))].sort()
  const flickers = verdicts.flatMap(({ flicker }) => flicker ?? [])
  return {
    videos: verdicts.length,
    background: share(verdicts, ({ background }) => background),
    colour: share(verdicts, ({ colour }) => colour),
    shape: share(verdicts, ({ shape }) => shape),
    motion: share(verdicts, ({ motion }) => motion),
    permanent: share(verdicts, ({ permanent }) => permanent),
    constantGravity: share(verdicts, ({ constantGravity }) => constantGravity),
    all: share(verdicts, ({ background, colour, shape, motion }) => background && colour && shape && motion),
    motionByAct: Object.fromEntries(
      acts.map(act => [
        act,
        share(
          verdicts.filter(verdict => verdict.act === act),
          ({ motion }) => motion,
        ),
      ]),
    ),
    flicker:
      flickers.length > 0 ? flickers.reduce((sum, value) => sum + value, 0) / flickers.length : undefined,
  }
}

/** `97 %`, or a dash where nothing was asked. */
export function percent({ passed, asked }: Share): string {
  return asked === 0 ? '–' : `${Math.round((100 * passed) / asked)} %`
}
