import { goTo } from '../route.ts'
import { chosenTasks, toggleChosen } from '../tasks/chosen.ts'
import { promptOf } from '../tasks/task-facts.ts'
import { knownTask } from '../tasks/task-store.ts'
import { texts } from '../texts/texts.ts'
import { TaskCard } from '../watch/task-card.tsx'

/** A card of the gallery: a press opens the task, its box chooses it. */
export function GalleryCard({ id }: { readonly id: string }) {
  const known = knownTask(id)?.value
  if (!known) return null
  const prompt = promptOf(known.task).slice(0, 100)
  return (
    <div class="gallery-card">
      <TaskCard {...known} onPress={() => goTo({ view: 'make', ids: [id] })} />
      <label class="choose" title={texts.gallery.choose}>
        <input
          type="checkbox"
          aria-label={`${texts.gallery.choose}: ${prompt}`}
          checked={chosenTasks.value.includes(id)}
          onChange={() => toggleChosen(id)}
        />
      </label>
    </div>
  )
}
