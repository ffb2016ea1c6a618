import type { EvaluationReport, SettingReport } from './evaluate.ts'
import { percent, type Share } from './summary.ts'

/** The report as one page without references to other files. */
export function reportPage(report: EvaluationReport): string {
  const { settings, sheet, autoencoderPsnr } = report
  const rows = Object.entries(settings).map(([name, setting]) => [name, ...cellsOf(setting)])
  const acts = Object.entries(settings.text?.motionByAct ?? {})
  const psnr =
    autoencoderPsnr === undefined ? '' : `<p>Autoencoder alone: ${autoencoderPsnr.toFixed(1)} dB.</p>`
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Evaluation of ${escaped(report.model)}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
  table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd }
  td:first-child, th:first-child { text-align: left } img { max-width: 100%; image-rendering: pixelated }
</style>
<h1>Evaluation of ${escaped(report.model)}</h1>
<p>${report.prompts} held-out prompts, ${report.seeds} of each, on ${escaped(report.device)}, framewright ${escaped(report.version)}.</p>
${psnr}
<h2>What the videos show</h2>
${table(['setting', ...columns], rows)}
<h2>Motions, from text alone</h2>
${bars(acts)}
<h2>Videos, every other frame</h2>
<img alt="Frames of the first videos" src="data:image/png;base64,${Buffer.from(sheet).toString('base64')}">
</html>
`
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

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map(cell => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  return `<table>${row(head, 'th')}${rows.map(cells => row(cells, 'td')).join('')}</table>`
}

/** A bar for every share. */
function bars(shares: readonly (readonly [string, Share])[]): string {
  const height = 22
  const lines = shares.map(([name, share], index) => {
    const y = index * height
    const width = share.asked === 0 ? 0 : (400 * share.passed) / share.asked
    return `<text x="0" y="${y + 15}">${escaped(name)}</text><rect x="160" y="${y + 3}" width="${width}" height="15" fill="#4a7"/><text x="${170 + width}" y="${y + 15}">${share.passed} of ${share.asked}</text>`
  })
  return `<svg width="700" height="${shares.length * height}" font-size="13">${lines.join('')}</svg>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
