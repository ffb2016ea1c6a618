import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import type { GenerateFlags } from '../../../src/cli/generate-flags.ts'
import { VideoCheckpoint } from '../../../src/cli/video-checkpoint.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
const checkpointOf = (name: string) =>
  new VideoCheckpoint(
    { output: join(folder, name), request: { prompt: 'a ball' } } as never,
    {} as GenerateFlags,
  ).path

test('a checkpoint lies beside the output, under its name', () => {
  expect(checkpointOf('ball.mp4')).toBe(join(folder, '.ball.mp4.checkpoint'))
})

test('outputs of the longest names have checkpoints of their own', () => {
  const names = [1, 2].map(number => `${'é'.repeat(124)}-${number}.mp4`)
  expect(Buffer.byteLength(names[0]!)).toBe(254)
  const paths = names.map(checkpointOf)
  for (const path of paths) writeFileSync(path, '')
  expect(new Set(paths).size).toBe(2)
  expect(paths.map(path => basename(path))).toEqual([
    expect.stringMatching(/^\.é+\.[0-9a-f]{12}\.checkpoint$/),
    expect.stringMatching(/^\.é+\.[0-9a-f]{12}\.checkpoint$/),
  ])
})
