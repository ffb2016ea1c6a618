/** The evaluation itself: true clips pass, wrong ones fail. */
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { type Clip, drawScene } from '../../../src/eval/draw-scene.ts'
import { judge, traceOf, type Verdict } from '../../../src/eval/judge.ts'
import { shows } from '../../../src/eval/read-motion.ts'
import { actOf, readScenes, type Scene } from '../../../src/eval/scenes.ts'

const all = await readScenes('models/doodle/checkpoint')
const some = process.env.EVALUATE_ALL === '1' ? all : all.filter((_, index) => index % 10 === 0)

test('scenes are drawn as the renderer of the training data draws them', async () => {
  const { data, info } = await sharp('test/fixtures/eval/every-tenth-scene-frame-8.png')
    .raw()
    .toBuffer({ resolveWithObject: true })
  expect([info.width, info.height, info.channels]).toEqual([320, 256, 3])
  let worst = 0
  for (let place = 0; place < 20; place++) {
    const frame = drawScene(all[place * 10]!).frames[8]!
    const [left, top] = [(place % 5) * 64, Math.floor(place / 5) * 64]
    for (let i = 0; i < frame.length; i++) {
      const [row, rest] = [Math.floor(i / 192), i % 192]
      worst = Math.max(worst, Math.abs(frame[i]! - data[(top + row) * 960 + left * 3 + rest]!))
    }
  }
  // Coordinates are rounded to four places in the file of scenes: at an edge that is a few levels.
  expect(worst).toBeLessThanOrEqual(4)
})

describe('of true clips', () => {
  const verdicts = some.map(scene => judge(drawScene(scene), scene))
  const share = (question: (verdict: Verdict) => boolean | undefined) => {
    const asked = verdicts.filter(verdict => question(verdict) !== undefined)
    return asked.filter(question).length / asked.length
  }

  test.each(['background', 'colour', 'shape', 'motion', 'permanent'] as const)('the %s is read', question => {
    const wrong = verdicts.flatMap((verdict, index) =>
      verdict[question] ? [] : [`${some[index]!.prompt}: ${JSON.stringify(verdict.seen)}`],
    )
    expect(
      share(verdict => verdict[question]),
      wrong.join('\n'),
    ).toBeGreaterThanOrEqual(0.99)
  })

  test('bounces have a constant gravity, that of the truth', () => {
    expect(share(({ constantGravity }) => constantGravity)).toBeGreaterThanOrEqual(0.99)
    const errors = verdicts.flatMap(({ parabolaResidual }) => parabolaResidual ?? [])
    expect(Math.max(...errors)).toBeLessThan(0.01)
  })

  test('nothing flickers', () => {
    expect(Math.max(...verdicts.map(({ flicker }) => flicker ?? 0))).toBeLessThan(0.05)
  })
})

describe('of wrong clips', () => {
  /** Verdicts on clips that are right for another scene. */
  const verdictsOn = (change: (scene: Scene) => Scene) =>
    some.map(scene => judge(drawScene(change(scene)), scene))
  const passed = (verdicts: readonly Verdict[], question: 'background' | 'colour' | 'shape' | 'permanent') =>
    verdicts.filter(verdict => verdict[question]).length / verdicts.length
  const change = (fields: (actor: Scene['actors'][number]) => object) => (scene: Scene) => ({
    ...scene,
    actors: scene.actors.map((actor, index) => (index === 0 ? { ...actor, ...fields(actor) } : actor)),
  })

  test('another colour fails', () => {
    const verdicts = verdictsOn(change(({ colour }) => ({ colour: colour === 'red' ? 'cyan' : 'red' })))
    expect(passed(verdicts, 'colour')).toBeLessThan(0.05)
  })

  test('another shape fails', () => {
    const verdicts = verdictsOn(change(({ shape }) => ({ shape: shape === 'star' ? 'square' : 'star' })))
    expect(passed(verdicts, 'shape')).toBeLessThan(0.05)
  })

  test('another background fails', () => {
    const verdicts = verdictsOn(scene => ({
      ...scene,
      background: { name: scene.background.name === 'desert' ? 'meadow' : 'desert', floor: '' },
    }))
    expect(passed(verdicts, 'background')).toBeLessThan(0.05)
  })

  test('another motion fails: a clip of one is not a clip of another', () => {
    const byAct = new Map(
      all
        .filter(({ actors, camera }) => actors.length === 1 && !camera.motion)
        .map(scene => [actOf(scene), scene]),
    )
    const mistaken: string[] = []
    let asked = 0
    for (const [row, [act, scene]] of [...byAct].entries()) {
      for (const [column, [other, shown]] of [...byAct].entries()) {
        const left = process.env.EVALUATE_ALL !== '1' && (row + 2 * column) % 3 !== 0
        if (act === other || left) continue
        const clip = drawScene({
          ...scene,
          actors: [
            {
              ...scene.actors[0]!,
              x: shown.actors[0]!.x,
              y: shown.actors[0]!.y,
              radius: shown.actors[0]!.radius,
              angle: shown.actors[0]!.angle,
            },
          ],
        })
        asked++
        if (shows(act, traceOf(clip, scene))) mistaken.push(`${other} taken for ${act}`)
      }
    }
    expect(asked).toBeGreaterThan(70)
    expect(mistaken.length / asked, mistaken.join('\n')).toBeLessThan(0.05)
  })

  test('a still object fails whatever it should do', () => {
    const frozen = (scene: Scene): Clip => {
      const { size, frames } = drawScene(scene)
      return { size, frames: frames.map(() => frames[0]!) }
    }
    const moving = some.filter(scene => actOf(scene) !== 'still')
    expect(moving.filter(scene => shows(actOf(scene), traceOf(frozen(scene), scene)))).toEqual([])
  })

  test('an object that vanishes fails', () => {
    const verdicts = some.map(scene => {
      const clip = drawScene(scene)
      const behind = drawScene(scene, { actors: false })
      const frames = clip.frames.map((frame, index) => (index === 9 ? behind.frames[9]! : frame))
      return judge({ ...clip, frames }, scene)
    })
    expect(passed(verdicts, 'permanent')).toBeLessThan(0.05)
  })

  test('a bounce at constant speed has no constant gravity', () => {
    const bounces = all.filter(scene => actOf(scene) === 'bounce' && scene.actors.length === 1).slice(0, 3)
    for (const scene of bounces) {
      const [actor] = scene.actors
      const y = Array.from({ length: 17 }, (_, frame) => 0.3 + 0.3 * (1 - Math.abs(1 - ((frame / 8) % 2))))
      const verdict = judge(drawScene({ ...scene, actors: [{ ...actor!, y }] }), scene)
      expect(verdict.constantGravity).toBe(false)
    }
  })

  test('noise from frame to frame is flicker', () => {
    const [scene] = some
    const clip = drawScene(scene!)
    const frames = clip.frames.map((frame, index) =>
      frame.map(value => Math.min(255, value + (index % 2) * 3)),
    )
    expect(judge({ ...clip, frames }, scene!).flicker).toBeGreaterThan(2)
  })
})
