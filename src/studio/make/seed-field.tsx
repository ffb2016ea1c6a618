import { Field } from '../controls/field.tsx'
import { IconButton } from '../controls/icon-button.tsx'
import { texts } from '../texts/texts.ts'
import { changeDraft, draft } from './draft.ts'
import { drawSeed } from './seed.ts'

/** The seed: a new one for every video, or one that stays. */
export function SeedField() {
  const { seed, seedLocked } = draft.value
  const roll = () => changeDraft({ seed: drawSeed(), seedLocked: true })
  return (
    <Field label={texts.make.seed} name="seed">
      {ids => (
        <div class="seed">
          <input
            {...ids}
            type="text"
            inputMode="numeric"
            value={seed}
            placeholder={texts.make.seedRandom}
            onInput={event => {
              const digits = event.currentTarget.value.replace(/\D/g, '').slice(0, 20)
              event.currentTarget.value = digits
              changeDraft({ seed: digits, seedLocked: digits !== '' })
            }}
          />
          <IconButton icon="dice" label={texts.make.dice} onPress={roll} />
          <IconButton
            icon={seedLocked ? 'locked' : 'unlocked'}
            label={seedLocked ? texts.make.unlock : texts.make.lock}
            pressed={seedLocked}
            disabled={seed === ''}
            onPress={() => changeDraft({ seedLocked: !seedLocked })}
          />
        </div>
      )}
    </Field>
  )
}
