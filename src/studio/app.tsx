import { useEffect } from 'preact/hooks'
import { Announcer } from './announcer.tsx'
import { CompareView } from './compare/compare-view.tsx'
import { DropTarget } from './drop-target.tsx'
import { GalleryView } from './gallery/gallery-view.tsx'
import { KeyForm } from './key-form.tsx'
import { MakeView } from './make/make-view.tsx'
import { loadCapabilities } from './models/capabilities.ts'
import { followAddress, route, type View } from './route.ts'
import { apiKey, keyNeeded } from './server/session.ts'
import { connection, followTasks } from './tasks/live.ts'
import { texts } from './texts/texts.ts'
import { TopBar } from './top-bar.tsx'

const viewOf: Readonly<Record<View, () => preact.JSX.Element>> = {
  make: MakeView,
  gallery: GalleryView,
  compare: CompareView,
}

export function App() {
  useEffect(followAddress, [])
  useEffect(() => {
    const stop = new AbortController()
    // A refusal of the key is shown by the form that asks for it; an outage by the connection.
    loadCapabilities().catch(() => undefined)
    void followTasks(stop.signal)
    return () => stop.abort()
  }, [apiKey.value])
  const CurrentView = viewOf[route.value.view]
  return (
    <>
      <a class="skip" href="#stage">
        {texts.skip}
      </a>
      <TopBar />
      {connection.value === 'lost' && (
        <p class="outage" role="status">
          {texts.connection.lost}
        </p>
      )}
      {keyNeeded.value ? <KeyForm /> : <CurrentView />}
      <DropTarget />
      <Announcer />
    </>
  )
}
