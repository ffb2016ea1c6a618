import { useEffect } from 'preact/hooks'
import { Choices } from '../controls/choices.tsx'
import { texts } from '../texts/texts.ts'
import { CardGrid } from './card-grid.tsx'
import { ChosenBar } from './chosen-bar.tsx'
import {
  galleryIds,
  gallerySearch,
  galleryStates,
  loaded,
  retryGallery,
  startGallery,
  stateChoices,
} from './gallery-list.ts'

const settledMs = 250

/** Every task of the server's store that is this user's. */
export function GalleryView() {
  const search = gallerySearch.value
  const states = galleryStates.value
  useEffect(() => {
    const timer = setTimeout(() => void startGallery(), search === '' ? 0 : settledMs)
    return () => clearTimeout(timer)
  }, [search, states])
  const { loading, next, error } = loaded.value
  const ids = galleryIds.value
  const asked = search !== '' || states !== 'all'
  return (
    <main class="gallery" id="stage" tabIndex={-1}>
      <div class="gallery-bar">
        <h2 class="unseen">{texts.nav.gallery}</h2>
        <input
          type="search"
          aria-label={texts.gallery.search}
          placeholder={texts.gallery.search}
          value={search}
          maxLength={200}
          onInput={event => {
            gallerySearch.value = event.currentTarget.value
          }}
        />
        <Choices
          label={texts.gallery.show}
          name="states"
          value={states}
          choices={stateChoices.map(value => ({ value, text: texts.gallery.states[value] }))}
          onChoice={value => {
            galleryStates.value = value
          }}
        />
        <p class="muted" role="status">
          {loading ? texts.gallery.loading : texts.gallery.count(ids.length, next !== undefined)}
        </p>
      </div>
      <CardGrid ids={ids} whole={next === undefined} />
      {!loading && error === undefined && ids.length === 0 && (
        <p class="gallery-empty muted">{asked ? texts.gallery.nothing : texts.recent.empty}</p>
      )}
      {error !== undefined && (
        <p class="gallery-empty issue" role="alert">
          {error}{' '}
          <button type="button" class="quiet" onClick={() => void retryGallery()}>
            {texts.task.retry}
          </button>
        </p>
      )}
      <ChosenBar />
    </main>
  )
}
