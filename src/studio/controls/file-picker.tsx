import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'

interface FilePickerProps {
  readonly accept: string
  readonly multiple?: boolean
  /** Shown on hover. */
  readonly about?: string
  readonly onFiles: (files: File[]) => void
  readonly children: ComponentChildren
}

/** A button that asks for files. */
export function FilePicker({ accept, multiple = false, about, onFiles, children }: FilePickerProps) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button type="button" class="quiet" title={about} onClick={() => input.current?.click()}>
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
