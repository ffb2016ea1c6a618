import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { planned } from '../make/plan.ts'
import { fieldNamed } from '../models/capabilities.ts'

export interface FieldIds {
  readonly id: string
  readonly 'aria-describedby': string
  readonly 'aria-invalid': boolean
  /** Of a control that is not the one of the label. */
  readonly 'aria-label'?: string
}

interface FieldProps {
  readonly label: string
  /** Name of the request's field: its description is shown on hover, and what is wrong with it below. */
  readonly name?: string
  readonly about?: string
  /** Beside the label. */
  readonly aside?: ComponentChildren
  /** Whether the label is for several controls. */
  readonly group?: boolean
  readonly children: (ids: FieldIds) => ComponentChildren
}

/** A control with its label, its description and what is wrong with it. */
export function Field({ label, name, about, aside, group, children }: FieldProps) {
  const id = useId()
  const issue = name === undefined ? undefined : planned.value?.issues[name]
  const description = about ?? (name === undefined ? undefined : fieldNamed(name)?.about)
  const ids = { id, 'aria-describedby': `${id}-about`, 'aria-invalid': issue !== undefined }
  return (
    <div class="field">
      <div class="field-head">
        {group ? (
          <span class="label" id={`${id}-label`}>
            {label}
          </span>
        ) : (
          <label for={id}>{label}</label>
        )}
        {aside}
      </div>
      {group ? (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out beside its legend.
        <div role="group" aria-labelledby={`${id}-label`} aria-describedby={`${id}-about`}>
          {children(ids)}
        </div>
      ) : (
        children(ids)
      )}
      <div id={`${id}-about`}>
        {description && (
          <span class="tip" role="tooltip">
            {description}
          </span>
        )}
        {issue && <span class="issue">{issue}</span>}
      </div>
    </div>
  )
}
