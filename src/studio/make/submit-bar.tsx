import type { TaskPlan } from '../../server/framewright/contract.ts'
import { CopyButton } from '../controls/copy-button.tsx'
import { FilePicker } from '../controls/file-picker.tsx'
import { Icon } from '../controls/icon.tsx'
import { acceptOf } from '../direct/read-source.ts'
import { bytesText, timeText } from '../format.ts'
import { texts } from '../texts/texts.ts'
import { curlOf } from './curl.ts'
import { changeDraft, draft, draftModel } from './draft.ts'
import { openRecord } from './open-record.ts'
import { planned, planning } from './plan.ts'
import { submitError, submitting } from './submit.ts'
import { videoCount } from './variants.ts'

/** What pressing the button means, and the button. */
export function SubmitBar() {
  const { count } = draft.value
  const videos = videoCount(draft.value)
  const now = planned.value
  return (
    <div class="submit-bar">
      <div class="plan" aria-live="polite">
        {now?.plan ? (
          <PlanText plan={now.plan} count={videos} />
        ) : (
          <span class="muted">{now?.error ?? texts.plan.checking}</span>
        )}
      </div>
      {submitError.value && (
        <p class="error" role="alert">
          {submitError.value}
        </p>
      )}
      <div class="submit-row">
        <label class="count" title={texts.make.count}>
          <span class="unseen">{texts.make.count}</span>
          <select value={count} onChange={event => changeDraft({ count: Number(event.currentTarget.value) })}>
            {[1, 2, 3, 4, 6, 8].map(each => (
              <option key={each} value={each}>
                × {each}
              </option>
            ))}
          </select>
        </label>
        <button
          type="submit"
          class="primary"
          disabled={submitting.value || !draftModel.value}
          title={texts.make.shortcut}
        >
          <Icon name="spark" />
          {submitting.value
            ? texts.make.submitting
            : videos > 1
              ? texts.make.submitMany(videos)
              : texts.make.submit}
        </button>
      </div>
      <div class="copies">
        <CopyButton label={texts.make.copyCommand} text={planning.value ? undefined : now?.plan?.command} />
        <CopyButton label={texts.make.copyCurl} text={draftModel.value && curlOf(draft.value)} />
        <FilePicker
          accept={acceptOf(['video'])}
          about={texts.record.openAbout}
          onFiles={([file]) => void (file && openRecord(file))}
        >
          <Icon name="edit" />
          {texts.record.open}
        </FilePicker>
      </div>
    </div>
  )
}

function PlanText({ plan, count }: { readonly plan: TaskPlan; readonly count: number }) {
  const { memory, seconds, notices } = plan
  return (
    <>
      {memory && <MemoryText memory={memory} />}
      <p>{seconds === undefined ? texts.plan.timeUnknown : texts.plan.time(timeText(seconds * count))}</p>
      {notices.map(({ message }) => (
        <p class="notice" key={message}>
          {message}
        </p>
      ))}
    </>
  )
}

function MemoryText({ memory }: { readonly memory: NonNullable<TaskPlan['memory']> }) {
  const { bytes, free, fits, device, text } = memory
  const needed = bytesText(bytes)
  if (free === undefined) {
    return (
      <p title={text}>
        {texts.plan.memoryUnknown(needed)} {device}
      </p>
    )
  }
  const words = fits ? texts.plan.memory : texts.plan.tooLarge
  return (
    <div class={fits ? 'memory' : 'memory too-large'} title={text}>
      <meter min={0} max={free} value={Math.min(bytes, free)} aria-hidden="true" />
      <p>
        {words(needed, bytesText(free))} {device}
      </p>
    </div>
  )
}
