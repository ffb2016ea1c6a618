import { Recent } from '../watch/recent.tsx'
import { Stage } from '../watch/stage.tsx'
import { Composer } from './composer.tsx'

/** The editor, the video, and what was made lately. */
export function MakeView() {
  return (
    <main class="make-view">
      <Composer />
      <Stage />
      <Recent />
    </main>
  )
}
