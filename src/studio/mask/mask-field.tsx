import { useRef, useState } from 'preact/hooks'
import { Field } from '../controls/field.tsx'
import { SourceChip } from '../direct/source-chip.tsx'
import { SourcePicker } from '../direct/source-picker.tsx'
import { changeDraft, draft } from '../make/draft.ts'
import { texts } from '../texts/texts.ts'
import { releaseMask } from './mask.ts'
import { MaskPainter } from './mask-painter.tsx'

/** Where the control video may be changed: painted, or a file. */
export function MaskField() {
  const [opened, setOpened] = useState(false)
  const { mask } = draft.value
  /** Whether the button that opens the painter gets the focus: it stands where that was. */
  const returns = useRef(false)
  const remove = () => {
    releaseMask(mask)
    changeDraft({ mask: undefined })
    setOpened(false)
    returns.current = true
  }
  return (
    <Field label={texts.mask.title} name="mask" group>
      {() =>
        mask?.kind === 'video' ? (
          <SourceChip source={mask} onRemove={remove} />
        ) : mask || opened ? (
          <MaskPainter focused={opened} onRemove={remove} />
        ) : (
          <div class="mask-begin">
            <button
              type="button"
              class="quiet"
              ref={element => {
                if (element && returns.current) element.focus()
                returns.current = false
              }}
              onClick={() => setOpened(true)}
            >
              {texts.mask.begin}
            </button>
            <SourcePicker kinds={['image', 'video']} onSources={([file]) => changeDraft({ mask: file })}>
              {texts.mask.file}
            </SourcePicker>
          </div>
        )
      }
    </Field>
  )
}
