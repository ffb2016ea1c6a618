import { Command } from 'commander'
import type { Diagnosis } from '../engine/doctor.ts'
import { alignColumns } from './table.ts'

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Check that this machine can make videos, and say what to do where it cannot')
    .option('--json', 'print the findings as JSON')
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', '\nThe exit code is 0 when videos can be made on the CPU.')
    .action(doctor)
}

async function doctor({ json }: { json?: boolean }): Promise<void> {
  const { diagnose } = await import('../api/installation.ts')
  const diagnosis = await diagnose()
  process.stdout.write(json ? `${JSON.stringify(diagnosis)}\n` : diagnosisText(diagnosis))
  if (!diagnosis.ready) process.exitCode = 1
}

const marks = { ok: 'ok', note: '-', broken: 'BROKEN' } as const

const verdicts = {
  cpu: 'Videos can be made on the CPU.',
  'cuda:0': 'Videos can be made on the GPU, and on the CPU.',
} as const

/** A line for every finding, and below it how to mend it. */
export function diagnosisText({ ready, device, findings }: Diagnosis): string {
  const lines = alignColumns(findings.map(({ subject, status, detail }) => [subject, marks[status], detail]))
  const fixes = findings.flatMap(({ subject, fix }) => (fix === undefined ? [] : [`${subject}: ${fix}`]))
  const verdict = ready ? verdicts[device] : 'Videos cannot be made yet.'
  return `${[lines, ...(fixes.length > 0 ? ['', 'To do:', ...fixes] : []), '', verdict].join('\n')}\n`
}
