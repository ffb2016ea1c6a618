import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { evaluationTable } from '../../../src/cli/eval-table.ts'
import { addModelDefaults } from '../../../src/cli/model-defaults.ts'
import { checkOutputs } from '../../../src/cli/output-checks.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { planVideos } from '../../../src/cli/video-jobs.ts'
import type { SettingReport } from '../../../src/eval/evaluate.ts'
import { rejection, scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()

test('a flag with one value that is given twice is refused: the first would be lost', async () => {
  const program = await createProgram()
  // With an output: a video that is made all the same does not land in the current folder.
  const words = ['generate', 'a ball', '--seed', '1', '--seed', '2', '--output', join(folder, 'twice.mp4')]
  const error = await rejection(program.parseAsync(words, { from: 'user' }))
  expect((error as Error).message).toBe('--seed: expected it once, got it twice.')
})

test('--no-clobber refuses a file that is there, and nothing else', async () => {
  const output = join(folder, 'a.mp4')
  const jobs = await planVideos('a ball', { output })
  await checkOutputs(jobs, { clobber: false })
  await writeFile(output, '')
  await checkOutputs(jobs)
  expect(((await rejection(checkOutputs(jobs, { clobber: false }))) as Error).message).toBe(
    `${output}: expected a new name, got one of a file. Choose another with --output, or leave --no-clobber out.`,
  )
})

test('a picture in the place of a prompts file is no prompts', async () => {
  const prompts = join(folder, 'prompts.png')
  await writeFile(prompts, Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x61, 0x0a]))
  await expect(planVideos(undefined, { prompts })).rejects.toThrow(
    `--prompts ${prompts}: expected a text file, got bytes that are no text in UTF-8.`,
  )
})

test('comment lines and blank lines of a prompts file are no prompts', async () => {
  const prompts = join(folder, 'prompts.txt')
  await writeFile(prompts, '# shapes\n\na red ball\n  # none\na blue star\n')
  const jobs = await planVideos(undefined, { prompts })
  expect(jobs.map(({ request }) => request.prompt)).toEqual(['a red ball', 'a blue star'])
})

test('the help of generate has the defaults of the model', async () => {
  const program = await createProgram()
  await addModelDefaults(program, ['generate', '--help'])
  const command = program.commands.find(each => each.name() === 'generate')!
  let help = ''
  command.configureOutput({ writeOut: text => (help += text) })
  command.outputHelp()
  expect(help).toContain(
    'Defaults of doodle:\n  --size 64x64  --frames 17 (2.1 s)  --fps 8\n  --steps 20  --guidance 3',
  )
})

test('the figures of an evaluation are a table', () => {
  const share = { passed: 3, asked: 4 }
  const questions = ['background', 'colour', 'shape', 'motion', 'all', 'permanent', 'constantGravity']
  const report = {
    ...Object.fromEntries(questions.map(name => [name, share])),
    videos: 4,
    flicker: 0.844,
    secondsPerVideo: 2,
  } as unknown as SettingReport
  expect(evaluationTable({ settings: { text: report } }).split('\n')).toEqual([
    '      videos  background  colour  shape  motion  all four  stays  flicker  s each',
    'text  4       3/4         3/4     3/4    3/4     3/4       3/4    0.84     2.0',
    '',
  ])
})
