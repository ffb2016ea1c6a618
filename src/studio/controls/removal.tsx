import { useState } from 'preact/hooks'
import { texts } from '../texts/texts.ts'
import { Icon } from './icon.tsx'

/** What is deleted is gone: it takes two presses. */
export function Removal({ onRemove }: { readonly onRemove: () => void }) {
  const [asked, setAsked] = useState(false)
  if (!asked) {
    return (
      <button type="button" class="quiet" onClick={() => setAsked(true)}>
        <Icon name="trash" />
        {texts.task.remove}
      </button>
    )
  }
  return (
    <span class="sure">
      <button type="button" class="danger" ref={element => element?.focus()} onClick={onRemove}>
        {texts.task.removeSure}
      </button>
      <button type="button" class="quiet" onClick={() => setAsked(false)}>
        {texts.task.keep}
      </button>
    </span>
  )
}
