import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'

interface FilePickerProps {
  readonly accept: string
  readonly multiple?: boolean
  readonly onFiles: (files: File[]) => void
  readonly children: ComponentChildren
}

/** A button that asks for files. */
export function FilePicker({ accept, multiple = false, onFiles, children }: FilePickerProps) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button type="button" class="quiet" onClick={() => input.current?.click()}>
        {children}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept={accept}
        multiple={multiple}
        onChange={event => {
          const { files } = event.currentTarget
          if (files && files.length > 0) onFiles([...files])
          event.currentTarget.value = ''
        }}
      />
    </>
  )
}
