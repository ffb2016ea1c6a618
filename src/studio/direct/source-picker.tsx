import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { FilePicker } from '../controls/file-picker.tsx'
import { acceptOf, sourcesOf } from './read-source.ts'
import type { Source } from './source.ts'

interface SourcePickerProps {
  readonly kinds: readonly Source['kind'][]
  readonly multiple?: boolean
  /** Told of at least one. */
  readonly onSources: (sources: readonly Source[]) => void
  readonly children: ComponentChildren
}

/** A button that asks for sources of some kinds, and says which files are none. */
export function SourcePicker({ kinds, multiple = false, onSources, children }: SourcePickerProps) {
  const [refused, setRefused] = useState<readonly string[]>([])
  return (
    <>
      <FilePicker
        accept={acceptOf(kinds)}
        multiple={multiple}
        onFiles={files => {
          const taken = sourcesOf(files, kinds)
          setRefused(taken.refused)
          if (taken.sources.length > 0) onSources(taken.sources)
        }}
      >
        {children}
      </FilePicker>
      {refused.map(text => (
        <p class="issue" role="alert" key={text}>
          {text}
        </p>
      ))}
    </>
  )
}
