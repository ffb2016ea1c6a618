import { describe, expect, it } from 'vitest'
import { defaultNames, outputNames, slug } from '../../../src/cli/output-names.ts'

const videos = [
  { prompt: 'a', seed: 7n },
  { prompt: 'a', seed: 8n },
]

describe('names of outputs', () => {
  it.each([
    ['{seed}.mp4', ['7.mp4', '8.mp4']],
    ['{index}/v-{seed}.gif', ['1/v-7.gif', '2/v-8.gif']],
    ['out.mp4', ['out-1.mp4', 'out-2.mp4']],
    ['pictures/', ['pictures-1/', 'pictures-2/']],
    ['a.b/out.tar.gif', ['a.b/out.tar-1.gif', 'a.b/out.tar-2.gif']],
  ])('of %s are %j', (pattern, names) => {
    expect(outputNames(pattern, videos)).toEqual(names)
  })

  it.each([
    ['{sead}.mp4', '--output: expected {seed} or {index}, got {sead}. Did you mean {seed}?'],
    ['a/{prompt}-{seed}.mp4', '--output: expected {seed} or {index}, got {prompt}.'],
    ['{}.mp4', '--output: expected {seed} or {index}, got {}.'],
  ])('are not made of %s', (pattern, message) => {
    expect(() => outputNames(pattern, videos)).toThrow(
      expect.objectContaining({ name: 'UsageError', message }),
    )
  })

  it('are left alone for one video', () => {
    expect(outputNames('out.mp4', videos.slice(0, 1))).toEqual(['out.mp4'])
  })

  it('say what the video shows where none is given, and do not take the place of a file', () => {
    const twice = [videos[0]!, videos[0]!]
    expect(defaultNames(twice, name => name === 'a-7.mp4')).toEqual(['a-7-2.mp4', 'a-7-3.mp4'])
    expect(defaultNames([{ prompt: '!!!', seed: 1n }], () => false)).toEqual(['video-1.mp4'])
  })

  it.each([
    ['A red BALL, bouncing!', 'a-red-ball-bouncing'],
    ['../../etc/passwd', 'etc-passwd'],
    ['赤いボール 🎈 über', '赤いボール-über'],
    ['红色的球在蓝色的地板上弹跳'.repeat(3), '红色的球在蓝色的地板上弹跳红色的'],
    ['word '.repeat(40), Array(9).fill('word').join('-')],
  ])('are made of the words of %j', (prompt, expected) => {
    expect(slug(prompt)).toBe(expected)
    expect(Buffer.byteLength(slug(prompt))).toBeLessThanOrEqual(48)
  })
})
