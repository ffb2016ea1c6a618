import type { TaskView } from '../../server/framewright/contract.ts'
import { Icon } from '../controls/icon.tsx'
import { ownAddress } from '../server/call.ts'
import { texts } from '../texts/texts.ts'

/** What a video can be saved as. */
export function Downloads({ task }: { readonly task: TaskView }) {
  const { outputs, conversions } = task
  if (!outputs.video) return null
  const kinds = [
    { address: outputs.video, text: texts.downloads.video },
    { address: conversions.gif, text: texts.downloads.gif },
    { address: conversions.frames, text: texts.downloads.frames },
    { address: conversions['last-frame'], text: texts.downloads.lastFrame },
  ]
  return (
    <details
      class="menu"
      onKeyDown={event => {
        if (event.key !== 'Escape') return
        event.currentTarget.open = false
        event.currentTarget.querySelector('summary')?.focus()
      }}
    >
      <summary class="quiet">
        <Icon name="download" />
        {texts.task.download}
      </summary>
      <ul>
        {kinds.map(
          ({ address, text }) =>
            address && (
              <li key={text}>
                <a
                  class="quiet"
                  href={ownAddress(address)}
                  download
                  onClick={event => event.currentTarget.closest('details')?.removeAttribute('open')}
                >
                  {text}
                </a>
              </li>
            ),
        )}
      </ul>
    </details>
  )
}
