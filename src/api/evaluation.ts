import type { EvaluateOptions, EvaluationReport, JudgedEvent } from '../eval/evaluate.ts'

/**
 * Makes videos of a model's held-out prompts and judges what they show; the last event is the report. Loaded when it is
 * called.
 * @throws CheckpointError for a model without an `evaluation.json`
 */
export async function evaluateModel(
  options: EvaluateOptions,
): Promise<AsyncGenerator<JudgedEvent | EvaluationReport>> {
  const { evaluate } = await import('../eval/evaluate.ts')
  return evaluate(options)
}

/** A report as one HTML page. */
export async function evaluationPage(report: EvaluationReport): Promise<string> {
  const { reportPage } = await import('../eval/report-page.ts')
  return reportPage(report)
}
