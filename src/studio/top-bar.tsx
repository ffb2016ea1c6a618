import { IconButton } from './controls/icon-button.tsx'
import { addressOf, route, views } from './route.ts'
import { base } from './server/call.ts'
import { connection } from './tasks/live.ts'
import { texts } from './texts/texts.ts'
import { switchTheme } from './theme.ts'

export function TopBar() {
  return (
    <header class="top-bar">
      <h1>
        <img src={new URL('./icon.svg', import.meta.url).href} alt="" width="24" height="24" />
        <span>{texts.title}</span>
      </h1>
      <nav aria-label={texts.nav.label}>
        {views.map(view => (
          <a
            key={view}
            href={addressOf({ view })}
            aria-current={route.value.view === view ? 'page' : undefined}
          >
            {texts.nav[view]}
          </a>
        ))}
        <a href={new URL('docs', base).href}>{texts.nav.docs}</a>
      </nav>
      <span class={`connection ${connection.value}`} title={texts.connection[connection.value]} />
      <IconButton icon="theme" label={texts.nav.theme} onPress={switchTheme} />
    </header>
  )
}
