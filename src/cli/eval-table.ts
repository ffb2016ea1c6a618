import type { EvaluationReport } from '../eval/evaluate.ts'
import { alignColumns } from './table.ts'

/** The figures of an evaluation for people: a row for every setting, with how many of those asked passed. */
export function evaluationTable({ settings }: Pick<EvaluationReport, 'settings'>): string {
  const head = [
    '',
    'videos',
    'background',
    'colour',
    'shape',
    'motion',
    'all four',
    'stays',
    'flicker',
    's each',
  ]
  const rows = Object.entries(settings).map(([name, report]) => [
    name,
    String(report.videos),
    ...[report.background, report.colour, report.shape, report.motion, report.all, report.permanent].map(
      passedText,
    ),
    report.flicker === undefined ? '–' : report.flicker.toFixed(2),
    report.secondsPerVideo.toFixed(1),
  ])
  return `${alignColumns([head, ...rows])}\n`
}

function passedText({ passed, asked }: { readonly passed: number; readonly asked: number }): string {
  return asked === 0 ? '–' : `${passed}/${asked}`
}
