import { type Bar, bars, escaped, htmlPage, table } from '../benchmark/html-page.ts'
import type { EvaluationReport, SettingReport } from './evaluate.ts'
import { percent, type Share } from './summary.ts'

/** The report as one page without references to other files. */
export function reportPage(report: EvaluationReport): string {
  const { settings, sheet, autoencoderPsnr } = report
  const rows = Object.entries(settings).map(([name, setting]) => [name, ...cellsOf(setting)])
  const acts = Object.entries(settings.text?.motionByAct ?? {})
  const psnr =
    autoencoderPsnr === undefined ? '' : `<p>Autoencoder alone: ${autoencoderPsnr.toFixed(1)} dB.</p>`
  const body = `<p>${report.prompts} held-out prompts, ${report.seeds} of each, on ${escaped(report.device)}, framewright ${escaped(report.version)}.</p>
${psnr}
<h2>What the videos show</h2>
${table(['setting', ...columns], rows)}
<h2>Motions, from text alone</h2>
${bars(acts.map(([name, share]) => barOf(name, share)))}
<h2>Videos, every other frame</h2>
<img alt="Frames of the first videos" src="data:image/png;base64,${Buffer.from(sheet).toString('base64')}">`
  return htmlPage({ title: `Evaluation of ${report.model}`, body })
}

function barOf(name: string, { passed, asked }: Share): Bar {
  return { name, share: asked === 0 ? 0 : passed / asked, label: `${passed} of ${asked}` }
}

const columns = [
  'videos',
  'background',
  'colour',
  'shape',
  'motion',
  'all four',
  'object stays',
  'constant gravity',
  'flicker /255',
  'given frames, dB',
  's a video',
]

function cellsOf(setting: SettingReport): string[] {
  const shares = ['background', 'colour', 'shape', 'motion', 'all', 'permanent', 'constantGravity'] as const
  return [
    String(setting.videos),
    ...shares.map(name => percent(setting[name])),
    setting.flicker?.toFixed(2) ?? '–',
    setting.givenFramePsnr?.toFixed(1) ?? '–',
    setting.secondsPerVideo.toFixed(1),
  ]
}
