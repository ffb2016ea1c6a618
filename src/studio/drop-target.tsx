import { useEffect } from 'preact/hooks'
import { placeFiles } from './direct/placing.ts'
import { openRecord, recordOutcome } from './make/open-record.ts'

/**
 * Files that are dropped or pasted anywhere: pictures go on the timeline, and of a video that Framewright made the settings go
 * into the editor.
 */
export function DropTarget() {
  useEffect(() => {
    const over = (event: DragEvent) => event.preventDefault()
    const drop = (event: DragEvent) => {
      event.preventDefault()
      void take([...(event.dataTransfer?.files ?? [])])
    }
    const paste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])]
      if (files.length === 0) return
      event.preventDefault()
      void take(files)
    }
    document.addEventListener('dragover', over)
    document.addEventListener('drop', drop)
    document.addEventListener('paste', paste)
    return () => {
      document.removeEventListener('dragover', over)
      document.removeEventListener('drop', drop)
      document.removeEventListener('paste', paste)
    }
  }, [])
  const shown = recordOutcome.value
  return (
    <div class="toast-place" role="status">
      {shown && <p class={shown.wrong ? 'toast wrong' : 'toast'}>{shown.text}</p>}
    </div>
  )
}

/** Places a picture or several files on the timeline; of one video, opens the settings. */
async function take(files: readonly File[]): Promise<void> {
  const [first] = files
  if (!first) return
  const isPicture = first.type.startsWith('image/') && first.type !== 'image/gif'
  if (files.length > 1 || isPicture) return await placeFiles(files)
  await openRecord(first)
}
