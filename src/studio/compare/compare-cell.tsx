import type { TaskView } from '../../server/framewright/contract.ts'
import { fieldLabel } from '../make/field-label.ts'
import { addressOf } from '../route.ts'
import { ownAddress } from '../server/call.ts'
import { isActive, promptOf } from '../tasks/task-facts.ts'
import { texts } from '../texts/texts.ts'
import { pixelsClass } from '../watch/pixels.ts'
import { Progress } from '../watch/progress.tsx'
import { captionLimits } from './differences.ts'

interface CompareCellProps {
  readonly task: TaskView
  readonly preview: string | undefined
  /** From 1. */
  readonly place: number
  readonly silent: boolean
  readonly differences: readonly { readonly name: string; readonly value: string | undefined }[]
  readonly onVideo: (video: HTMLVideoElement | null) => void
}

export function CompareCell({ task, preview, place, silent, differences, onVideo }: CompareCellProps) {
  const { id, state, outputs, request, failure, result } = task
  const { width = 16, height = 9 } = result ?? (request as { width?: number; height?: number })
  const name = `${place}. ${promptOf(task).slice(0, captionLimits.characters)}`
  return (
    <figure class="cell">
      {outputs.video ? (
        <div class="frame" style={{ aspectRatio: `${width} / ${height}` }}>
          <video
            ref={onVideo}
            class={pixelsClass(width)}
            src={ownAddress(outputs.video)}
            poster={outputs.thumbnail && ownAddress(outputs.thumbnail)}
            aria-label={name}
            playsInline
            muted={silent}
            preload="auto"
          />
        </div>
      ) : isActive(task) ? (
        <Progress task={task} preview={preview} />
      ) : (
        <div class={`frame ${state}`}>
          <p class={state === 'failed' ? 'error' : 'muted'}>{failure?.message ?? texts.task.states[state]}</p>
        </div>
      )}
      <figcaption>
        <span class="place">{place}</span>
        <span class="cell-text">
          {differences.slice(0, captionLimits.settings).map(({ name: setting, value }) => (
            <span key={setting}>
              {fieldLabel(setting)}: {value?.slice(0, captionLimits.characters) ?? texts.make.modelDefault}
            </span>
          ))}
        </span>
        <a class="quiet" href={addressOf({ view: 'make', ids: [id] })} aria-label={texts.compare.open(place)}>
          {texts.compare.openShort}
        </a>
      </figcaption>
    </figure>
  )
}
