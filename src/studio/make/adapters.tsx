import { Field } from '../controls/field.tsx'
import { NumberInput } from '../controls/number-input.tsx'
import { texts } from '../texts/texts.ts'
import { changeDraft, draft, draftModel } from './draft.ts'

/** The adapters of the model, each with how strongly it counts; nothing where it has none. */
export function Adapters() {
  const names = draftModel.value?.adapters ?? []
  if (names.length === 0) return null
  return (
    <Field label={texts.make.adapters} group>
      {() => names.map(name => <Adapter key={name} name={name} />)}
    </Field>
  )
}

const usualScale = 1

function Adapter({ name }: { readonly name: string }) {
  const { loras } = draft.value
  const chosen = loras.find(each => each.name === name)
  const others = loras.filter(each => each.name !== name)
  const set = (scale: number) => changeDraft({ loras: [...others, { name, scale }] })
  return (
    <div class="adapter">
      <label>
        <input
          type="checkbox"
          checked={chosen !== undefined}
          onChange={event => (event.currentTarget.checked ? set(usualScale) : changeDraft({ loras: others }))}
        />
        {name}
      </label>
      {chosen && (
        <NumberInput
          ids={{ 'aria-label': `${texts.make.strength}: ${name}` }}
          min={-10}
          max={10}
          step={0.05}
          value={chosen.scale}
          fallback={undefined}
          onValue={scale => scale !== undefined && set(scale)}
        />
      )}
    </div>
  )
}
