import { IconButton } from '../controls/icon-button.tsx'
import { texts } from '../texts/texts.ts'
import type { Source } from './source.ts'
import { Thumbnail } from './thumbnail.tsx'

/** A source that was chosen, with a button that takes it away. */
export function SourceChip({ source, onRemove }: { readonly source: Source; readonly onRemove: () => void }) {
  return (
    <div class="source">
      <Thumbnail source={source} />
      <span class="file-name">{source.name}</span>
      <IconButton icon="close" label={texts.direct.remove(source.name)} onPress={onRemove} />
    </div>
  )
}
